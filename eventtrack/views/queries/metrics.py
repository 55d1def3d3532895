"""Metrics, read: as arrays, as pages of points, the latest of each."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from eventtrack import limits, validate
from eventtrack.lazy import lazy
from eventtrack.projections import picking
from eventtrack.projections.points import Points
from eventtrack.projections.state import RunState
from eventtrack.views.context import ReadContext
from eventtrack.views.queries.runs import existing_run
from eventtrack.views.queries.series import Series
from eventtrack.views.records import Metric, PagedList

if TYPE_CHECKING:
    from eventtrack.views import paging
else:
    paging = lazy("eventtrack.views.paging")

MetricArrays = Points


class MetricQueries:
    """Reads of the metrics of a store's runs."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context

    def arrays(self, run_id: str, key: str) -> MetricArrays:
        """The whole history of a metric as three arrays of 8-byte numbers.

        `steps` and `timestamps` (milliseconds since 1970) are `array('q')`, `values` `array('d')`,
        in order of (timestamp, step, value); numpy takes them with `numpy.asarray`, without a copy.
        Empty for a metric that was never logged.

        Raises:
            NotFoundError: There is no such run.
        """
        with self._context.read() as reader:
            metric = reader.curve(existing_run(reader, run_id), key)
            return Points() if metric is None else reader.history(metric)

    def picked(
        self,
        run_id: str,
        key: str,
        choose: Callable[[range], Sequence[int]],
        steps: tuple[int, int] | None = None,
    ) -> MetricArrays | None:
        """Some points of a metric, without reading the others: costs the same in a long series.

        Args:
            choose: Gets the places of all points; returns those to read, ascending.
            steps: The least and the greatest step of the points among which it chooses.

        Returns:
            None where that cannot be, as the steps do not climb: read `arrays`.

        Raises:
            NotFoundError: There is no such run.
        """
        with self._context.read() as reader:
            curve = reader.curve(existing_run(reader, run_id), key)
            if curve is None:
                return Points()
            state = picking.climbing(curve)
            if state is None:
                return None
            whole = range(state.count)
            if steps is not None:
                whole = picking.between(reader.rows, state, *steps)
            return picking.pick(reader.rows, state, choose(whole))

    @contextmanager
    def series(self, wanted: Iterable[tuple[str, str]]) -> Iterator[list[Series | None]]:
        """The series of pairs of a run's id and a key, in one look at the store.

        An unknown run or metric gives None. Points are read one series at a time, within the block.
        Keep the block short: until it ends, the views cannot reuse the pages that it may read.
        """
        with self._context.read() as reader:
            many: list[Series | None] = []
            run: RunState | None = None
            asked = ""
            for run_id, key in wanted:
                if run_id != asked:
                    run, asked = reader.run(run_id), run_id
                metric = reader.curve(run, key) if run is not None and run.experiment_id else None
                if run is None or metric is None:
                    many.append(None)
                else:
                    many.append(Series(reader, run, key, metric))
            yield many

    def history(
        self,
        run_id: str,
        key: str,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> PagedList[Metric]:
        """One page (by default all) of a metric's history, by (timestamp, step, value)."""
        if max_results is not None:
            validate.max_results(max_results, limits.INT64_MAX)
        offset = paging.offset_of(page_token)
        points = None
        if max_results is not None:
            points = self.picked(run_id, key, lambda all_: all_[offset : offset + max_results + 1])
        shown = offset if points is None else 0
        points = self.arrays(run_id, key) if points is None else points
        size = len(points) if max_results is None else max_results
        wanted: Sequence[int] = range(len(points))[shown : shown + size + 1]
        metrics = [
            Metric(
                key=key,
                value=points.values[place],
                timestamp=points.timestamps[place],
                step=points.steps[place],
                run_id=run_id,
            )
            for place in wanted
        ]
        return paging.page(metrics, offset, max(size, 1))

    def latest(self, run_id: str) -> list[Metric]:
        """The latest point of each metric of a run, by (step, timestamp, value), sorted by key."""
        with self._context.entities() as entities:
            return entities.latest(existing_run(entities.reader, run_id))

    def keys(self, run_id: str) -> list[str]:
        """The names of all metrics of a run, sorted."""
        with self._context.read() as reader:
            return sorted(reader.curves(existing_run(reader, run_id)))
