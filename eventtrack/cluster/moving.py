"""Moves between a store, a shared log and another shared log. Nothing is removed where it was.

A move may be stopped at any instant and done again: it reads what has arrived, and goes on.
"""

import hashlib
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import msgspec

from eventtrack.cluster.copies import Copy, LogCopy, opened_copy
from eventtrack.errors import ChecksumError, InvalidValueError, NotFoundError, VerificationError
from eventtrack.events.attachments import blobs_named
from eventtrack.events.envelope import Envelope
from eventtrack.limits import SHARED_BLOCK_BYTES_MAX, SHARED_BLOCK_ENVELOPES_MAX
from eventtrack.log import merkle
from eventtrack.log.blocks import Block
from eventtrack.sharedlog.artifacts import open_artifacts
from eventtrack.sharedlog.checking import LogCheck, Progress
from eventtrack.sharedlog.making import holds_shared_log, open_shared_log
from eventtrack.sharedlog.news import takes_away
from eventtrack.sharedlog.protocol import SharedLog
from eventtrack.store import open_store
from eventtrack.store.replication import Replication
from eventtrack.store.shared_blobs import SharedBlobs
from eventtrack.sync import SyncReport
from eventtrack.sync.exchange import pull
from eventtrack.sync.protocol import FeedHead


def checked(log: SharedLog, progress: Progress | None = None) -> LogCheck:
    """A check of a log that is whole.

    Raises:
        VerificationError: It has faults, so that not all of it could be moved.
    """
    check = LogCheck(log)
    if faults := check.run(progress):
        raise VerificationError(
            f"cannot move {log.url}: {len(faults)} of its parts are not what was appended",
            hint="`eventtrack cluster check` names them, `eventtrack cluster repair` restores them",
        )
    return check


class Moved(msgspec.Struct):
    """The result of a move: what this call moved, and artifacts that were not at the source."""

    envelopes: int = 0
    artifacts: int = 0
    artifacts_missing: int = 0


def move(source: str, target: str, progress: Progress | None = None) -> Moved:
    """Move between addresses of stores and of shared logs.

    Raises:
        InvalidValueError: Neither address is that of a shared log.
        VerificationError: A log has faults.
    """
    with ExitStack() as opened:
        logs = [_open_log(address, opened) for address in (source, target)]
        if logs[1] is None:
            if logs[0] is None:
                raise InvalidValueError(
                    f"cannot move {source} to {target}: neither is a shared log",
                    hint="`eventtrack sync` and `eventtrack clone` bring stores together",
                )
            store = open_store(Path(target).expanduser(), source="cli")
            blobs = open_artifacts(source, logs[0].description.artifacts)
            return move_out(logs[0], store.replication, blobs, progress)
        shared = open_artifacts(target, logs[1].description.artifacts)
        if logs[0] is None:
            copy = opened.enter_context(opened_copy(source, logs[1]))
        else:
            theirs = open_artifacts(source, logs[0].description.artifacts)
            copy = Copy(source, LogCopy(checked(logs[0], progress)), fetch=theirs.get)
        return move_into(logs[1], copy, shared, progress)


def move_into(
    log: SharedLog, copy: Copy, shared: SharedBlobs | None, progress: Progress | None = None
) -> Moved:
    """Append everything that a copy has and the log lacks, artifacts before the events.

    Raises:
        VerificationError: The log has faults.
        ConflictError: Somebody else appends to the same feeds at the same time.
    """
    check = checked(log, progress)
    heads = LogCopy(check).heads()
    lasts: dict[bytes, int] = {}
    for chain in check.tips():
        lasts[chain.replica] = max(lasts.get(chain.replica, 0), chain.last)
    total = sum(head.size for head in copy.source.heads()) - sum(head.size for head in heads)
    moved = Moved()
    artifacts = _Artifacts(copy, shared, moved)
    for whole in copy.source.read(heads):
        replica, block = whole.header.replica, _behind(whole, heads)
        if block is None:
            continue
        for part in block.parts(SHARED_BLOCK_ENVELOPES_MAX, SHARED_BLOCK_BYTES_MAX):
            artifacts.bring(part)
            last = lasts.get(replica, 0)
            lasts[replica] = log.append(part, last=last, decides=takes_away(part))
            moved.envelopes += part.header.count
            if progress is not None:
                progress("moving envelopes", min(moved.envelopes, total), max(total, 1))
    return moved


def move_out(
    log: SharedLog,
    store: Replication,
    blobs: SharedBlobs | None = None,
    progress: Progress | None = None,
) -> Moved:
    """Bring everything that a log has into a store, artifacts after the events.

    Raises:
        VerificationError: The log has faults.
    """
    copy = LogCopy(checked(log, progress))
    report = SyncReport()
    pull(store, copy, copy.heads(), report, progress)
    moved = Moved(report.pulled.envelopes)
    wanted = store.live_blobs() if blobs is not None else set()
    for digest in sorted(wanted):
        if blobs is not None and not store.blobs.holds(digest):
            try:
                store.blobs.receive(digest, blobs.get(digest))
                moved.artifacts += 1
            except NotFoundError:
                moved.artifacts_missing += 1
    return moved


def _open_log(address: str, opened: ExitStack) -> SharedLog | None:
    if not holds_shared_log(address):
        return None
    return opened.enter_context(closing(open_shared_log(address)))


class _Artifacts:
    """Artifacts on their way to where the servers of a log share theirs."""

    def __init__(self, copy: Copy, shared: SharedBlobs | None, moved: Moved) -> None:
        self._fetch = copy.fetch
        self._shared = shared
        self._moved = moved
        self._met: set[bytes] = set()

    def bring(self, block: Block) -> None:
        """Bring the artifacts that a block names and that are not there."""
        for data in block.envelopes:
            for digest in blobs_named(Envelope(data)):
                if digest not in self._met:
                    self._met.add(digest)
                    self._bring(digest)

    def _bring(self, digest: bytes) -> None:
        if self._shared is None or self._fetch is None or self._shared.holds(digest):
            return
        with tempfile.NamedTemporaryFile(prefix="eventtrack-") as file:
            hashed = hashlib.sha256()
            try:
                for chunk in self._fetch(digest):
                    file.write(chunk)
                    hashed.update(chunk)
            except NotFoundError:
                self._moved.artifacts_missing += 1
                return
            file.flush()
            if hashed.digest() != digest:
                raise ChecksumError(
                    f"the artifact {digest.hex()} is not what was logged",
                    hint="run `eventtrack check` where it comes from; then move again",
                )
            self._shared.put(digest, Path(file.name))
            self._moved.artifacts += 1


def _behind(block: Block, heads: Sequence[FeedHead]) -> Block | None:
    """The part of a block that is behind the heads that are there; None if there is no such part.

    A source may begin its blocks before the ends that it was told.
    """
    header = block.header
    cut = header.first
    for head in heads:
        is_within = head.replica == header.replica and cut < head.size <= header.stop
        if is_within and merkle.root(block.frontier_at(head.size)) == head.root:
            cut = head.size
    if cut == header.stop:
        return None
    return block if cut == header.first else block.behind(cut)
