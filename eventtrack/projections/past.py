"""The views as they were at a moment, answered from the live views (docs/past.md has a picture).

Nearly every row belongs to one stream, and folds are commutative. So each stream can be answered by
itself, by its standing to the moment (`standing`):

- wholly before it: its live rows are read where they are;
- wholly after it: its rows are left out;
- across it, a run with a kept row: the kept row and its index rows are read (`kept`);
- across it without one: the stream is folded anew from its own envelopes, when a question needs
  it, into an environment beside the live one.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from eventtrack.limits import FOLD_ENVELOPES_MAX
from eventtrack.log.environment import Environment, Transaction
from eventtrack.log.protocol import EventLog
from eventtrack.projections import fold, skipped, timeline
from eventtrack.projections.build import Build
from eventtrack.projections.cache import Cache
from eventtrack.projections.kept import GONE, came
from eventtrack.projections.past_rows import OWNERS, PastCursor, Row, Walk
from eventtrack.projections.points import Points
from eventtrack.projections.standing import Bounds, Standing
from eventtrack.projections.state import MetricState, RunState
from eventtrack.projections.tables import TABLES, Reader, Tables
from eventtrack.projections.timeline import BLOCK_BYTES

# Local numbers that are given while folding anew begin here, above all numbers of the live views.
FIRST_NUMBER = 2**31
_NAMES = {table: table for table in TABLES}

Progress = Callable[[int, int], None]


class Past:
    """The views of one moment. Safe from any thread; one thread reads at a time.

    Args:
        live: Views that hold everything up to the moment, and perhaps more.
        folder: An empty folder for the rows of streams that are folded anew.
    """

    def __init__(self, live: Build, log: EventLog, until: Bounds, folder: Path) -> None:
        self.live = live
        self._log = log
        self._until = until
        # It never holds more than the live views, so its map never needs to grow.
        room = 2 * live.environment.info()["map_size"]
        self._own = Environment(folder, TABLES, sync=False, map_bytes=room)
        with self._own.write() as txn:
            txn.put(b"numbers", FIRST_NUMBER.to_bytes(4, "big"), db=self._own.tables["meta"])
        self._reader: tuple[int, PastReader] | None = None  # the reading thread and its reader
        self._as_of = -1  # the live transaction of `_standing`
        self._standing: Standing | None = None
        self.folded: set[bytes] = set()  # streams whose rows are in `_own`, and only there count
        self.broken = False  # whether a fold failed: this object must not be used any more

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """The tables as they were. A read folds the streams that it needs."""
        if self._reader is not None and self._reader[0] == threading.get_ident():
            yield self._reader[1]
            return
        failure: BaseException | None = None
        with self._own.write() as own, self.live.environment.read() as txn:
            live = Reader(txn, self.live.environment.tables)
            standing = self._stands(live, txn.id())
            transaction = PastTransaction(self, own, live, standing)
            self._reader = threading.get_ident(), PastReader(transaction)
            try:
                yield self._reader[1]
            except BaseException as error:
                if self.broken:
                    raise
                failure = error  # an error of the caller: the streams folded for it stay folded
            finally:
                self._reader = None
        if failure is not None:
            raise failure

    def fold_all(self, progress: Progress | None = None) -> None:
        """Fold every stream across the moment now: for questions about everything."""
        with self.read():
            assert self._reader is not None
            transaction = self._reader[1].past
            self.fold(transaction, transaction.standing.all_across(), progress)

    def fold_unkept(self, progress: Progress | None = None) -> None:
        """Fold every run across the moment without a kept row now: a search needs them."""
        with self.read():
            assert self._reader is not None
            transaction = self._reader[1].past
            self.fold(transaction, transaction.standing.unkept(), progress)

    def last_included(self) -> int:
        """The last position that belongs to the moment, 0 for none."""
        with self.read():
            assert self._reader is not None
            return self._reader[1].past.standing.last_position()

    def close(self) -> None:
        """Close the files of streams folded anew; the caller removes their folder."""
        self._own.close()

    # For PastTransaction.

    def own_tables(self) -> dict[str, Any]:
        """The tables of the streams that were folded anew."""
        return self._own.tables

    def fold(
        self,
        transaction: "PastTransaction",
        numbers: set[bytes],
        progress: Progress | None = None,
    ) -> None:
        """Fold the given streams anew, except those that are folded already."""
        missing = numbers - self.folded
        standing = transaction.standing
        positions = sorted(place for number in missing for place in standing.positions(number))
        # Set before the fold: it reads these streams too, and must find their rows so far.
        self.folded |= missing
        tables, done = Tables(transaction, _NAMES, Cache(), keeps=False), 0  # type: ignore[arg-type]
        aside = skipped.failed(standing.live) if positions else set()
        try:
            while done < len(positions):
                batch = self._log.get_many(positions[done : done + FOLD_ENVELOPES_MAX])
                for envelope in batch:
                    if envelope.position not in aside:
                        fold.apply(tables, envelope)
                tables.flush()
                done += len(batch)
                if progress is not None:
                    progress(done, len(positions))
        except BaseException:
            self.broken = True
            raise

    def _stands(self, live: Reader, as_of: int) -> Standing:
        """The standing of the streams, made anew when the live views have changed."""
        if self._standing is None or as_of != self._as_of:
            self._standing, self._as_of = Standing(live, self._log, self._until), as_of
            known_as_of, neighbour = self.live.looked_at
            if neighbour is not None and known_as_of == as_of:
                self._standing.take_over(neighbour)
            self.live.looked_at = as_of, self._standing
        self._standing.live = live
        return self._standing


class PastTransaction:
    """In place of LMDB's transaction: reads the rows of the moment, wherever they are.

    Tables are given by name. Writes go to the environment beside the live views.
    """

    def __init__(self, past: Past, own: Transaction, live: Reader, standing: Standing) -> None:
        self._past = past
        self._own = own
        self._live = live
        self.standing = standing

    def get(self, key: bytes, *, db: str) -> bytes | None:
        """The value of a row at the moment; None if there was no such row."""
        own, live = self._past.own_tables()[db], self._live.tables[db]
        owner = OWNERS[db]
        if owner is None:
            value = self._own.get(key, db=own)
            return self._live.txn.get(key, db=live) if value is None else value
        number = key[owner]
        if number in self._past.folded:
            return self._own.get(key, db=own)
        if self.standing.is_before(number):
            return self._live.txn.get(key, db=live)
        if not self.standing.is_across(number):
            return None
        if db == "runs":
            row = self.standing.kept(number)
            if row is not None or number not in self.standing.unkept():
                return row
        self.need(number)
        return self._own.get(key, db=own)

    def cursor(self, db: str) -> PastCursor:
        """A cursor over the rows of a table."""
        owner, own = OWNERS[db], self._own.cursor(self._past.own_tables()[db])
        live = self._live.txn.cursor(self._live.tables[db])
        if db == "index":
            gone = self._live.txn.cursor(self._live.tables[GONE])
            walks = Walk(own), Walk(live, self._of_index), Walk(gone, self._of_gone, cut=8)
            return PastCursor(self, db, None, walks)
        if owner is None:
            return PastCursor(self, db, None, (Walk(own), Walk(live)))
        return PastCursor(self, db, owner, (Walk(own), Walk(live, partial(self._of_live, owner))))

    def stat(self, db: str) -> dict[str, int]:
        """An upper bound of a table's number of rows."""
        live = self._live.txn.stat(self._live.tables[db])["entries"]
        return {"entries": live + self._own.stat(self._past.own_tables()[db])["entries"]}

    def put(self, key: bytes, value: bytes, *, db: str) -> bool:
        """Write a row of a stream that is being folded anew."""
        return self._own.put(key, value, db=self._past.own_tables()[db])

    def delete(self, key: bytes, *, db: str) -> bool:
        """Delete a row of a stream that is being folded anew."""
        return self._own.delete(key, db=self._past.own_tables()[db])

    def need(self, number: bytes) -> None:
        """Fold a stream anew if it lies across the moment."""
        if number not in self._past.folded and self.standing.is_across(number):
            self._past.fold(self, {number})

    def need_table(self, db: str) -> None:
        """Fold anew all streams across the moment that may have rows in a table.

        For the search index, runs with a kept row need no fold.
        """
        if db == "index":
            self._past.fold(self, self.standing.unkept())
            return
        # A deleted trace has no row in the order of traces, but still one in `traces`.
        db = "traces" if db == "traces_by_time" else db
        owner = OWNERS[db]
        if owner is None:
            return
        rows = self._live.txn.cursor(self._live.tables[db]).iternext(values=False)
        numbers = {key[owner] for key in rows}
        self._past.fold(self, {number for number in numbers if self.standing.is_across(number)})

    def live_run(self, number: int) -> RunState | None:
        """A run as it is in the live views."""
        return self._live.run_by_number(number)

    def _of_live(self, owner: slice, rows: Iterator[Row]) -> Iterator[Row]:
        """The live rows of a table that were there at the moment."""
        before, is_before = self.standing.blocks_before, self.standing.is_before
        folded = self._past.folded
        block = slice(owner.start, owner.start + BLOCK_BYTES)
        for row in rows:
            key = row[0]
            if key[block] in before or (is_before(key[owner]) and key[owner] not in folded):
                yield row

    def _of_index(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The live rows of the search index that were there at the moment."""
        before, bound_of = self.standing.blocks_before, self.standing.bound
        folded = self._past.folded
        for row in rows:
            number = row[0][-4:]
            is_before = number[:BLOCK_BYTES] in before
            if is_before or (came(row[1]) < bound_of(number) and number not in folded):
                yield row

    def _of_gone(self, rows: Iterator[Row]) -> Iterator[Row]:
        """The rows that left the search index since, but were there at the moment."""
        bound_of, folded = self.standing.bound, self._past.folded
        for row in rows:
            number = row[0][-12:-8]
            left = int.from_bytes(row[0][-8:], "big")
            if came(row[1]) < bound_of(number) <= left and number not in folded:
                yield row


class PastReader(Reader):
    """Reads of a moment."""

    def __init__(self, past: PastTransaction) -> None:
        super().__init__(past, _NAMES)  # type: ignore[arg-type]
        self.past = past
        # Series of runs with a kept row, which may have grown since, with the run and the metric.
        self._series: dict[int, tuple[int, str]] = {}

    def run_by_number(self, number: int) -> RunState | None:
        """A run by its local number, as it was."""
        state = super().run_by_number(number)
        if state is not None and self.past.standing.is_across(number.to_bytes(4, "big")):
            for key, metric in state.metrics.items():
                if metric.series < FIRST_NUMBER:
                    self._series[metric.series] = number, key
        return state

    def history(self, state: MetricState) -> Points:
        """All points of a series, as of the moment."""
        number, key = self._series.get(state.series, (0, ""))
        if number:
            now = self.past.live_run(number)
            if now is None or now.metrics.get(key) != state:
                self.past.need(number.to_bytes(4, "big"))
                then = super().run_by_number(number)
                assert then is not None, "a run with a kept row can be folded"
                return super().history(then.metrics[key])
        return super().history(state)


def touched(
    live: Reader, before: Bounds, after: Bounds, only: Iterable[int] | None = None
) -> list[list[int]]:
    """The positions of the envelopes that only one of two moments holds, stream by stream.

    Streams without such an envelope are left out.

    Args:
        only: The numbers of the streams in question; all of them by default.
    """

    def may_differ(extent: timeline.Extent) -> bool:
        both_hold = before.hold(extent) and after.hold(extent)
        return not both_hold and (before.touch(extent) or after.touch(extent))

    streams: Iterable[int] = (
        int.from_bytes(number, "big")
        for block, whole in timeline.blocks(live)
        if may_differ(whole)
        for number, extent in timeline.extents(live, block)
        if may_differ(extent)
    )
    groups: list[list[int]] = []
    for number in streams if only is None else only:
        envelopes = timeline.envelopes_of(live, number)
        different = [
            position
            for position, recorded, _ in envelopes
            if before.include(position, recorded) != after.include(position, recorded)
        ]
        if different:
            groups.append(different)
    return groups
