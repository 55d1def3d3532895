"""A write in progress of the log on disk (docs/format.md, sections 3 to 6)."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from eventtrack.clock import Clock, is_ahead, next_recorded, observe_recorded
from eventtrack.errors import ConflictError, CorruptionError
from eventtrack.events.envelope import SALT_BYTES, After, Draft, Envelope, seal
from eventtrack.events.redaction import is_redaction
from eventtrack.ids import IdSource
from eventtrack.log import arrivals, erasure, feeds, filling, heights, merkle, rows
from eventtrack.log.environment import Transaction
from eventtrack.log.feeds import Branch
from eventtrack.log.protocol import Head, Part
from eventtrack.log.rows import table_rows

# Notes of a publisher stand among the log's own values, such as `replica` and `clock`.
_NOTES = b"note:"


class LmdbTransaction:
    """A write in progress; see `LogTransaction`."""

    def __init__(
        self,
        txn: Transaction,
        tables: dict[str, Any],
        clock: Clock,
        ids: IdSource,
        *,
        publishes: bool = False,
    ) -> None:
        self._txn = txn
        self._tables = tables
        # Read in each transaction: another process may have taken a new replica id.
        self._replica = rows.replica_of(txn, tables["meta"])
        self._clock = clock
        self._ids = ids
        self._heads: dict[bytes, Head] = {}  # feeds touched by this transaction
        self._arrivals = arrivals.Arrivals()
        self._changed = False
        self.redacts = False  # whether the file's bytes have to be scrubbed afterwards
        self.branched = False  # whether this transaction began a branch
        self._publishes = publishes
        self.decides = self.asks = False
        self.parts: list[Part] = []  # the appended envelopes, if they are to be published
        self._committed = self._position = rows.last_position(txn, tables["events"])
        self._has_heights = table_rows(txn, tables[heights.ABOVE]) > 0
        self._recorded = int.from_bytes(txn.get(b"clock", db=tables["meta"]) or b"", "big")

    @property
    def replica(self) -> bytes:
        """The id of the feed that `append` extends."""
        return self._replica

    def id(self) -> int:
        """The value of `change_count` after the commit of this transaction."""
        # A commit that changed nothing takes no number; the next writer gets the same number.
        return int(self._txn.id()) - (not self._changed)

    def head(self) -> int:
        """The position of the newest envelope, including this transaction's."""
        return self._position

    def read(self, after: int, limit: int) -> list[Envelope]:
        """At most `limit` envelopes with positions above `after`, in order."""
        return rows.read(self._txn, self._tables, after, limit)

    def get(self, position: int) -> Envelope | None:
        """The envelope at a position, None beyond the log."""
        return rows.get(self._txn, self._tables, position)

    def feed_head(self, feed: bytes) -> Head:
        """The head of a feed as this transaction leaves it; of size 0 for an unknown feed."""
        head = self._heads.get(feed)
        if head is None:
            value = self._txn.get(feed, db=self._tables["heads"])
            head = Head(0, 0, []) if value is None else Head(*msgspec.msgpack.decode(value))
        return head

    def branches(self) -> dict[bytes, Branch]:
        """Every branch, including those that this transaction began."""
        return feeds.branches(self._txn, self._tables)

    def read_feed(self, feed: bytes, start: int, limit: int) -> list[Envelope]:
        """At most `limit` envelopes of one feed from index `start` on, in order."""
        return feeds.read(self._txn, self._tables, feed, start, limit)

    def frontier(self, feed: bytes, size: int) -> list[bytes]:
        """The Merkle frontier of a feed as it was at `size`."""
        return feeds.frontier(self._txn, self._tables, feed, size)

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
        data, leaf = seal(
            draft,
            replica=self._replica,
            index=head.size,
            recorded=self._recorded,
            session=session,
            salt=self._ids.id128()[:SALT_BYTES],
            after=after,
        )
        return self._store(data, leaf, self._replica, head, self._recorded)

    def append_foreign(self, data: bytes, feed: bytes | None = None) -> Envelope | None:
        """Append another replica's envelope, bytes unchanged; None if it is already here."""
        envelope = Envelope(data)
        header = envelope.header
        envelope.verify()
        feed = feed or header.replica
        head = self.feed_head(feed)
        if header.index < head.size:
            position = self._known_position(feed, envelope)
            if not filling.fill(self._txn, self._tables, feed, envelope, position):
                return None
            self._changed = True
            self._obey(envelope)  # in case a partial sync left out the payload of a redaction
            return envelope
        if header.index > head.size or header.recorded <= head.recorded:
            raise ConflictError(
                f"cannot append envelope {header.index} of replica {header.replica.hex()}: "
                f"{head.size} of that feed are here",
                hint="fetch the missing envelopes first, in order",
            )
        self._recorded = observe_recorded(self._recorded, header.recorded, self._clock.now_ms())
        if header.replica == self._replica:
            # Another copy has more of this feed, so this copy was not the last to write to it.
            self.renew_replica()
        filling.note(self._txn, self._tables, feed, envelope)
        stored = erasure.arriving(self._txn, self._tables, envelope)
        self._arrivals.note(self._position + 1)
        return self._store(stored, envelope.leaf_hash, feed, head, header.recorded)

    def begin_branch(self, stem: bytes, data: bytes) -> bytes:
        """Begin a branch of a feed with an envelope that differs from the feed's at its index."""
        envelope = Envelope(data)
        header, frontier = envelope.header, self.frontier(stem, envelope.header.index)
        feed = feeds.add_branch(self._txn, self._tables, stem, frontier, envelope)
        if self.feed_head(feed).size:
            return feed
        before = self.read_feed(stem, header.index - 1, 1) if header.index else []
        recorded = before[0].header.recorded if before else 0
        self._heads[feed] = Head(header.index, recorded, frontier)
        self.branched = True
        return feed

    def renew_replica(self) -> None:
        """Write under a new replica id from now on."""
        self._replica = self._ids.id128()
        self._txn.put(b"replica", self._replica, db=self._tables["meta"])
        self._changed = True

    def journal_offset(self, journal_id: bytes) -> int:
        """The number of bytes of a journal that are in the log; 0 for an unknown journal."""
        return int.from_bytes(self._txn.get(journal_id, db=self._tables["journals"]) or b"", "big")

    def set_journal_offset(self, journal_id: bytes, offset: int) -> None:
        """Record the number of bytes of a journal that are in the log after this commit."""
        self._txn.put(journal_id, rows.key_of(offset), db=self._tables["journals"])
        self._changed = True

    def forget_journals(self, present: Callable[[], Iterable[bytes]]) -> None:
        """Drop the offsets of journals that no longer exist."""
        table = self._tables["journals"]
        known = {bytes(key) for key in self._txn.cursor(table).iternext(values=False)}
        if known:
            for journal_id in known.difference(present()):
                self._txn.delete(journal_id, db=table)
                self._changed = True

    def note(self, name: bytes) -> bytes:
        """A small value that was kept beside the log; b"" if there is none."""
        return note(self._txn, self._tables, name)

    def set_note(self, name: bytes, value: bytes) -> None:
        """Keep a small value, in the same commit as the envelopes."""
        self._txn.put(_NOTES + name, value, db=self._tables["meta"])
        self._changed = True

    def finish(self) -> None:
        """Write the rows that a transaction writes once: heads of touched feeds, and the clock."""
        if not self._heads:
            return
        for feed, head in self._heads.items():
            self._txn.put(feed, msgspec.msgpack.encode(head), db=self._tables["heads"])
        self._txn.put(b"clock", rows.key_of(self._recorded), db=self._tables["meta"])
        self._arrivals.put(self._txn, self._tables[arrivals.TABLE], max(0, self._clock.now_ms()))

    def _store(self, data: bytes, leaf: bytes, feed: bytes, head: Head, recorded: int) -> Envelope:
        position = self._position + 1
        key = rows.key_of(position)
        # `append=True` answers False for a key that is not the greatest; it does not raise.
        if not self._txn.put(key, data, db=self._tables["events"], append=True):
            raise CorruptionError(
                f"cannot append at position {position}: the log already holds it",
                hint="run `eventtrack check`; nothing was written",
            )
        self._txn.put(feed + rows.key_of(head.size), key, db=self._tables["feeds"])
        envelope = Envelope(data, position)
        if self._publishes:
            if not self.parts or self.parts[-1].feed != feed:
                self.parts.append(Part(feed, list(head.frontier), []))
            self.parts[-1].envelopes.append(envelope)
        tile = merkle.append_leaf(head.frontier, head.size, leaf)
        if tile is not None:
            place = head.size // merkle.TILE_LEAVES
            self._txn.put(feed + rows.key_of(place), tile, db=self._tables["tiles"])
        self._heads[feed] = Head(head.size + 1, recorded, head.frontier)
        self._position = position
        self._changed = True
        if envelope.header.after is not None or self._has_heights:
            self._has_heights = True
            envelope.effective = heights.note(self._txn, self._tables, envelope, self._committed)
        self._obey(envelope)
        return envelope

    def _obey(self, envelope: Envelope) -> None:
        if is_redaction(envelope):
            erasure.obey(self._txn, self._tables, envelope)
            self.redacts = True

    def erased(self) -> int:
        """The number of payloads that were ordered to be erased."""
        return table_rows(self._txn, self._tables["erased"])

    def rewrites(self) -> int:
        """The number of payloads that were erased or came later."""
        return filling.rewrites(self._txn, self._tables)

    def _known_position(self, feed: bytes, envelope: Envelope) -> int:
        """The position of an envelope that a feed already holds."""
        header = envelope.header
        position = feeds.locate(self._txn, self._tables, feed, header.index)
        known = None if position is None else self.get(position)
        if known is None or known.header_bytes != envelope.header_bytes:
            raise ConflictError(
                f"replica {header.replica.hex()} has two different envelopes {header.index}",
                hint="two copies of one store wrote under the same name; a sync keeps both",
            )
        return known.position


def note(txn: Transaction, tables: dict[str, Any], name: bytes) -> bytes:
    """A note that a publisher keeps beside the log; b"" if there is none."""
    return txn.get(_NOTES + name, db=tables["meta"]) or b""
