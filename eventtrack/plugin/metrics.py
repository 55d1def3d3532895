"""MLflow's calls that read histories of metrics."""

from collections.abc import Iterable, Sequence

from mlflow import entities
from mlflow.entities.metric import MetricWithRunId
from mlflow.exceptions import MlflowException
from mlflow.store.entities.paged_list import PagedList

from eventtrack.errors import NotFoundError
from eventtrack.plugin.base import OpenStore
from eventtrack.plugin.entities import finite, metric
from eventtrack.views.queries.metrics import MetricArrays


class MetricCalls(OpenStore):
    """Histories, whole, paged and sampled. A run that does not exist has an empty history."""

    def get_metric_history(
        self,
        run_id: str,
        metric_key: str,
        max_results: int | None = None,
        page_token: str | None = None,
    ) -> PagedList:
        """One page (by default all) of a history, in order of (timestamp, step, value)."""
        try:
            page = self.store.metrics.history(run_id, metric_key, max_results, page_token)
        except NotFoundError:
            return PagedList([], None)
        return PagedList([metric(point) for point in page], page.token)

    def get_metric_history_bulk(
        self, run_ids: Sequence[str], metric_key: str, max_results: int
    ) -> list[MetricWithRunId]:
        """The first `max_results` points of several runs, by run id, then as in a history."""
        points_of_runs: list[MetricWithRunId] = []
        for run_id in sorted(set(run_ids)):
            points = self._points(run_id, metric_key)
            wanted = range(len(points))[: max_results - len(points_of_runs)]
            points_of_runs += _with_run_id(run_id, metric_key, points, wanted)
        return points_of_runs

    def get_metric_history_bulk_interval_from_steps(
        self, run_id: str, metric_key: str, steps: Iterable[int], max_results: int
    ) -> list[MetricWithRunId]:
        """The first `max_results` points at some steps, by (step, timestamp, value)."""
        points, wanted = self._points(run_id, metric_key), set(steps)
        places = [place for place in _by_step(points) if points.steps[place] in wanted]
        return _with_run_id(run_id, metric_key, points, places[:max_results])

    def get_metric_history_bulk_interval(
        self,
        run_ids: Sequence[str],
        metric_key: str,
        max_results: int,
        start_step: int | None,
        end_step: int | None,
    ) -> list[MetricWithRunId]:
        """At most `max_results` points of each run, evenly sampled, always with the last point.

        Args:
            start_step: First step of the range; None for all, then `end_step` is None too.
        """
        if (start_step is None) != (end_step is None):
            raise MlflowException.invalid_parameter_value(
                "Both start_step and end_step must be specified together, "
                "or neither may be specified."
            )
        points_of_runs: list[MetricWithRunId] = []
        for run_id in run_ids:
            points = self._points(run_id, metric_key)
            places = _by_step(points)
            if start_step is not None and end_step is not None:
                places = [
                    place for place in places if start_step <= points.steps[place] <= end_step
                ]
            points_of_runs += _with_run_id(
                run_id, metric_key, points, _sampled(places, max_results)
            )
        return points_of_runs

    def get_max_step_for_metric(self, run_id: str, metric_key: str) -> int:
        """The greatest step of a metric; 0 for a metric that was never logged."""
        return max(self._points(run_id, metric_key).steps, default=0)

    def _points(self, run_id: str, key: str) -> MetricArrays:
        try:
            return self.store.metrics.arrays(run_id, key)
        except NotFoundError:
            return MetricArrays()


def _by_step(points: MetricArrays) -> list[int]:
    """The places of all points in order of (step, timestamp, value); `points` are by timestamp."""
    return sorted(range(len(points)), key=points.steps.__getitem__)


def _sampled(places: Sequence[int], size: int) -> list[int]:
    """The first place of each of `size` equal parts, and the last place of all.

    The earlier parts take the remainder of the division.
    """
    size = max(1, size)
    each, rest = divmod(len(places), size)
    starts = [part * each + min(part, rest) for part in range(size if each else rest)]
    sampled = [places[start] for start in starts]
    if sampled and sampled[-1] != places[-1]:
        if len(sampled) >= size:
            sampled.pop()
        sampled.append(places[-1])
    return sampled


def _with_run_id(
    run_id: str, key: str, points: MetricArrays, places: Iterable[int]
) -> list[MetricWithRunId]:
    values, timestamps, steps = points.values, points.timestamps, points.steps
    return [
        MetricWithRunId(
            run_id=run_id,
            metric=entities.Metric(key, finite(values[place]), timestamps[place], steps[place]),
        )
        for place in places
    ]
