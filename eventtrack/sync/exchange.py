"""Pull, push, sync: compare heads, move the missing envelopes, report what was moved.

A sync may be stopped at any instant and done again. Each time the two sides themselves tell what is
missing, never notes about earlier syncs.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from eventtrack.errors import (
    CorruptionError,
    ForkError,
    RemoteDeniedError,
    RemoteError,
    RemoteUnavailableError,
)
from eventtrack.events.envelope import Envelope
from eventtrack.log import merkle
from eventtrack.log.blocks import Block
from eventtrack.log.protocol import EventLog
from eventtrack.store.replication import Replication
from eventtrack.sync.blocks import feed_blocks
from eventtrack.sync.importing import Importer, Keeps
from eventtrack.sync.known import KnownFeeds, Ranges, ranges_beyond
from eventtrack.sync.protocol import FeedHead, Remote, Source
from eventtrack.sync.report import Progress, SyncReport


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
        CorruptionError: A feed came damaged. That feed is as it was; the others came.
    """
    if fill:
        target.set_damage_aside()
    here = KnownFeeds(target.log, target.heads())
    stops = target.log.unfilled() if fill else {}
    have = here.tips(stops)
    missing = _missing(here, have, theirs)
    if not missing:
        return
    known_branches = target.log.branches()
    importer = Importer(target, keeps)
    blocks = _counted(_asked(target, remote, theirs, have, importer, report), missing, progress)
    try:
        for block in blocks:
            importer.add(block)
    finally:
        # Blocks that came before a failure are as good as if all had come.
        importer.flush()
        moved, received = report.pulled, importer.received
        moved.feeds += len({head.replica for head in missing} - importer.refused.keys())
        moved.envelopes += received.envelopes
        moved.events += received.events
        moved.bytes += received.bytes
        for feed, branch in target.log.branches().items():
            if feed not in known_branches:
                report.forks[branch.replica.hex()] = _told(
                    branch.replica, f"the first {branch.first}"
                )
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

    Returns the size that each feed has there afterwards, by replica; only feeds that moved.

    Raises:
        CorruptionError: The remote refused the contents of a feed. It took the others.
    """
    here = KnownFeeds(source.log, source.heads())
    strange = {head.replica for head in theirs if here.feeds(head.replica) and not here.find(head)}
    common = _common(remote, here, strange, report) if strange else []
    missing = ranges_beyond(source.log, here, [*theirs, *common])
    done, total = 0, sum(stop - start for start, stop in missing.values())
    moved = report.pushed
    moved.feeds += len(missing)
    given: dict[bytes, int] = {}
    refused: list[CorruptionError] = []
    for whole in blocks_of(source.log, missing):
        block = whole if drops is None else whole.without(drops)
        try:
            remote.append(block)
        except CorruptionError as error:
            refused.append(error)  # concerns one feed: the others go on
        moved.envelopes += block.header.count
        moved.bytes += len(block.data)
        done += block.header.count
        replica = block.header.replica
        given[replica] = max(block.header.stop, given.get(replica, 0))
        if progress is not None:
            progress("pushing events", done, total)
    if missing:
        remote.flush()
    if refused:
        raise refused[0]
    return given


def blocks_of(log: EventLog, ranges: Ranges) -> Iterator[Block]:
    """Parts of feeds as blocks, in the order in which their first envelopes arrived here.

    A feed ends before the first envelope that is damaged here; a warning names that envelope.
    """
    waiting: list[tuple[int, bytes, Block, Iterator[Block]]] = []

    def wait_for(feed: bytes, blocks: Iterator[Block]) -> None:
        block = next(blocks, None)
        if block is not None:
            place = log.locate(feed, block.header.first) or 0
            heapq.heappush(waiting, (place, feed, block, blocks))

    heads = log.heads()
    for feed, (start, stop) in ranges.items():
        wait_for(feed, feed_blocks(log, feed, start, stop, heads[feed]))
    while waiting:
        _, feed, block, blocks = heapq.heappop(waiting)
        yield block
        wait_for(feed, blocks)


def _told(replica: bytes, shared: str) -> str:
    """The message about a feed that has two ends, both of which are kept."""
    return (
        f"two copies of one store wrote under the replica id {replica.hex()}: they share {shared} "
        "envelopes, and what each wrote then is kept (`eventtrack conflicts`)"
    )


def _missing(
    here: KnownFeeds, have: Sequence[FeedHead], theirs: Sequence[FeedHead]
) -> dict[FeedHead, int]:
    """The heads of `theirs` that stand for more than is here, with the rough number missing."""
    held = here.held(have)
    missing = {}
    for head in theirs:
        feed = here.find(head)
        candidates = here.feeds(head.replica) if feed is None else [feed]
        sizes = [held.get(candidate, 0) for candidate in candidates]
        if feed is None or held.get(feed, 0) < head.size:
            missing[head] = max(1, head.size - max(sizes, default=0))
    return missing


def _counted(
    blocks: Iterable[Block], missing: Mapping[FeedHead, int], progress: Progress | None
) -> Iterator[Block]:
    done, total = 0, sum(missing.values())
    for block in blocks:
        yield block
        done += block.header.count
        if progress is not None:
            progress("pulling events", min(done, total), total)


def _asked(
    target: Replication,
    remote: Source,
    theirs: Sequence[FeedHead],
    have: Sequence[FeedHead],
    importer: Importer,
    report: SyncReport,
) -> Iterator[Block]:
    """The blocks of a remote beyond `have`, then those of other ends of feeds that are here."""
    yield from remote.read(have)
    importer.flush()
    here = KnownFeeds(target.log, target.heads())
    strange = {
        head.replica
        for head in theirs
        if head.replica not in importer.refused and here.find(head) is None
    }
    common = _common(remote, here, strange, report) if strange else []
    apart = {head.replica for head in common if not head.size}
    if apart:
        shared = [head for head in common if head.replica in apart]
        tips = [head for head in here.tips() if head.replica not in apart]
        yield from remote.read([*tips, *shared])


def _common(
    remote: Source, here: KnownFeeds, replicas: set[bytes], report: SyncReport
) -> list[FeedHead]:
    """Heads of feeds here that a remote has too: the newest, else the newest older heads it knows.

    If the remote has none of a feed's newest heads, the feed has another end there; a head of size
    0 marks such a feed.
    """
    tips = [head for head in here.tips() if head.replica in replicas]
    try:
        known = remote.known(tips) if tips else []
        apart = replicas.intersection(map(_replica, tips)).difference(map(_replica, known))
        rungs = [rung for replica in sorted(apart) for rung in here.rungs(replica)]
        older = remote.known(rungs) if rungs else []
    except (RemoteUnavailableError, RemoteDeniedError):
        raise
    except RemoteError as error:
        for replica in replicas:
            report.forks[replica.hex()] = (
                f"replica {replica.hex()} has two histories, and the other side cannot take both: "
                f"{error.message}"
            )
        return []
    common = [*known, *older]
    for replica in apart:
        size = max((head.size for head in older if head.replica == replica), default=0)
        report.forks.setdefault(replica.hex(), _told(replica, f"at least the first {size}"))
        common.append(FeedHead(replica, 0, merkle.EMPTY_ROOT))
    return common


def _replica(head: FeedHead) -> bytes:
    return head.replica
