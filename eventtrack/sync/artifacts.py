"""Artifacts follow the events that name them, by hash (docs/wire.md, section 7).

A file for each remote and direction notes how far the log was searched for names, and which named
artifacts are still wanted. The file only saves work: without it the whole log is searched again.
"""

import contextlib
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path

import msgspec

from eventtrack.errors import ChecksumError, NotFoundError
from eventtrack.events.attachments import blobs_named
from eventtrack.events.envelope import Envelope
from eventtrack.events.redaction import redactions
from eventtrack.log.durable import rewrite_note
from eventtrack.log.protocol import EventLog
from eventtrack.store.replication import Replication
from eventtrack.sync.protocol import Remote
from eventtrack.sync.report import Moved, Progress
from eventtrack.sync.segments import SegmentRemote

_COPY_BYTES = 2**20
_PAGE = 1024
_ASKED_AT_ONCE = 1024
# Ledgers are not synced: a power cut may leave zeros in one.
_CHECKSUM_BYTES = 4


class Ledger(msgspec.Struct, array_like=True):
    """The state of a search of the log for artifacts.

    The log was searched up to `position`; `leaf`, the hash of the envelope there, tells whether it
    is still the same log. `wanted` are the named artifacts that have not been moved. `rewrites`
    counts the payloads that had been erased or filled in by then: such a payload names other blobs.
    Redactions ordered `forbidden` to be deleted in any case, and `released` unless another event
    names them.
    """

    position: int = 0
    leaf: bytes = b""
    wanted: list[bytes] = []
    rewrites: int = 0
    forbidden: list[bytes] = []
    released: list[bytes] = []


def pull_artifacts(
    target: Replication, remote: Remote, file: Path, moved: Moved, progress: Progress | None
) -> None:
    """Fetch the artifacts that events here name, that are not here, and that the remote holds.

    Raises:
        ChecksumError: An artifact is damaged there; the others have come.
    """
    ledger = _searched(target.log, _read(file))
    absent = [digest for digest in ledger.wanted if not target.blobs.holds(digest)]
    left = set(absent)
    damage: ChecksumError | None = None
    for start in range(0, len(absent), _ASKED_AT_ONCE):
        some = absent[start : start + _ASKED_AT_ONCE]
        for digest in sorted(remote.present_blobs(some)):
            try:
                size = target.blobs.receive(digest, remote.get_blob(digest))
            except NotFoundError:
                continue  # deleted there in between
            except ChecksumError as error:
                damage = damage or error  # raised when the others have come
                continue
            left.discard(digest)
            moved.artifacts += 1
            moved.artifact_bytes += size
            if progress is not None:
                progress("pulling artifacts", moved.artifacts, len(absent))
    moved.artifacts_missing += len(left)
    _write(file, ledger, left)
    if damage is not None:
        raise damage


def push_artifacts(
    source: Replication,
    remote: Remote,
    file: Path,
    moved: Moved,
    progress: Progress | None,
    *,
    drops: Callable[[Envelope], bool] | None = None,
) -> None:
    """Give the remote the artifacts that events here name, that are here, and that it lacks.

    Args:
        drops: Whether the artifacts of an envelope stay here; each choice has a file of its own.

    Raises:
        ChecksumError: An artifact is damaged here; the others were given.
    """
    damage: ChecksumError | None = None
    ledger = _searched(source.log, _read(file), drops)
    here = [digest for digest in ledger.wanted if source.blobs.holds(digest)]
    left = set(ledger.wanted).difference(here)
    done = 0
    for start in range(0, len(here), _ASKED_AT_ONCE):
        some = here[start : start + _ASKED_AT_ONCE]
        present = remote.present_blobs(some)
        for digest in some:
            done += 1
            if digest in present:
                continue
            try:
                with source.blobs.open(digest) as stream:
                    # The other end keeps the artifact only if its bytes have the hash.
                    remote.put_blob(digest, iter(partial(stream.read, _COPY_BYTES), b""))
                    moved.artifact_bytes += stream.tell()
            except ChecksumError as error:
                damage = damage or error  # raised when the others were given
                left.add(digest)
                continue
            moved.artifacts += 1
            if progress is not None:
                progress("pushing artifacts", done, len(here))
    moved.artifacts_missing += len(left)
    if isinstance(remote, SegmentRemote):
        _drop_redacted(source, remote, ledger)
    _write(file, ledger, left)
    if damage is not None:
        raise damage


def _drop_redacted(source: Replication, remote: SegmentRemote, ledger: Ledger) -> None:
    """Delete redacted artifacts from a place that only keeps bytes and obeys no redaction."""
    there = remote.present_blobs([*ledger.forbidden, *ledger.released])
    if there:
        forbidden = there.intersection(ledger.forbidden)
        others = there - forbidden - source.live_blobs()
        remote.drop_blobs(
            [*forbidden, *(digest for digest in others if not source.blobs.holds(digest))]
        )


def _searched(
    log: EventLog, ledger: Ledger, drops: Callable[[Envelope], bool] | None = None
) -> Ledger:
    """The ledger, brought up to the end of the log."""
    known = log.get(ledger.position) if ledger.position else None
    rewrites = log.rewrites()
    if known is None or (known.leaf_hash, rewrites) != (ledger.leaf, ledger.rewrites):
        ledger = Ledger()  # there is none yet, or it belongs to another history
    ledger.rewrites = rewrites
    wanted, forbidden, released = map(
        dict.fromkeys, (ledger.wanted, ledger.forbidden, ledger.released)
    )
    while page := log.read(ledger.position, _PAGE):
        for envelope in page:
            with contextlib.suppress(
                ChecksumError
            ):  # a damaged envelope is reported when it is sent
                if drops is None or not drops(envelope):
                    wanted.update(dict.fromkeys(blobs_named(envelope)))
                for order in redactions(envelope):
                    (released if order.envelopes else forbidden).update(dict.fromkeys(order.blobs))
        ledger.position, ledger.leaf = page[-1].position, page[-1].leaf_hash
    ledger.forbidden, ledger.released = [*forbidden], [*released]
    ledger.wanted = [digest for digest in wanted if digest not in forbidden]
    return ledger


def _read(file: Path) -> Ledger:
    try:
        data = file.read_bytes()
        checksum, body = data[:_CHECKSUM_BYTES], data[_CHECKSUM_BYTES:]
        if zlib.crc32(body).to_bytes(_CHECKSUM_BYTES) != checksum:
            return Ledger()
        return msgspec.msgpack.decode(body, type=Ledger)
    except (OSError, msgspec.DecodeError):
        return Ledger()


def _write(file: Path, ledger: Ledger, left: set[bytes]) -> None:
    ledger.wanted = sorted(left)
    data = msgspec.msgpack.encode(ledger)
    data = zlib.crc32(data).to_bytes(_CHECKSUM_BYTES) + data
    if file.exists() and file.read_bytes() == data:
        return
    rewrite_note(file, data)
