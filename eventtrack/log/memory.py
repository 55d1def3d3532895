"""A log in memory, too simple to be wrong: the model that the log on disk is tested against."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from eventtrack.clock import Clock, SystemClock, is_ahead, next_recorded, observe_recorded
from eventtrack.errors import ConflictError
from eventtrack.events.envelope import After, Draft, Envelope, seal
from eventtrack.events.redaction import is_lasting, redacted_by
from eventtrack.ids import IdSource, RandomIds
from eventtrack.log import merkle
from eventtrack.log.feeds import Branch, branch_id
from eventtrack.log.protocol import Head, Result


class MemoryLog:
    """An `EventLog` that forgets everything when the process ends."""

    def __init__(self, *, clock: Clock | None = None, ids: IdSource | None = None) -> None:
        self._clock = clock or SystemClock()
        self._ids = ids or RandomIds()
        self._replica = self._ids.id128()
        self._lock = threading.RLock()
        self._envelopes: list[Envelope] = []
        self._feeds: list[bytes] = []  # the feed of each envelope, in the same order
        self._branches: dict[bytes, Branch] = {}
        self._recorded = 0
        self._journals: dict[bytes, int] = {}
        self._commits = 0
        self._filled = self._risen = 0
        self._committed = 0
        self._arrived_ms: dict[int, int] = {}

    @property
    def replica(self) -> bytes:
        """The id of the feed that this log's own appends extend."""
        return self._replica

    def head(self) -> int:
        """The position of the newest envelope, which is the number of envelopes."""
        return len(self._envelopes)

    def read(self, after: int, limit: int) -> list[Envelope]:
        """At most `limit` envelopes with positions above `after`, in order."""
        return self._envelopes[after : after + limit]

    def headers(self, after: int, limit: int) -> list[Envelope]:
        """At most `limit` envelopes with positions above `after`, in order, without payloads."""
        envelopes = []
        for envelope in self.read(after, limit):
            bare = Envelope(envelope.without_payload, envelope.position)
            bare.effective = envelope.effective
            envelopes.append(bare)
        return envelopes

    def get(self, position: int) -> Envelope | None:
        """The envelope at a position, None beyond the log."""
        return self._envelopes[position - 1] if 0 < position <= self.head() else None

    @contextmanager
    def begin(self) -> Iterator["MemoryLog"]:
        """A transaction as the only writer; its appends are undone if the block raises."""
        with self._lock:
            before = (list(self._envelopes), self._recorded, dict(self._journals), self._replica)
            feeds, branches = list(self._feeds), dict(self._branches)
            try:
                yield self
            except BaseException:
                self._envelopes, self._recorded, self._journals, self._replica = before
                self._feeds, self._branches = feeds, branches
                raise
            self._commits += 1
            self._committed = self.head()

    def transact(self, work: Callable[["MemoryLog"], Result]) -> Result:
        """Run `work` as the only writer; undo its appends if it raises."""
        with self.begin() as transaction:
            return work(transaction)

    def id(self) -> int:
        """The value of `change_count` after the commit of this transaction."""
        return self._commits + 1

    def heads(self) -> dict[bytes, Head]:
        """Every feed known here, computed from the envelopes."""
        heads: dict[bytes, Head] = {}
        for feed in dict.fromkeys((*self._feeds, *self._branches)):
            frontier: list[bytes] = []
            envelopes = self._feed(feed)
            for envelope in envelopes:
                merkle.append_leaf(frontier, envelope.header.index, envelope.leaf_hash)
            recorded = envelopes[-1].header.recorded if envelopes else 0
            heads[feed] = Head(len(envelopes), recorded, frontier)
        return heads

    def branches(self) -> dict[bytes, Branch]:
        """Every branch."""
        return dict(self._branches)

    def locate(self, feed: bytes, index: int) -> int | None:
        """The position here of an envelope of any feed; None if it is not here."""
        envelopes = self._feed(feed)
        return envelopes[index].position if index < len(envelopes) else None

    def locate_all(self, replica: bytes, index: int) -> list[int]:
        """The positions of all envelopes of that name."""
        return [
            envelope.position
            for envelope in self._envelopes
            if (envelope.header.replica, envelope.header.index) == (replica, index)
        ]

    def read_feed(self, feed: bytes, start: int, limit: int) -> list[Envelope]:
        """At most `limit` envelopes of one feed from index `start` on, in order."""
        return self._feed(feed)[start : start + limit]

    def frontier(self, feed: bytes, size: int) -> list[bytes]:
        """The Merkle frontier of a feed as it was at `size`."""
        return merkle.frontier_of([], [envelope.leaf_hash for envelope in self._feed(feed)[:size]])

    def _feed(self, feed: bytes) -> list[Envelope]:
        branch = self._branches.get(feed)
        shared = [] if branch is None else self._feed(branch.stem)[: branch.first]
        own = zip(self._feeds, self._envelopes, strict=True)
        return [*shared, *(envelope for name, envelope in own if name == feed)]

    def change_count(self) -> int:
        """The number of committed transactions."""
        return self._commits

    def close(self) -> None:
        """Nothing to release."""

    def feed_head(self, feed: bytes) -> Head:
        """The head of a feed as this transaction leaves it; of size 0 for an unknown feed."""
        return self.heads().get(feed, Head(0, 0, []))

    def next_recorded(self) -> int:
        """The recorded time of the next append."""
        now_ms = self._clock.now_ms()
        if is_ahead(self.feed_head(self._replica).recorded, now_ms):
            # This clock was wrong. A new feed is not bound to the times of the old one.
            self.renew_replica()
        last = observe_recorded(self.feed_head(self._replica).recorded, self._recorded, now_ms)
        return next_recorded(last, now_ms)

    def append(self, draft: Draft, session: bytes, after: After | None = None) -> Envelope:
        """Append a draft to this replica's feed and return the envelope."""
        self._recorded = self.next_recorded()
        head = self.feed_head(self._replica)
        data, _ = seal(
            draft,
            replica=self._replica,
            index=head.size,
            recorded=self._recorded,
            session=session,
            salt=self._ids.id128(),
            after=after,
        )
        return self._store(data, self._replica)

    def append_foreign(self, data: bytes, feed: bytes | None = None) -> Envelope | None:
        """Append another replica's envelope, bytes unchanged; None if it is already here."""
        envelope = Envelope(data)
        envelope.verify()
        header = envelope.header
        feed = feed or header.replica
        head = self.feed_head(feed)
        known = self.locate(feed, header.index)
        if known is not None:
            if self._envelopes[known - 1].header_bytes != envelope.header_bytes:
                raise ConflictError(f"replica {header.replica.hex()} forks at {header.index}")
            if self._envelopes[known - 1].payload or not envelope.payload:
                return None
            if self._is_erased(envelope):
                return None
            self._filled += 1
            effective = self._envelopes[known - 1].effective
            self._envelopes[known - 1] = Envelope(data, known)
            self._envelopes[known - 1].effective = effective
            return envelope
        if header.index != head.size or header.recorded <= head.recorded:
            raise ConflictError(f"envelope {header.index} is not the next of its feed")
        self._recorded = observe_recorded(self._recorded, header.recorded, self._clock.now_ms())
        if header.replica == self._replica:
            self.renew_replica()
        self._arrived_ms[self.head() + 1] = self._clock.now_ms()
        return self._store(data, feed)

    def begin_branch(self, stem: bytes, data: bytes) -> bytes:
        """Begin a branch of a feed with an envelope that differs from the feed's at its index."""
        header = Envelope(data).header
        leaves = [envelope.leaf_hash for envelope in self._feed(stem)[: header.index]]
        root = merkle.root(merkle.frontier_of([], [*leaves, Envelope(data).leaf_hash]))
        feed = branch_id(header.replica, header.index, root)
        self._branches[feed] = Branch(header.replica, stem, header.index)
        return feed

    def renew_replica(self) -> None:
        """Write under a new replica id from now on."""
        self._replica = self._ids.id128()

    def journal_offset(self, journal_id: bytes) -> int:
        """The number of bytes of a journal that are in the log; 0 for an unknown journal."""
        return self._journals.get(journal_id, 0)

    def set_journal_offset(self, journal_id: bytes, offset: int) -> None:
        """Record the number of bytes of a journal that are in the log."""
        self._journals[journal_id] = offset

    def forget_journals(self, present: Callable[[], Iterable[bytes]]) -> None:
        """Drop the offsets of journals that no longer exist."""
        known = list(self._journals)
        kept = set(present())
        self._journals = {key: self._journals[key] for key in known if key in kept}

    def get_many(self, positions: Sequence[int]) -> list[Envelope]:
        """The envelopes at positions that the log holds, in that order."""
        return [self._envelopes[position - 1] for position in positions]

    def erased(self) -> int:
        """The number of payloads that were ordered to be erased."""
        return len(self._ordered())

    def rewrites(self) -> int:
        """The number of payloads that were erased or came later."""
        return self.erased() + self._filled + self._risen

    def arrived_ms(self, position: int) -> int | None:
        """The arrival time of an envelope of another feed, in ms; None if it was recorded here."""
        return self._arrived_ms.get(position)

    def erased_in(self, feed: bytes, start: int, stop: int) -> list[int]:
        """The indexes of a feed, from `start` to before `stop`, whose payloads were redacted."""
        return [
            envelope.header.index
            for envelope in self.read_feed(feed, start, max(0, stop - start))
            if not envelope.payload and self._is_erased(envelope)
        ]

    def set_aside(self, feed: bytes, index: int) -> None:
        """Take out an envelope's payload, which does not match its header."""
        for place, envelope in enumerate(self._envelopes):
            named = (self._feeds[place], envelope.header.index) == (feed, index)
            if named and not envelope.is_whole:
                self._envelopes[place] = Envelope(envelope.without_payload, envelope.position)

    def unfilled(self) -> dict[bytes, int]:
        """For each feed, the first index whose payload is missing and may still come."""
        firsts: dict[bytes, int] = {}
        for feed, envelope in zip(self._feeds, self._envelopes, strict=True):
            if not envelope.payload and not self._is_erased(envelope):
                firsts.setdefault(feed, envelope.header.index)
        return firsts

    def _store(self, data: bytes, feed: bytes) -> Envelope:
        self._envelopes.append(Envelope(data, len(self._envelopes) + 1))
        self._feeds.append(feed)
        self._measure()
        for place, envelope in enumerate(self._envelopes if self._ordered() else ()):
            if self._is_erased(envelope) and not is_lasting(envelope):
                self._envelopes[place] = Envelope(envelope.without_payload, envelope.position)
                self._envelopes[place].effective = envelope.effective
        return self._envelopes[-1]

    def _measure(self) -> None:
        """Raise every envelope to its effective time: repeat until no envelope rises."""
        changed = True
        times = {(envelope.name, envelope.header.index): envelope for envelope in self._envelopes}
        while changed:
            changed = False
            for envelope in self._envelopes:
                after = envelope.header.after
                below = None if after is None else times.get((after.name, after.index))
                if below is not None and below.effective >= envelope.effective:
                    envelope.effective, changed = below.effective + 1, True
                    self._risen += envelope.position <= self._committed

    def _ordered(self) -> set[tuple[bytes, bytes, int]]:
        return {name for envelope in self._envelopes for name in redacted_by(envelope)}

    def _is_erased(self, envelope: Envelope) -> bool:
        replica, index = envelope.header.replica, envelope.header.index
        meant = {(replica, b"", index), (replica, envelope.mark, index)}
        return not meant.isdisjoint(self._ordered())
