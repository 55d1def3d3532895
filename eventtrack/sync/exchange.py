"""Pull, push, sync: compare heads, move what is missing, say what was moved.

All of it may be stopped at any instant and done again: what is missing is asked of the two sides
each time, never of notes about earlier times.
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
from eventtrack.log.protocol import EventLog
from eventtrack.store.replication import Replication
from eventtrack.sync.blocks import Block, feed_blocks
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
        CorruptionError: What came of some feed is damaged. That feed is as it was, others came.
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
        # What came before something failed is as good as if all had come.
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

    Returns how much it then holds of the feeds that it was given some of, by replica.

    Raises:
        CorruptionError: The remote refused a feed for what it holds. It took the others.
    """
    here = KnownFeeds(source.log, source.heads())
    strange = {one.replica for one in theirs if here.feeds(one.replica) and not here.find(one)}
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
            refused.append(error)  # of one feed: the others go on
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

    A feed ends before the first envelope that is damaged here; a warning names it.
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
    """What there is to say of a feed that has two ends, both of which are kept."""
    return (
        f"two copies of one store wrote under the replica id {replica.hex()}: they share {shared} "
        "envelopes, and what each wrote then is kept (`eventtrack conflicts`)"
    )


def _missing(
    here: KnownFeeds, have: Sequence[FeedHead], theirs: Sequence[FeedHead]
) -> dict[FeedHead, int]:
    """Those of their heads that stand for more than is here, and for about how much more."""
    held = here.held(have)
    found = {}
    for head in theirs:
        feed = here.find(head)
        sizes = [held.get(one, 0) for one in (here.feeds(head.replica) if feed is None else [feed])]
        if feed is None or held.get(feed, 0) < head.size:
            found[head] = max(1, head.size - max(sizes, default=0))
    return found


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
    """What a remote holds beyond `have`, and then the other ends of feeds that are here."""
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
        yield from remote.read([*(one for one in here.tips() if one.replica not in apart), *shared])


def _common(
    remote: Source, here: KnownFeeds, replicas: set[bytes], report: SyncReport
) -> list[FeedHead]:
    """Heads of feeds here that a remote has too: the newest, else the newest of older ones.

    A feed of which it has none of the newest has another end there; the head of size 0 marks it.
    """
    tips = [head for head in here.tips() if head.replica in replicas]
    try:
        known = remote.known(tips) if tips else []
        apart = replicas.intersection(map(_replica, tips)).difference(map(_replica, known))
        rungs = [rung for replica in sorted(apart) for rung in here.rungs(replica)]
        found = remote.known(rungs) if rungs else []
    except (RemoteUnavailableError, RemoteDeniedError):
        raise
    except RemoteError as error:
        for replica in replicas:
            report.forks[replica.hex()] = (
                f"replica {replica.hex()} has two histories, and the other side cannot take both: "
                f"{error.message}"
            )
        return []
    common = [*known, *found]
    for replica in apart:
        size = max((head.size for head in found if head.replica == replica), default=0)
        report.forks.setdefault(replica.hex(), _told(replica, f"at least the first {size}"))
        common.append(FeedHead(replica, 0, merkle.EMPTY_ROOT))
    return common


def _replica(head: FeedHead) -> bytes:
    return head.replica
