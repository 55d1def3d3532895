"""The views as they were at a moment, answered from the live views (docs/past.md has a picture).

`Past.read` gives a `Reader` like that of the live views, over the rows of the moment (`past_rows`).
Where a stream's rows are depends on its standing (`standing`):

- before the moment: its live rows, where they are;
- across it with a kept row (`kept`): that row, and the index rows of its time;
- across it without: rows of the stream folded anew from its envelopes of the moment. A question
  that needs them folds them, into an environment beside the live one;
- after the moment: none.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from eventtrack.limits import FOLD_ENVELOPES_MAX
from eventtrack.log.environment import Environment
from eventtrack.log.protocol import EventLog
from eventtrack.projections import curves, fold, item_curves, skipped, timeline
from eventtrack.projections.build import Build
from eventtrack.projections.cache import Cache
from eventtrack.projections.item_curves import AnySeries
from eventtrack.projections.items import Items
from eventtrack.projections.past_rows import MomentRows
from eventtrack.projections.points import Points
from eventtrack.projections.rows import LmdbRows, WritableRows
from eventtrack.projections.standing import Bounds, Standing, may_differ
from eventtrack.projections.state import ItemsState, MetricState, RunState
from eventtrack.projections.tables import TABLES, Reader, Tables

# Local numbers that are given while folding anew begin here, above all numbers of the live views.
FIRST_NUMBER = 2**31

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
        self._beside = Environment(folder, TABLES, sync=False, map_bytes=room)
        with self._beside.write() as txn:
            rows = LmdbRows(txn, self._beside.tables)
            rows.put("meta", b"numbers", FIRST_NUMBER.to_bytes(4, "big"))
        self._anew = _Anew(log)
        self._reading: _Reading | None = None  # the read in progress
        self._as_of = -1  # the live transaction of `_standing`
        self._standing: Standing | None = None

    @property
    def broken(self) -> bool:
        """Whether a fold failed: this object must not be used any more."""
        return self._anew.broken

    @contextmanager
    def read(self) -> Iterator["PastReader"]:
        """The tables as they were. A read folds the streams that it needs."""
        with self._begin() as reading:
            yield reading.reader

    def fold_all(self, progress: Progress | None = None) -> None:
        """Fold every stream across the moment now: for questions about everything."""
        with self._begin() as reading:
            reading.fold(reading.rows.standing.streams_across(), progress)

    def fold_for_search(self, progress: Progress | None = None) -> None:
        """Fold every run across the moment without a kept row now: a search needs them."""
        with self._begin() as reading:
            reading.fold(reading.rows.standing.runs_to_fold(), progress)

    def last_included(self) -> int:
        """The last position that belongs to the moment, 0 for none."""
        with self._begin() as reading:
            return reading.rows.standing.last_position()

    def close(self) -> None:
        """Close the files of streams folded anew; the caller removes their folder."""
        self._beside.close()

    @contextmanager
    def _begin(self) -> Iterator["_Reading"]:
        """The read in progress of this thread, or else a new one."""
        if self._reading is not None and self._reading.thread == threading.get_ident():
            yield self._reading
            return
        failure: BaseException | None = None
        with self._beside.write() as txn, self.live.environment.read() as live_txn:
            live = LmdbRows(live_txn, self.live.environment.tables)
            beside = LmdbRows(txn, self._beside.tables)
            standing = self._stands(Reader(live), live_txn.id())
            self._reading = _Reading(live, beside, standing, self._anew)
            try:
                yield self._reading
            except BaseException as error:
                if self.broken:
                    raise
                failure = error  # an error of the caller: the streams folded for it stay folded
            finally:
                self._reading = None
        if failure is not None:
            raise failure

    def _stands(self, live: Reader, as_of: int) -> Standing:
        """The standing of the streams, made anew when the live views have changed."""
        if self._standing is None or as_of != self._as_of:
            self._standing, self._as_of = Standing(live, self._log, self._until), as_of
            known_as_of, neighbour = self.live.looked_at
            if neighbour is not None and known_as_of == as_of:
                self._standing.reuse(neighbour)
            self.live.looked_at = as_of, self._standing
        self._standing.live = live
        return self._standing


class _Anew:
    """The streams of a moment that were folded anew, from their envelopes of the moment."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self.numbers: set[bytes] = set()  # these streams' rows lie beside the live ones
        self.broken = False

    def fold(
        self, tables: Tables, standing: Standing, numbers: set[bytes], progress: Progress | None
    ) -> None:
        """Fold the streams with some numbers."""
        positions = sorted(place for number in numbers for place in standing.positions(number))
        # Set before the fold: it reads these streams too, and must find their rows so far.
        self.numbers |= numbers
        aside = skipped.failed(standing.live) if positions else set()
        done = 0
        try:
            while done < len(positions):
                batch = self._log.get_many(positions[done : done + FOLD_ENVELOPES_MAX])
                for envelope in batch:
                    if envelope.position not in aside:
                        fold.apply(tables, envelope)
                fold.split_runs(tables, self._log)
                tables.flush()
                done += len(batch)
                if progress is not None:
                    progress(done, len(positions))
        except BaseException:
            self.broken = True
            raise


