"""The log on disk: one LMDB environment, many processes (docs/format.md, sections 3 to 6)."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from eventtrack.clock import Clock, SystemClock
from eventtrack.events.envelope import Envelope
from eventtrack.ids import IdSource, RandomIds
from eventtrack.limits import COMMIT_MAP_BYTES_FREE
from eventtrack.log import arrivals, erasure, feeds, files, filling, heights, identity, rows
from eventtrack.log.again import run_again
from eventtrack.log.environment import Environment, MapFull
from eventtrack.log.feeds import Branch
from eventtrack.log.protocol import Head, Publisher, Result
from eventtrack.log.rows import table_rows
from eventtrack.log.transaction import LmdbTransaction, note

TABLES = (
    *("events", "feeds", "heads", "journals", "meta", "tiles", "erased", "bare"),
    rows.HEIGHTS,
    heights.ABOVE,
    arrivals.TABLE,
    feeds.TABLE,
)


class Drained(NamedTuple):
    """The bytes of each journal that are in the log, by journal id, as of a `change_count`."""

    change: int
    head: int
    offsets: dict[bytes, int]


class LmdbLog:
    """An `EventLog` in a folder. Every process that uses the folder opens its own.

    Args:
        folder: Must exist.
        create: Whether to make the log when its file is missing, unless it is `readonly`.
        map_bytes: The first size of the map; doubled whenever it is full.
        publisher: Gets the envelopes of each transaction before its commit. The log is then a
            cache of what was published, so its commits are not synced: they survive the death of
            the process, but not of the machine.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Clock | None = None,
        ids: IdSource | None = None,
        create: bool = True,
        map_bytes: int | None = None,
        readonly: bool = False,
        publisher: Publisher | None = None,
    ) -> None:
        self._publisher = publisher
        self._clock, self._ids = clock or SystemClock(), ids or RandomIds()
        options: dict[str, Any] = {} if map_bytes is None else {"map_bytes": map_bytes}
        options["sync"] = publisher is None
        self.environment = Environment(folder, TABLES, create=create, readonly=readonly, **options)
        self._tables, self._file = self.environment.tables, folder / "data.mdb"
        self._inode = self._file.stat().st_ino
        if not readonly:
            identity.settle(self.environment, self._ids, self._file)

    @property
    def replica(self) -> bytes:
        """The id of the feed that this log's own appends extend."""
        with self.environment.read() as txn:
            return rows.replica_of(txn, self._tables["meta"])

    def head(self) -> int:
        """The position of the newest envelope, 0 for an empty log."""
        with self.environment.read() as txn:
            return rows.last_position(txn, self._tables["events"])

    def read(self, after: int, limit: int) -> list[Envelope]:
        """At most `limit` envelopes with positions above `after`, in order."""
        with self.environment.read() as txn:
            return rows.read(txn, self._tables, after, limit)

    def headers(self, after: int, limit: int) -> list[Envelope]:
        """At most `limit` envelopes with positions above `after`, in order, without payloads."""
        with self.environment.read(buffers=True) as txn:
            return rows.headers(txn, self._tables, after, limit)

    def get(self, position: int) -> Envelope | None:
        """The envelope at a position, None beyond the log."""
        with self.environment.read() as txn:
            return rows.get(txn, self._tables, position)

    def get_many(self, positions: Sequence[int]) -> list[Envelope]:
        """The envelopes at positions that the log holds, in that order; perhaps only the first."""
        with self.environment.read() as txn:
            return rows.get_many(txn, self._tables, positions)

    @property
    def publishes(self) -> bool:
        """Whether what is appended here has to be in a shared log first."""
        return self._publisher is not None

    @contextmanager
    def begin(self, *, decides: bool = False) -> Iterator[LmdbTransaction]:
        """A transaction as the only writer, committed durably when the block ends.

        Args:
            decides: For the publisher: see `PublishedTransaction`.
        """
        with self.environment.write() as txn:
            files.refuse_deleted(self._file, self._inode)
            transaction = LmdbTransaction(
                txn, self._tables, self._clock, self._ids, publishes=self.publishes
            )
            transaction.decides = decides
            yield transaction
            transaction.finish()
            if self._publisher is not None:
                # Last: a map that turns out to be full must not undo what was published.
                if self.environment.free_bytes() < COMMIT_MAP_BYTES_FREE:
                    raise MapFull(self.environment)
                self._publisher.publish(transaction)
            if transaction.redacts:
                erasure.marker(self._file.parent).touch()
            if transaction.branched:
                files.note_branches(self._file.parent.parent)

    def transact(self, work: Callable[[LmdbTransaction], Result]) -> Result:
        """Run `work` as the only writer, then commit durably: all of its appends, or none."""

        def attempt() -> Result:
            with self.begin() as transaction:
                return work(transaction)

        return run_again(attempt)

    def heads(self) -> dict[bytes, Head]:
        """Every feed known here, by its id."""
        with self.environment.read() as txn:
            return {
                bytes(feed): Head(*msgspec.msgpack.decode(value))
                for feed, value in txn.cursor(self._tables["heads"])
            }

    def branches(self) -> dict[bytes, Branch]:
        """Every branch: the second end of a feed that two copies wrote to, by the branch's id."""
        with self.environment.read() as txn:
            return feeds.branches(txn, self._tables)

    def locate(self, feed: bytes, index: int) -> int | None:
        """The position here of an envelope of any feed; None if it is not here."""
        with self.environment.read() as txn:
            return feeds.locate(txn, self._tables, feed, index)

    def locate_all(self, replica: bytes, index: int) -> list[int]:
        """The positions of all envelopes of that name: several if the feed has branches."""
        with self.environment.read() as txn:
            return feeds.locate_all(txn, self._tables, replica, index)

    def read_feed(self, feed: bytes, start: int, limit: int) -> list[Envelope]:
        """At most `limit` envelopes of one feed from index `start` on, in order."""
        with self.environment.read() as txn:
            return feeds.read(txn, self._tables, feed, start, limit)

    def frontier(self, feed: bytes, size: int) -> list[bytes]:
        """The Merkle frontier of a feed as it was at `size`, at most its size here."""
        with self.environment.read() as txn:
            return feeds.frontier(txn, self._tables, feed, size)

    def change_count(self) -> int:
        """The number of the newest LMDB transaction that can be read."""
        return self.environment.last_transaction()

    def note(self, name: bytes) -> bytes:
        """A small value that a publisher keeps beside the log; b"" if there is none."""
        with self.environment.read() as txn:
            return note(txn, self._tables, name)

    def journals(self) -> dict[bytes, int]:
        """The number of bytes of each journal that are in the log, by journal id."""
        return self.drained().offsets

    def drained(self) -> Drained:
        """The parts of the journals that are in the log."""
        with self.environment.read() as txn:
            head = rows.last_position(txn, self._tables["events"])
            cursor = txn.cursor(self._tables["journals"])
            offsets = {bytes(key): int.from_bytes(value, "big") for key, value in cursor}
            return Drained(int(txn.id()), head, offsets)

    def erased(self) -> int:
        """The number of payloads that were ordered to be erased."""
        with self.environment.read() as txn:
            return table_rows(txn, self._tables["erased"])

    def rewrites(self) -> int:
        """The number of payloads that were erased or came later."""
        with self.environment.read() as txn:
            return filling.rewrites(txn, self._tables)

    def arrived_ms(self, position: int) -> int | None:
        """The arrival time of an envelope of another feed, in ms; None if it was recorded here."""
        with self.environment.read() as txn:
            return arrivals.find(txn, self._tables[arrivals.TABLE], position)

    def unfilled(self) -> dict[bytes, int]:
        """For each feed, the first index whose payload is missing and may still come."""
        with self.environment.read() as txn:
            return filling.unfilled(txn, self._tables)

    def erased_in(self, feed: bytes, start: int, stop: int) -> list[int]:
        """The indexes of a feed, from `start` to before `stop`, whose payloads were redacted."""
        with self.environment.read() as txn:
            return erasure.erased_in(txn, self._tables, feed, start, stop)

    def set_aside(self, feed: bytes, index: int) -> None:
        """Take out an envelope's payload, which does not match its header."""

        def work() -> None:
            with self.environment.write() as txn:
                lost = filling.lose(txn, self._tables, feed, index)
                if lost is not None:
                    files.keep_damaged(self._file.parent, lost)

        run_again(work)

    def close(self) -> None:
        """Release the log's files."""
        self.environment.close()
