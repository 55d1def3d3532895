"""What two sides have in common of their feeds: heads are told apart by their roots.

A feed that two copies wrote to has several ends under one replica id (`log.feeds`). Which of them
somebody means is never said by a name: a head is here if some feed here had its root at its size.
"""

from collections.abc import Iterable, Mapping, Sequence

from eventtrack.log import merkle
from eventtrack.log.protocol import EventLog, Head
from eventtrack.sync.protocol import FeedHead

# Of each feed, by its id, from which index to which.
Ranges = dict[bytes, tuple[int, int]]


class KnownFeeds:
    """The feeds of a log as they are now.

    Args:
        heads: What `Replication.heads` says: it flushes first.
    """

    def __init__(self, log: EventLog, heads: Mapping[bytes, Head]) -> None:
        self._log = log
        self.heads = heads
        # Read after the heads, so that no branch among those is taken for a feed of its own.
        self._branches = log.branches()
        self._of: dict[bytes, list[bytes]] = {}
        for feed in sorted(heads, key=lambda feed: (self.first(feed), feed in self._branches)):
            self._of.setdefault(self.replica(feed), []).append(feed)

    def replica(self, feed: bytes) -> bytes:
        """Whose id the envelopes of a feed bear."""
        branch = self._branches.get(feed)
        return feed if branch is None else branch.replica

    def first(self, feed: bytes) -> int:
        """The index of a feed's first envelope that is not its stem's."""
        branch = self._branches.get(feed)
        return 0 if branch is None else branch.first

    def stem(self, feed: bytes) -> bytes | None:
        """What a feed branched off from."""
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
            whole: From where on payloads of some feeds are welcome, to be said with their heads.
            stops: Up to where of some feeds the payloads are here. A branch that begins behind
                that of its stem is left out, as its head would say that the stem is here.
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
        """A feed here that begins with what a head stands for; None where there is none."""
        if head.size == 0:
            return head.replica
        for feed in self.feeds(head.replica):
            size = self.heads[feed].size
            if self.first(feed) < head.size <= size and self._root(feed, head.size) == head.root:
                return feed
        return None

    def held(self, theirs: Iterable[FeedHead]) -> dict[bytes, int]:
        """How much of each feed here somebody has, as far as their heads are known here.

        A feed is not in it where none of their heads is one of its own or of a branch of it.
        """
        found: dict[bytes, int] = {}
        for head in theirs:
            feed, size = self.find(head), head.size
            while feed is not None:
                found[feed] = max(found.get(feed, 0), size)
                size, feed = self.first(feed), self.stem(feed)
        return found

    def lacked(self, theirs: Iterable[FeedHead]) -> dict[bytes, int]:
        """From which index on somebody lacks payloads of feeds here that they hold, and wants them.

        They name the first; what branches off behind it may lack some too.
        """
        found: dict[bytes, int] = {}
        for head in theirs:
            feed = None if head.whole is None else self.find(head)
            while feed is not None and head.whole is not None:
                index = max(head.whole, self.first(feed))
                found[feed] = min(found.get(feed, index), index)
                feed = self.stem(feed) if head.whole < self.first(feed) else None
        return found

    def rungs(self, replica: bytes) -> list[FeedHead]:
        """Heads of a replica's feeds at sizes that grow sparser from the newest backwards.

        Whoever is told which of them the other side knows has found where the two part, to within
        as much again as is behind that: some 20 heads for a million envelopes.
        """
        found = []
        for feed in self.feeds(replica):
            size, step = self.heads[feed].size, 1
            while size > self.first(feed):
                found.append(self._head(feed, size))
                size, step = size - step, step * 2
        return found

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
    """Of each feed here what somebody lacks: from where to where.

    Nothing of a feed of which they have some and none of their heads is known here: they are ahead,
    or have another end of it (`rungs`).
    """
    # Who has envelopes without their payloads does not hand them on: others would miss those.
    unfilled, held, lacked = log.unfilled(), here.held(theirs), here.lacked(theirs)
    named = {head.replica for head in theirs}
    found: Ranges = {}
    reached: dict[bytes, int] = {}
    for replica in dict.fromkeys(map(here.replica, here.heads)):
        feeds = here.feeds(replica)
        if replica in named and held.keys().isdisjoint(feeds):
            continue
        for feed in feeds:
            stem, first, size = here.stem(feed), here.first(feed), here.heads[feed].size
            # What was left out there, and is welcome now, lies before the end of what it has.
            start = max(first, min(held.get(feed, 0), lacked.get(feed, size)))
            stop = min(size, unfilled.get(feed, size))
            reached[feed] = max(held.get(feed, 0), stop)
            if stem is not None and feed not in held and reached[stem] < first:
                reached[feed] = 0  # nobody can take a branch before what it left
            elif start < stop:
                found[feed] = (start, stop)
    return found
