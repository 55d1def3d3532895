"""The feeds of a store: what each replica wrote, as envelopes and as a Merkle tree."""

from collections.abc import Iterator

from eventtrack.clock import recorded_ms
from eventtrack.errors import NotFoundError
from eventtrack.events.envelope import Draft, Envelope
from eventtrack.events.types import Event
from eventtrack.log.merkle import MerkleTree
from eventtrack.store.context import StoreContext
from eventtrack.views.records import Record

_PAGE = 512


class Feed(Record):
    """One replica's feed as far as it is here. `root` is RFC 6962's root hash over `size` leaves.

    `recorded_ms` is when its newest envelope was recorded, in milliseconds since 1970 by the clock
    of the machine that wrote it; `own` marks the feed that this store's own events extend.
    """

    replica: str
    size: int
    root: str
    recorded_ms: int
    own: bool


class Feeds:
    """Every feed that has reached this store, by the replica's id in hex."""

    def __init__(self, context: StoreContext) -> None:
        self._engine = context.engine

    @property
    def own(self) -> str:
        """The replica whose feed this store extends."""
        return self._engine.log.replica.hex()

    def get(self, replica: str) -> Feed:
        """One feed.

        Raises:
            NotFoundError: Nothing of it is here.
        """
        for feed in self.list():
            if feed.replica == replica:
                return feed
        raise NotFoundError(
            f"there is no feed of a replica {replica} here",
            hint="`eventtrack audit key` lists the feeds of this store; sync to get others",
        )

    def tree(self, replica: str, size: int) -> MerkleTree:
        """The tree over the first `size` envelopes of a feed, for proofs."""

        def leaves(start: int, stop: int) -> Iterator[bytes]:
            return (envelope.leaf_hash for envelope in self.envelopes(replica, start, stop))

        return MerkleTree(size, leaves)

    def envelopes(self, replica: str, start: int, stop: int) -> Iterator[Envelope]:
        """The envelopes of a feed from index `start` to before `stop`, as far as there are any."""
        name = bytes.fromhex(replica)
        while start < stop:
            found = self._engine.log.read_feed(name, start, min(stop - start, _PAGE))
            if not found:
                return
            yield from found
            start += len(found)

    def of_stream(self, stream: str, newest: int = 0) -> list[Envelope]:
        """The envelopes of a stream such as `run/<run id>`, in order of their positions.

        Args:
            newest: How many of the last ones; 0 for all of them.
        """
        self._engine.flush()
        with self._engine.read() as reader:
            positions = list(reader.timeline(stream))[-newest:]
        found = (self._engine.log.get(position) for position in positions)
        return [envelope for envelope in found if envelope is not None]

    def at(self, position: int) -> Envelope:
        """The envelope at a position.

        Raises:
            NotFoundError: The log ends before it.
        """
        self._engine.flush()
        envelope = self._engine.log.get(position)
        if envelope is None:
            raise NotFoundError(
                f"there is no event {position}: the log ends at {self._engine.log.head()}",
                hint="`eventtrack log --limit 20` shows addresses",
            )
        return envelope

    def record(self, *events: Event) -> None:
        """Append events about feeds to the stream of this replica, durably."""
        draft = Draft.of(f"replica/{self.own}", *events)
        self._engine.execute(lambda reader: (None, [draft]))

    def list(self) -> list[Feed]:
        """All feeds; the own one first, then in order of their ids."""
        self._engine.flush()
        found = [
            Feed(
                replica=replica.hex(),
                size=head.size,
                root=head.root.hex(),
                recorded_ms=recorded_ms(head.recorded),
                own=replica.hex() == self.own,
            )
            for replica, head in self._engine.log.heads().items()
        ]
        return sorted(found, key=lambda feed: (not feed.own, feed.replica))
