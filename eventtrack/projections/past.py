"""The views as they were at a moment, made out of the views of now.

Nearly every row belongs to one stream, and folds are commutative. So a stream that nothing touched
since is read where it is, and one that had not begun is left out. Of a run that was touched after a
rest the rows of before were kept (`kept`). Only what is in between is folded anew: from its own
envelopes, into an environment beside the live one, when it is asked for.
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

# Numbers given to what is folded anew lie above all that the live views give.
FIRST_NUMBER = 2**31
_NAMES = {table: table for table in TABLES}

Progress = Callable[[int, int], None]


class Past:
    """The views of one moment. Safe from any thread; one reads at a time.

    Args:
        live: Views that hold everything up to the moment, and perhaps more.
        folder: An empty folder for what is folded anew.
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
        self._reader: tuple[int, PastReader] | None = None  # the thread that reads, and how
        self._as_of = -1  # the live transaction that `_standing` is of
        self._standing: Standing | None = None
        self.folded: set[bytes] = set()  # their rows are in `_own`, and no others count
        self.broken = False  # whether folding failed: what is here is not to be used any more

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """The tables as they were; what they need is folded when it is asked for."""
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
                failure = error  # the caller's: what was folded for it stays
            finally:
                self._reader = None
        if failure is not None:
            raise failure

    def fold_all(self, progress: Progress | None = None) -> None:
        """Fold all that is not as it was, now: for those who ask about everything."""
        with self.read():
            assert self._reader is not None
            transaction = self._reader[1].past
            self.fold(transaction, transaction.standing.all_between(), progress)

    def fold_unkept(self, progress: Progress | None = None) -> None:
        """Fold what a search has to have folded, now."""
        with self.read():
            assert self._reader is not None
            transaction = self._reader[1].past
            self.fold(transaction, transaction.standing.unkept(), progress)

    def last_included(self) -> int:
        """The last position that had happened by then, 0 for none."""
        with self.read():
            assert self._reader is not None
            return self._reader[1].past.standing.last_position()

    def close(self) -> None:
        """Close what was folded anew; its folder is the caller's."""
        self._own.close()

    # What PastTransaction asks for.

    def own_tables(self) -> dict[str, Any]:
        """The tables of what was folded anew."""
        return self._own.tables

    def fold(
        self,
        transaction: "PastTransaction",
        numbers: set[bytes],
        progress: Progress | None = None,
    ) -> None:
        """Fold those of some streams that were not yet."""
        missing = numbers - self.folded
        standing = transaction.standing
        positions = sorted(place for one in missing for place in standing.positions(one))
        # Before: the folds read these streams too, and find what there is of them so far.
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
        """How the streams stand as of now; what is known of them goes when others have folded."""
        if self._standing is None or as_of != self._as_of:
            self._standing, self._as_of = Standing(live, self._log, self._until), as_of
            known_as_of, neighbour = self.live.looked_at
            if neighbour is not None and known_as_of == as_of:
                self._standing.take_over(neighbour)
            self.live.looked_at = as_of, self._standing
        self._standing.live = live
        return self._standing