class _Reading:
    """One thread's read of a moment, in one transaction of the live views."""

    def __init__(self, live: LmdbRows, beside: LmdbRows, standing: Standing, anew: _Anew) -> None:
        self.thread = threading.get_ident()
        self._fold = partial(_fold_missing, beside, anew)
        self.rows = MomentRows(live, beside, standing, anew.numbers, self._fold)
        self.reader = PastReader(self.rows)

    def fold(self, numbers: set[bytes], progress: Progress | None = None) -> None:
        """Fold the streams with some numbers anew, except for those that are folded already."""
        self._fold(self.rows, numbers, progress)


def _fold_missing(
    beside: LmdbRows,
    anew: _Anew,
    rows: MomentRows,
    numbers: set[bytes],
    progress: Progress | None = None,
) -> None:
    missing = numbers - anew.numbers
    if missing:
        tables = Tables(_FoldingRows(rows, beside), Cache(), keeps=False)
        anew.fold(tables, rows.standing, missing, progress)


class _FoldingRows:
    """Rows for a fold of single streams: reads of the moment, writes beside the live rows."""

    def __init__(self, moment: MomentRows, beside: WritableRows) -> None:
        self.get = moment.get
        self.scan = moment.scan
        self.keys = moment.keys
        self.count = moment.count
        self.put = beside.put
        self.put_many = beside.put_many
        self.delete = beside.delete
        self.pop = beside.pop


class PastReader(Reader):
    """Reads of a moment."""

    def __init__(self, rows: MomentRows) -> None:
        super().__init__(rows)
        self._moment = rows
        # The live views, in the transaction of this read.
        self.live = Reader(rows.live)
        # Series of runs with a kept row, which may have grown since, with the run and the metric.
        self._series: dict[int, tuple[int, str]] = {}

    def run_by_number(self, number: int) -> RunState | None:
        """A run by its local number, as it was."""
        state = super().run_by_number(number)
        # A kept row has all names in it. A run with wide maps was folded anew.
        if state is None or state.wide:
            return state
        if self._moment.standing.is_across(number.to_bytes(4, "big")):
            series = [(key, metric.series) for key, metric in curves.series_of(state)]
            series += [(name, items.series) for name, items in item_curves.stored(state)]
            self._series |= {place: (number, key) for key, place in series if place < FIRST_NUMBER}
        return state

    def history(self, curve: curves.AnyCurve) -> Points:
        """All points of a curve, as of the moment."""
        return super().history(self._curve_then(curve))

    def first_point(self, curve: curves.AnyCurve) -> tuple[int, int]:
        """The step and timestamp of the point of a curve that was stored first."""
        return super().first_point(self._curve_then(curve))

    def items_of(self, series: AnySeries, start: int = 0, stop: int | None = None) -> Items:
        """The items of a series, as of the moment; `start` and `stop` are as in a slice."""
        for state in item_curves.series_in(series):
            number, name = self._series.get(state.series, (0, ""))
            if number and not self._is_live(number, name, state):
                series = self.series(self._folded_anew(number))[name]
                break
        return super().items_of(series, start, stop)

    def parent(self, run_id: str) -> RunState | None:
        """A run as it was, with series that hold nothing from after the moment."""
        number = self.number("run/" + run_id)
        if number is not None:
            self._moment.need(number.to_bytes(4, "big"))
        return super().parent(run_id)

    def _curve_then(self, curve: curves.AnyCurve) -> curves.AnyCurve:
        """The curve, if its live rows hold nothing from after the moment; else as folded anew."""
        for series in curves.series_in(curve):
            number, key = self._series.get(series.series, (0, ""))
            if number and not self._is_live(number, key, series):
                then = self.curve(self._folded_anew(number), key)
                assert then is not None, "the metric had points"
                return then
        return curve

    def _is_live(self, number: int, name: str, series: MetricState | ItemsState) -> bool:
        """Whether a series of a run is in the live views as it was."""
        now = self.live.run_by_number(number)
        if now is None:
            return False
        if isinstance(series, ItemsState):
            return any(it == series for _, it in item_curves.stored(now))
        return series in curves.series_named(now, name)

    def _folded_anew(self, number: int) -> RunState:
        """A run as it was, from the environment beside the live views."""
        self._moment.need(number.to_bytes(4, "big"))
        then = super().run_by_number(number)
        assert then is not None, "a run with a kept row can be folded"
        return then


def touched(live: Reader, before: Bounds, after: Bounds) -> Iterator[int]:
    """The numbers of the streams of which two moments may include different envelopes."""
    for block, whole in timeline.blocks(live.rows):
        if may_differ(before, after, whole):
            for number, extent in timeline.extents(live.rows, block):
                if may_differ(before, after, extent):
                    yield int.from_bytes(number, "big")
