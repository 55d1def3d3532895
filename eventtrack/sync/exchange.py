"""Pull, push, sync: compare heads, move what is missing, say what was moved.

All of it may be stopped at any instant and done again: what is missing is asked of the two sides
each time, never of notes about earlier times.
"""

import heapq
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType

from eventtrack.errors import ForkError
from eventtrack.events.envelope import Envelope
from eventtrack.log import merkle
from eventtrack.log.protocol import EventLog, Head
from eventtrack.store.replication import Replication
from eventtrack.sync.blocks import Block, feed_blocks
from eventtrack.sync.importing import Importer, Keeps, fork_error
from eventtrack.sync.protocol import FeedHead, Remote, Source
from eventtrack.sync.report import Progress, SyncReport


def known_heads(
    heads: Mapping[bytes, Head], unfilled: Mapping[bytes, int] = MappingProxyType({})
) -> list[FeedHead]:
    """A log's feeds as others are told of them; `unfilled` says from where on payloads lack."""
    return [
        FeedHead(replica, head.size, head.root, unfilled.get(replica))
        for replica, head in heads.items()
    ]


def pull(
    target: Replication,
    remote: Source,
    theirs: list[FeedHead],
    report: SyncReport,
    progress: Progress | None = None,
    *,
    keeps: Keeps | None = None,
    fill: bool = True,
) -> None:
    """Take everything that a remote holds beyond this store; `theirs` are its heads.

    Args:
        keeps: Whether an envelope comes with its payload; by default all do.
        fill: Whether to ask again for payloads that were left out before.

    Raises:
        CorruptionError: What came of some feed is damaged. That feed is as it was, others came.
    """
    have = {head.replica: head for head in known_heads(target.heads())}
    for replica, size in target.log.unfilled().items() if fill else ():
        root = merkle.root(target.log.frontier(replica, size))
        have[replica] = FeedHead(replica, size, root)
    sizes = {replica: head.size for replica, head in have.items()}
    missing = {
        head.replica: head.size - sizes.get(head.replica, 0)
        for head in theirs
        if head.size > sizes.get(head.replica, 0)
    }
    if not missing:
        return
    importer = Importer(target, keeps)
    done, total = 0, sum(missing.values())
    try:
        for block in remote.read(list(have.values())):
            importer.add(block)
            done += block.header.count
            if progress is not None:
                progress("pulling events", min(done, total), total)
    finally:
        # What came before something failed is as good as if all had come.
        importer.flush()
        moved, received = report.pulled, importer.received
        moved.feeds += len(missing.keys() - importer.refused.keys())
        moved.envelopes += received.envelopes
        moved.events += received.events
        moved.bytes += received.bytes
    for replica, error in importer.refused.items():
        if not isinstance(error, ForkError):
            raise error
        report.forks[replica.hex()] = error.message


def push(
    source: Replication,
    remote: Remote,
    theirs: list[FeedHead],
    report: SyncReport,
    progress: Progress | None = None,
    *,
    drops: Callable[[Envelope], bool] | None = None,
) -> dict[bytes, int]:
    """Give a remote everything that this store holds beyond it; `theirs` are its heads.

    Args:
        drops: Whether an envelope goes without its payload; by default none does.

    Returns how much it then holds of the feeds that it was given some of.
    """
    own = source.heads()
    missing = ranges_beyond(source.log, own, theirs, report)
    done, total = 0, sum(stop - start for start, stop in missing.values())
    moved = report.pushed
    moved.feeds += len(missing)
    for whole in blocks_of(source.log, missing):
        block = whole if drops is None else whole.without(drops)
        remote.append(block)
        moved.envelopes += block.header.count
        moved.bytes += len(block.data)
        done += block.header.count
        if progress is not None:
            progress("pushing events", done, total)
    if missing:
        remote.flush()
    return {replica: stop for replica, (_, stop) in missing.items()}


def ranges_beyond(
    log: EventLog,
    own: Mapping[bytes, Head],
    theirs: list[FeedHead],
    report: SyncReport | None = None,
) -> dict[bytes, tuple[int, int]]:
    """Of each feed what they lack: from where to where. Forks are left out, and put on record."""
    known = {head.replica: head for head in theirs}
    # Who has envelopes without their payloads does not hand them on: others would miss those.
    unfilled = log.unfilled()
    found: dict[bytes, tuple[int, int]] = {}
    for replica, head in own.items():
        their = known.get(replica)
        size = 0 if their is None else their.size
        if size > head.size:
            continue
        if their is not None and not _extends(log, head, their):
            if report is not None:
                report.forks.setdefault(replica.hex(), fork_error(replica, size).message)
            continue
        stop = min(head.size, unfilled.get(replica, head.size))
        # What was left out there, and is welcome now, lies before the end of what it has.
        start = size if their is None or their.whole is None else min(size, their.whole)
        if start < stop:
            found[replica] = (start, stop)
    return found


def blocks_of(log: EventLog, ranges: Mapping[bytes, tuple[int, int]]) -> Iterator[Block]:
    """Parts of feeds as blocks, in the order in which their first envelopes arrived here."""
    waiting: list[tuple[int, bytes, Block, Iterator[Block]]] = []

    def wait_for(blocks: Iterator[Block]) -> None:
        block = next(blocks, None)
        if block is not None:
            place = log.locate(block.header.replica, block.header.first) or 0
            heapq.heappush(waiting, (place, block.header.replica, block, blocks))

    for replica, (start, stop) in ranges.items():
        wait_for(feed_blocks(log, replica, start, stop))
    while waiting:
        _, _, block, blocks = heapq.heappop(waiting)
        yield block
        wait_for(blocks)


def _extends(log: EventLog, head: Head, older: FeedHead) -> bool:
    if older.size == head.size:
        return older.root == head.root
    return merkle.root(log.frontier(older.replica, older.size)) == older.root