class PastTransaction:
    """What stands in for LMDB's transaction: rows of the moment, wherever they are.

    Tables go by their names. What is written goes beside the live views.
    """

    def __init__(self, past: Past, own: Transaction, live: Reader, standing: Standing) -> None:
        self._past = past
        self._own = own
        self._live = live
        self.standing = standing

    def get(self, key: bytes, *, db: str) -> bytes | None:
        """The value of a row; None where there was none."""
        own, live = self._past.own_tables()[db], self._live.tables[db]
        owner = OWNERS[db]
        if owner is None:
            value = self._own.get(key, db=own)
            return self._live.txn.get(key, db=live) if value is None else value
        number = key[owner]
        if number in self._past.folded:
            return self._own.get(key, db=own)
        if self.standing.is_same(number):
            return self._live.txn.get(key, db=live)
        if not self.standing.is_between(number):
            return None
        if db == "runs":
            found = self.standing.kept(number)
            if found is not None or number not in self.standing.unkept():
                return found
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
        """At most so many rows."""
        found = self._live.txn.stat(self._live.tables[db])["entries"]
        return {"entries": found + self._own.stat(self._past.own_tables()[db])["entries"]}

    def put(self, key: bytes, value: bytes, *, db: str) -> bool:
        """Write a row of a stream that is folded anew."""
        return self._own.put(key, value, db=self._past.own_tables()[db])

    def delete(self, key: bytes, *, db: str) -> bool:
        """Delete such a row."""
        return self._own.delete(key, db=self._past.own_tables()[db])

    def need(self, number: bytes) -> None:
        """Fold one stream anew, if its rows are not those of now."""
        if number not in self._past.folded and self.standing.is_between(number):
            self._past.fold(self, {number})

    def need_table(self, db: str) -> None:
        """Fold what has rows in a table and is not kept."""
        if db == "index":
            self._past.fold(self, self.standing.unkept())
            return
        # Deleted traces leave the order of traces, and only that.
        db = "traces" if db == "traces_by_time" else db
        owner = OWNERS[db]
        if owner is None:
            return
        rows = self._live.txn.cursor(self._live.tables[db]).iternext(values=False)
        owners = {key[owner] for key in rows}
        self._past.fold(self, {one for one in owners if self.standing.is_between(one)})

    def live_run(self, number: int) -> RunState | None:
        """A run as it is now."""
        return self._live.run_by_number(number)

    def _of_live(self, owner: slice, rows: Iterator[Row]) -> Iterator[Row]:
        """Those of the live rows of a table that were there."""
        same, is_same, folded = self.standing.same, self.standing.is_same, self._past.folded
        block = slice(owner.start, owner.start + BLOCK_BYTES)
        for row in rows:
            key = row[0]
            if key[block] in same or (is_same(key[owner]) and key[owner] not in folded):
                yield row

    def _of_index(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Those of the live rows of the search index that were there."""
        same, bound_of, folded = self.standing.same, self.standing.bound, self._past.folded
        for row in rows:
            number = row[0][-4:]
            is_same = number[:BLOCK_BYTES] in same
            if is_same or (came(row[1]) < bound_of(number) and number not in folded):
                yield row

    def _of_gone(self, rows: Iterator[Row]) -> Iterator[Row]:
        """Those of the rows that left the search index that were there."""
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
        # Series of rows that were kept, which may have grown since: their runs and metrics.
        self._series: dict[int, tuple[int, str]] = {}

    def run_by_number(self, number: int) -> RunState | None:
        """A run by its local number, as it was."""
        state = super().run_by_number(number)
        if state is not None and self.past.standing.is_between(number.to_bytes(4, "big")):
            for key, metric in state.metrics.items():
                if metric.series < FIRST_NUMBER:
                    self._series[metric.series] = number, key
        return state

    def history(self, state: MetricState) -> Points:
        """All points of a series, as of then."""
        number, key = self._series.get(state.series, (0, ""))
        if number:
            now = self.past.live_run(number)
            if now is None or now.metrics.get(key) != state:
                self.past.need(number.to_bytes(4, "big"))
                then = super().run_by_number(number)
                assert then is not None, "a run that was kept is folded"
                return super().history(then.metrics[key])
        return super().history(state)


def touched(
    live: Reader, one: Bounds, two: Bounds, only: Iterable[int] | None = None
) -> list[list[int]]:
    """For each stream of which two moments hold different envelopes, the positions of those.

    Args:
        only: The numbers of the streams that are asked about; all of them by default.
    """

    def may_differ(extent: timeline.Extent) -> bool:
        first, last = (extent.first, extent.earliest), (extent.last, extent.latest)
        is_same = (one.include(*last) and two.include(*last)) or not (
            one.include(*first) or two.include(*first)
        )
        return not is_same

    streams: Iterable[int] = (
        int.from_bytes(number, "big")
        for block, whole in timeline.blocks(live)
        if may_differ(whole)
        for number, extent in timeline.extents(live, block)
        if may_differ(extent)
    )
    found: list[list[int]] = []
    for number in streams if only is None else only:
        envelopes = timeline.envelopes_of(live, number)
        different = [
            position
            for position, recorded, _ in envelopes
            if one.include(position, recorded) != two.include(position, recorded)
        ]
        if different:
            found.append(different)
    return found
