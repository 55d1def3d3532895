"""The feeds of a store: the envelopes of each replica, and their Merkle trees."""

from collections.abc import Iterator

from eventtrack.clock import recorded_ms
from eventtrack.errors import NotFoundError
from eventtrack.events.envelope import Envelope
from eventtrack.log.merkle import MerkleTree
from eventtrack.views.records import Record
from eventtrack.views.source import LiveSource

_PAGE = 512


class Feed(Record):
    """One feed as far as it is here. `root` is RFC 6962's root hash over `size` leaves.

    `feed` is its id: the replica's id, or a branch's. A branch's envelopes bear the replica's id,
    and it shares its first `first` envelopes with its stem. `recorded_ms` is the recorded time of
    its newest envelope, in milliseconds since 1970 by the writer's clock. `own` marks the feed that
    this store's own events extend.
    """

    replica: str
    size: int
    root: str
    recorded_ms: int
    own: bool
    feed: str
    first: int


class ForkEnd(Record):
    """One end of a fork: the envelopes that one of the copies wrote after they parted.

    `mark` is the first 8 bytes, in hex, of the leaf hash of its first envelope; it tells the ends
    apart on every machine. `size` is the size of the longest feed with this end, `envelopes` the
    number of envelopes behind the fork. The other fields are of the first envelope: its position
    here, its recorded time and its session.
    """

    mark: str
    size: int
    envelopes: int
    position: int
    recorded_ms: int
    session: str


class Fork(Record):
    """A fork: copies of a store wrote under one replica id, and differ from `index` on."""

    replica: str
    index: int
    ends: list[ForkEnd]


class FeedQueries:
    """Reads of the feeds here, each by its id in hex: a replica's, or a branch's."""

    def __init__(self, source: LiveSource) -> None:
        self._source = source

    @property
    def own(self) -> str:
        """The id of the replica whose feed this store extends, in hex."""
        return self._source.log.replica.hex()

    def of_replica(self, replica: str) -> list[Feed]:
        """A replica's feed, with its branches if two copies wrote to it.

        Raises:
            NotFoundError: No envelope of it is here.
        """
        feeds = [feed for feed in self.list() if feed.replica == replica]
        if not feeds:
            raise NotFoundError(
                f"there is no feed of a replica {replica} here",
                hint="`eventtrack audit key` lists the feeds of this store; sync to get others",
            )
        return feeds

    def holding(self, envelope: Envelope) -> list[Feed]:
        """The feeds that hold an envelope of this store, with all that branch off behind it."""
        header = envelope.header
        return [
            feed
            for feed in self.of_replica(header.replica.hex())
            if self._source.log.locate(bytes.fromhex(feed.feed), header.index) == envelope.position
        ]

    def forks(self) -> list[Fork]:
        """The forks of feeds, in order of replica and index.

        Except for positions, they are the same on all machines that hold the same envelopes.
        """
        heads, branches = self._source.log.heads(), self._source.log.branches()

        def behind(feed: bytes, index: int) -> tuple[int, int]:
            size = heads[feed].size
            ends = [(size - index, size)]
            for name, branch in branches.items():
                if branch.stem == feed and branch.first > index:
                    ends.append(behind(name, branch.first))
            return sum(count for count, _ in ends), max(size_of_end for _, size_of_end in ends)

        points: dict[tuple[bytes, int], list[bytes]] = {}
        for feed, branch in branches.items():
            points.setdefault((branch.stem, branch.first), [branch.stem]).append(feed)
        forks = []
        for (stem, index), feeds in points.items():
            ends = []
            for feed in feeds:
                [envelope] = self._source.log.read_feed(feed, index, 1)
                envelopes, size = behind(feed, index)
                ends.append(
                    ForkEnd(
                        mark=envelope.mark.hex(),
                        size=size,
                        envelopes=envelopes,
                        position=envelope.position,
                        recorded_ms=recorded_ms(envelope.header.recorded),
                        session=envelope.header.session.hex(),
                    )
                )
            ends.sort(key=lambda end: (end.recorded_ms, end.mark))
            replica = branches[stem].replica if stem in branches else stem
            forks.append(Fork(replica=replica.hex(), index=index, ends=ends))
        return sorted(forks, key=lambda fork: (fork.replica, fork.index, fork.ends[0].mark))

    def tree(self, feed: str, size: int) -> MerkleTree:
        """The tree over the first `size` envelopes of a feed, for proofs."""

        def leaves(start: int, stop: int) -> Iterator[bytes]:
            return (envelope.leaf_hash for envelope in self.envelopes(feed, start, stop))

        return MerkleTree(size, leaves)

    def envelopes(self, feed: str, start: int, stop: int) -> Iterator[Envelope]:
        """The envelopes of a feed from index `start` to before `stop`, as far as they are here."""
        name = bytes.fromhex(feed)
        while start < stop:
            envelopes = self._source.log.read_feed(name, start, min(stop - start, _PAGE))
            if not envelopes:
                return
            yield from envelopes
            start += len(envelopes)

    def of_stream(self, stream: str, newest: int = 0) -> list[Envelope]:
        """The envelopes of a stream such as `run/<run id>`, in order of their positions.

        Args:
            newest: Only this many of the last ones; 0 for all of them.
        """
        self._source.flush()
        with self._source.read() as reader:
            positions = list(reader.timeline(stream))[-newest:]
        envelopes = (self._source.log.get(position) for position in positions)
        return [envelope for envelope in envelopes if envelope is not None]

    def at(self, position: int) -> Envelope:
        """The envelope at a position.

        Raises:
            NotFoundError: The log ends before it.
        """
        self._source.flush()
        envelope = self._source.log.get(position)
        if envelope is None:
            raise NotFoundError(
                f"there is no event {position}: the log ends at {self._source.log.head()}",
                hint="`eventtrack log --limit 20` shows addresses",
            )
        return envelope

    def list(self) -> list[Feed]:
        """All feeds: this store's own first, then in order of replicas, stems before branches."""
        self._source.flush()
        log, own = self._source.log, self.own
        heads, branches = log.heads(), log.branches()
        known = []
        for name, head in heads.items():
            branch = branches.get(name)
            replica = (name if branch is None else branch.replica).hex()
            known.append(
                Feed(
                    replica=replica,
                    size=head.size,
                    root=head.root.hex(),
                    recorded_ms=recorded_ms(head.recorded),
                    own=name.hex() == own,
                    feed=name.hex(),
                    first=0 if branch is None else branch.first,
                )
            )
        known.sort(
            key=lambda feed: (feed.replica, feed.first, feed.feed != feed.replica, feed.feed)
        )
        return sorted(known, key=lambda feed: not feed.own)
