"""The journals of a damaged store: points that had returned and may be nowhere else."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import msgspec

from eventtrack.errors import EventtrackError
from eventtrack.events.reading import read
from eventtrack.log.drain import SlotLookup, append_frames
from eventtrack.log.frames import OLD_MAGIC, PREAMBLE, Frame, scan, session_in
from eventtrack.log.journal import SUFFIX
from eventtrack.log.protocol import LogTransaction
from eventtrack.rescue.damaged import DamagedFile
from eventtrack.rescue.report import SalvageReport
from eventtrack.store import Store

# A journal holds at most this much; more in a file of that name is not a journal's.
_JOURNAL_BYTES_MAX = 256 * 2**20
_PAGE = 1024


def take_journals(folder: Path, store: Store, report: SalvageReport) -> None:
    """Append the frames of all journals in a folder that no envelope of their session holds.

    The files that were set aside as damaged are read too, up to the damage and behind it.
    """
    for path in sorted([*folder.glob("*" + SUFFIX), *folder.glob("*.damaged")]):
        try:
            with DamagedFile(path) as file:
                data = file.read(0, _JOURNAL_BYTES_MAX)
        except EventtrackError as error:
            report.note(f"journal {path.name}: {error.message}")
            continue
        if not data.strip(b"\0"):
            continue  # made by a process that died before it wrote
        frames, damage = _frames(data)
        if damage:
            report.is_end_known = False
            report.note(f"journal {path.name}: {damage}")
        if frames:
            _, _, session = PREAMBLE.unpack_from(data)
            said = session_in(frames)  # under a checksum, which the beginning is not
            report.journal_events += _append(store, frames, said or session)


def _frames(data: bytes) -> tuple[list[Frame], str]:
    """The whole frames of a journal whose slots are defined in it, and what is wrong with it."""
    if len(data) < PREAMBLE.size:
        return [], "it is shorter than a journal's beginning"
    found = scan(data, PREAMBLE.size, len(data), old=data.startswith(OLD_MAGIC))
    try:
        slots = SlotLookup(found.frames)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [], "what its frames are for cannot be read"
    known = [frame for frame in found.frames if frame[0] and frame[0] in slots]
    definitions = [frame for frame in found.frames if not frame[0]]
    return [*definitions, *known], found.damage


def _append(store: Store, frames: list[Frame], session: bytes) -> int:
    slots = SlotLookup(frames)
    streams = {slots(number).stream for number, _ in frames if number}
    # The log of the damaged store counted which frames it had moved. That count may be gone or the
    # moved ones may be, so what counts is which bodies the session's envelopes hold.
    there, erased = _recorded(store, session, streams)
    missing: list[Frame] = []
    for number, body in (frame for frame in frames if frame[0]):
        stream = slots(number).stream
        if there[stream, body]:
            there[stream, body] -= 1
        elif stream not in erased:
            missing.append((number, body))
    if missing:
        store.replication.receive(_appender(missing, slots, session))
    return len(missing)


def _appender(
    frames: list[Frame], slots: SlotLookup, session: bytes
) -> Callable[[LogTransaction], None]:
    def work(transaction: LogTransaction) -> None:
        append_frames(transaction, frames, slots, session)

    return work


def _recorded(
    store: Store, session: bytes, streams: set[str]
) -> tuple[Counter[tuple[str, bytes]], set[str]]:
    """How often a session recorded each body for each of these streams, and which were redacted.

    What was redacted must not come back from a journal.
    """
    log = store.replication.log
    bodies: Counter[tuple[str, bytes]] = Counter()
    erased: set[str] = set()
    position = 0
    while page := log.read(position, _PAGE):
        position = page[-1].position
        for envelope in page:
            header = envelope.header
            if header.session != session or header.stream not in streams:
                continue
            for part in read(envelope).parts:
                found = msgspec.msgpack.decode(part.bodies, type=list[msgspec.Raw])
                bodies.update((header.stream, bytes(body)) for body in found)
            if not envelope.payload and log.erased_in(
                header.replica, header.index, header.index + 1
            ):
                erased.add(header.stream)
    return bodies, erased
