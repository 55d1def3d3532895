"""The common part of the feeds of two sides: heads are told apart by their roots.

A feed that two copies wrote to has several ends under one replica id (`log.feeds`). No name tells
the ends apart on the wire: a head is known here if a feed here had its root at its size.
"""

from collections.abc import Iterable, Mapping, Sequence

from eventtrack.log import merkle
from eventtrack.log.protocol import EventLog, Head
from eventtrack.sync.protocol import FeedHead

# By feed: the first index and the index behind the last.
Ranges = dict[bytes, tuple[int, int]]


class KnownFeeds:
    """The feeds of a log as they are now.

    Args:
        heads: From `Replication.heads`, which flushes first.
    """

    def __init__(self, log: EventLog, heads: Mapping[bytes, Head]) -> None:
        self._log = log
        self.heads = heads
        # Read after the heads, so that no branch among them is taken for a feed of its own.
        self._branches = log.branches()
        self._of: dict[bytes, list[bytes]] = {}
        for feed in sorted(heads, key=lambda feed: (self.first(feed), feed in self._branches)):
            self._of.setdefault(self.replica(feed), []).append(feed)

    def replica(self, feed: bytes) -> bytes:
        """The replica whose id the envelopes of a feed bear."""
        branch = self._branches.get(feed)
        return feed if branch is None else branch.replica

    def first(self, feed: bytes) -> int:
        """The index of a feed's first envelope that does not belong to its stem."""
        branch = self._branches.get(feed)
        return 0 if branch is None else branch.first

    def stem(self, feed: bytes) -> bytes | None:
        """The feed that a feed branched off from; None for a feed that is no branch."""
        branch = self._branches.get(feed)
        return None if branch is None else branch.stem

    def feeds(self, replica: bytes) -> list[bytes]:
        """A replica's feed and its branches, each behind its stem."""
        return self._of.get(replica, [])

    def tips(
        self,
        stops: Mapping[bytes, int] | None = None,
        whole: Mapping[bytes, int] | None = None,
    ) -> list[FeedHead]:
        """The heads of all feeds.

        Args:
            whole: By feed: the first index whose payload is welcome, to be sent with the head.
            stops: By feed: the index up to which payloads are here. A branch that begins behind
                the stop of its stem is left out, as its head would claim the whole stem.
        """
        stops = stops or {}
        return [
            self._head(feed, min(head.size, stops.get(feed, head.size)))._replace(
                whole=(whole or {}).get(feed)
            )
            for feed, head in self.heads.items()
            if not self._is_hidden(feed, stops)
        ]

    def find(self, head: FeedHead) -> bytes | None:
        """A feed here that begins with the envelopes of a head; None if there is none."""
        if head.size == 0:
            return head.replica
        for feed in self.feeds(head.replica):
            size = self.heads[feed].size
            if self.first(feed) < head.size <= size and self._root(feed, head.size) == head.root:
                return feed
        return None

    def held(self, theirs: Iterable[FeedHead]) -> dict[bytes, int]:
        """The size that the other side has of each feed here, as far as its heads are known here.

        A feed is left out if no known head belongs to it or to one of its branches.
        """
        sizes: dict[bytes, int] = {}
        for head in theirs:
            feed, size = self.find(head), head.size
            while feed is not None:
                sizes[feed] = max(sizes.get(feed, 0), size)
                size, feed = self.first(feed), self.stem(feed)
        return sizes

    def lacked(self, theirs: Iterable[FeedHead]) -> dict[bytes, int]:
        """By feed, the first index whose payload the other side lacks and wants.

        The other side names the index for one feed. It holds for the feeds that this branched off
        from, too, if the branch begins behind the index.
        """
        indexes: dict[bytes, int] = {}
        for head in theirs:
            feed = None if head.whole is None else self.find(head)
            while feed is not None and head.whole is not None:
                index = max(head.whole, self.first(feed))
                indexes[feed] = min(indexes.get(feed, index), index)
                feed = self.stem(feed) if head.whole < self.first(feed) else None
        return indexes

    def rungs(self, replica: bytes) -> list[FeedHead]:
        """Heads of a replica's feeds at sizes that grow sparser from the newest backwards.

        The other side's answer, which of them it knows, tells where the two feeds part: the error
        is at most as large as the part behind that point. A million envelopes need some 20 heads.
        """
        heads = []
        for feed in self.feeds(replica):
            size, step = self.heads[feed].size, 1
            while size > self.first(feed):
                heads.append(self._head(feed, size))
                size, step = size - step, step * 2
        return heads

    def _head(self, feed: bytes, size: int) -> FeedHead:
        return FeedHead(self.replica(feed), size, self._root(feed, size))

    def _root(self, feed: bytes, size: int) -> bytes:
        head = self.heads[feed]
        return head.root if size == head.size else merkle.root(self._log.frontier(feed, size))

    def _is_hidden(self, feed: bytes, stops: Mapping[bytes, int]) -> bool:
        stem = self.stem(feed)
        if stem is None:
            return False
        return stops.get(stem, self.first(feed)) < self.first(feed) or self._is_hidden(stem, stops)


def ranges_beyond(log: EventLog, here: KnownFeeds, theirs: Sequence[FeedHead]) -> Ranges:
    """The part of each feed here that the other side lacks.

    A feed is left out if the other side has a part of it but none of its heads is known here: the
    other side is ahead, or has another end of the feed (`rungs`).
    """
    # Envelopes whose payloads are missing here are not sent on: others would miss the payloads.
    unfilled, held, lacked = log.unfilled(), here.held(theirs), here.lacked(theirs)
    named = {head.replica for head in theirs}
    ranges: Ranges = {}
    reached: dict[bytes, int] = {}
    for replica in dict.fromkeys(map(here.replica, here.heads)):
        feeds = here.feeds(replica)
        if replica in named and held.keys().isdisjoint(feeds):
            continue
        for feed in feeds:
            stem, first, size = here.stem(feed), here.first(feed), here.heads[feed].size
            # Payloads that were left out there and are welcome now lie before the end it has.
            start = max(first, min(held.get(feed, 0), lacked.get(feed, size)))
            stop = min(size, unfilled.get(feed, size))
            reached[feed] = max(held.get(feed, 0), stop)
            if stem is not None and feed not in held and reached[stem] < first:
                reached[feed] = 0  # nobody can take a branch before its stem
            elif start < stop:
                ranges[feed] = (start, stop)
    return ranges
