"""Salvage of journals: they may hold points that were acknowledged and are nowhere else."""

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

# The largest journal; bytes beyond this in a file of that name belong to no journal.
_JOURNAL_BYTES_MAX = 256 * 2**20
_PAGE = 1024


def take_journals(folder: Path, store: Store, report: SalvageReport) -> None:
    """Append the journals' frames that no envelope of their session holds.

    Files that were set aside as damaged are read too, up to the damage and behind it.
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
            said = session_in(frames)  # protected by a checksum, unlike the journal's beginning
            report.journal_events += _append(store, frames, said or session)


def _frames(data: bytes) -> tuple[list[Frame], str]:
    """The whole frames of a journal whose slots are defined in it, and its damage ("": none)."""
    if len(data) < PREAMBLE.size:
        return [], "it is shorter than a journal's beginning"
    journal = scan(data, PREAMBLE.size, len(data), old=data.startswith(OLD_MAGIC))
    try:
        slots = SlotLookup(journal.frames)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [], "what its frames are for cannot be read"
    known = [frame for frame in journal.frames if frame[0] and frame[0] in slots]
    definitions = [frame for frame in journal.frames if not frame[0]]
    return [*definitions, *known], journal.damage


def _append(store: Store, frames: list[Frame], session: bytes) -> int:
    slots = SlotLookup(frames)
    streams = {slots(number).stream for number, _ in frames if number}
    # The damaged store's log counted the frames that it had moved out of the journal. The count, or
    # the moved frames, may be gone. So the bodies in the session's envelopes decide.
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
    """The number of records of each body in a session, by stream, and the redacted streams.

    Redacted events must not come back from a journal.
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
                recorded = msgspec.msgpack.decode(part.bodies, type=list[msgspec.Raw])
                bodies.update((header.stream, bytes(body)) for body in recorded)
            if not envelope.payload and log.erased_in(
                header.replica, header.index, header.index + 1
            ):
                erased.add(header.stream)
    return bodies, erased
