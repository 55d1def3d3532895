"""The new points of a fold's batch, appended to their series when the batch ends.

So are new items. A withdrawal covers both, and what is left of both is then counted.

A training logs rows of the same metrics again and again, an envelope each. The rows of a run are
held and taken column by column, many at once: that costs a fraction of taking each by itself.
"""

from array import array
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from eventtrack.events.types import MetricsLogged
from eventtrack.projections import curves, cuts, index, item_curves
from eventtrack.projections.index import FieldName
from eventtrack.projections.items import NewItems
from eventtrack.projections.points import Neighbours, Points, append, remove, settle
from eventtrack.projections.rows import WritableRows
from eventtrack.projections.state import Layer, MetricState, Part, RunState

# So many points are held before they are taken, 32 bytes each.
HELD_MAX = 2**17


class Tables(Protocol):
    """The views within a fold."""

    rows: WritableRows
    new_items: NewItems

    def changed_run(self, number: int) -> RunState:
        """A run that changes in this batch."""
        ...

    def ended_runs(self) -> Iterator[RunState]:
        """The runs that ended in this batch and began before it."""
        ...

    def touch(self, state: RunState, field: FieldName) -> None:
        """Note that an indexed field of a run is about to change."""
        ...

    def take_number(self) -> int:
        """A local number that nothing has yet."""
        ...


class _Held(NamedTuple):
    """Rows of one run and layer, all of the same metrics: the values, step and time of each."""

    run: RunState
    layer: Layer | None
    keys: list[str]
    values: list[list[float]]
    steps: list[int]
    timestamps: list[int]


class NewPoints:
    """The points of a batch, and the runs of which other points count than before.

    Attributes:
        unsplit: The numbers of runs whose points a new cut divides; see `fold.split_runs`.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = tables
        # The new points of each series, with the run, the metric and its series.
        self._pending: dict[int, tuple[RunState, str, MetricState, Points]] = {}
        self._held: dict[int, _Held] = {}  # by the number of the run
        self._held_points = 0
        self._recounted: set[int] = set()
        self.unsplit: set[int] = set()

    def hold(self, run: RunState, layer: Layer | None, row: MetricsLogged) -> bool:
        """Add a row with one step and one time, later, together with the next of its like.

        Returns False, and adds nothing, if a metric is there twice.
        """
        held = self._held.get(run.number)
        if held is None or held.layer is not layer or held.keys != row.keys:
            if len(set(row.keys)) < len(row.keys):
                return False
            self._take(run)
            held = self._held[run.number] = _Held(run, layer, row.keys, [], [], [])
        held.values.append(row.values)
        held.steps.append(row.steps)  # type: ignore[arg-type]
        held.timestamps.append(row.timestamps_ms)  # type: ignore[arg-type]
        self._held_points += len(row.keys)
        if self._held_points > HELD_MAX:
            self._take_all()
        return True

    def of(self, run: RunState, key: str, layer: Layer | None) -> Points:
        """The columns to which new points of a metric are added, behind those that are held.

        Args:
            layer: The layer of the points; None where no cut covers them.
        """
        if run.number in self._held:
            self._take(run)
        if layer is None:
            metric = run.metrics.get(key)
            if metric is None:
                metric = run.metrics[key] = MetricState(self._tables.take_number())
        else:
            self._recounted.add(run.number)
            part = layer.parts.get(key)
            if part is None:
                part = layer.parts[key] = Part(MetricState(self._tables.take_number()))
            metric = part.points
        pending = self._pending.get(metric.series)
        if pending is None:
            pending = self._pending[metric.series] = run, key, metric, Points()
        return pending[3]

    def recount(self, run: RunState) -> None:
        """Note that other points of a run are about to count."""
        self._take(run)
        for key in curves.keys_of(run):
            self._tables.touch(run, (index.METRIC, key))
        self.move(run)

    def move(self, run: RunState) -> None:
        """Note that points of a run, perhaps of this batch, are about to move into a layer."""
        self._take(run)
        self._recounted.add(run.number)

    def forget(self, run: RunState) -> None:
        """Drop all points and items of a run, also those of this batch."""
        self.recount(run)
        self._tables.new_items.forget(state for _, state in item_curves.stored(run))
        for _, metric in curves.series_of(run):
            self._pending.pop(metric.series, None)
            remove(self._tables.rows, metric)

    def flush(self) -> None:
        """Append points and items, and count those that are left where some are withdrawn."""
        assert not self.unsplit, "a run has to be split first"
        self._take_all()
        neighbours = Neighbours()
        grown = self._tables.new_items.flush() | set(self._pending)
        for run, key, metric, points in self._pending.values():
            self._tables.touch(run, (index.METRIC, key))
            append(self._tables.rows, metric, points, neighbours, is_over=run.has_ended)
        for run in self._tables.ended_runs():
            if not run.wide:
                for _, metric in curves.series_of(run):
                    if metric.series not in self._pending:
                        settle(self._tables.rows, metric, neighbours)
        for number in self._recounted:
            cuts.recount(self._tables.rows, self._tables.changed_run(number), grown)
        self._pending.clear()
        self._recounted.clear()

    def _take(self, run: RunState) -> None:
        """Add the rows of a run that are held to their columns."""
        held = self._held.pop(run.number, None)
        if held is None:
            return
        run, layer, keys, rows, steps, timestamps = held
        self._held_points -= len(keys) * len(rows)
        # Arrays are made from lists, and extended by arrays: anything else is several times slower.
        all_steps, all_timestamps = array("q", steps), array("q", timestamps)
        for key, values in zip(keys, zip(*rows, strict=True), strict=True):
            points = self.of(run, key, layer)
            points.values.fromlist(list(values))
            points.steps.extend(all_steps)
            points.timestamps.extend(all_timestamps)

    def _take_all(self) -> None:
        for held in list(self._held.values()):
            self._take(held.run)
