"""Moves between a store, a shared log and another shared log. Nothing is removed where it was.

A move may be stopped at any instant and done again: it reads what has arrived, and goes on.
"""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from eventtrack.cluster.copies import LogCopy, opened_copy
from eventtrack.errors import InvalidValueError, VerificationError
from eventtrack.limits import SHARED_BLOCK_BYTES_MAX, SHARED_BLOCK_ENVELOPES_MAX
from eventtrack.log import merkle
from eventtrack.log.blocks import Block
from eventtrack.sharedlog.checking import LogCheck, Progress
from eventtrack.sharedlog.making import holds_shared_log, open_shared_log
from eventtrack.sharedlog.protocol import SharedLog
from eventtrack.store import open_store
from eventtrack.store.replication import Replication
from eventtrack.sync import SyncReport
from eventtrack.sync.exchange import pull
from eventtrack.sync.protocol import FeedHead, Source


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


def move(source: str, target: str, progress: Progress | None = None) -> int:
    """Move between addresses of stores and of shared logs; returns the number of new envelopes.

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
            return move_out(logs[0], store.replication, progress)
        if logs[0] is not None:
            return move_into(logs[1], LogCopy(checked(logs[0], progress)), progress)
        copy = opened.enter_context(opened_copy(source, logs[1]))
        return move_into(logs[1], copy.source, progress)


def _open_log(address: str, opened: ExitStack) -> SharedLog | None:
    if not holds_shared_log(address):
        return None
    return opened.enter_context(closing(open_shared_log(address)))


def move_into(log: SharedLog, source: Source, progress: Progress | None = None) -> int:
    """Append everything that a source has and the log lacks; returns the number of envelopes.

    Raises:
        VerificationError: The log has faults.
        ConflictError: Somebody else appends to the same feeds at the same time.
    """
    check = checked(log, progress)
    heads = LogCopy(check).heads()
    lasts: dict[bytes, int] = {}
    for chain in check.tips():
        lasts[chain.replica] = max(lasts.get(chain.replica, 0), chain.last)
    total = sum(head.size for head in source.heads()) - sum(head.size for head in heads)
    moved = 0
    for whole in source.read(heads):
        replica, block = whole.header.replica, _behind(whole, heads)
        if block is None:
            continue
        for part in block.parts(SHARED_BLOCK_ENVELOPES_MAX, SHARED_BLOCK_BYTES_MAX):
            lasts[replica] = log.append(part, last=lasts.get(replica, 0))
            moved += part.header.count
            if progress is not None:
                progress("moving envelopes", min(moved, total), max(total, 1))
    return moved


def move_out(log: SharedLog, store: Replication, progress: Progress | None = None) -> int:
    """Bring everything that a log has into a store; returns the number of new envelopes.

    Raises:
        VerificationError: The log has faults.
    """
    copy = LogCopy(checked(log, progress))
    report = SyncReport()
    pull(store, copy, copy.heads(), report, progress)
    return report.pulled.envelopes


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
