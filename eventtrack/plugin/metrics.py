"""MLflow's calls that read histories of metrics."""

from collections.abc import Iterable, Sequence

from mlflow import entities
from mlflow.entities.metric import MetricWithRunId
from mlflow.exceptions import MlflowException
from mlflow.store.entities.paged_list import PagedList

from eventtrack.errors import NotFoundError
from eventtrack.plugin.base import OpenStore
from eventtrack.plugin.entities import finite, metric
from eventtrack.store.metrics import MetricArrays


class MetricCalls(OpenStore):
    """Histories, whole, paged and sampled. A run that does not exist has an empty one."""

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
        """The first `max_results` points of several runs, by run id, then as one run's history."""
        found: list[MetricWithRunId] = []
        for run_id in sorted(set(run_ids)):
            points = self._points(run_id, metric_key)
            wanted = range(len(points))[: max_results - len(found)]
            found += _with_run_id(run_id, metric_key, points, wanted)
        return found

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
        """Of each run at most `max_results` points, evenly sampled, always with the last.

        Args:
            start_step: First step of the range; None for all, then `end_step` is None too.
        """
        if (start_step is None) != (end_step is None):
            raise MlflowException.invalid_parameter_value(
                "Both start_step and end_step must be specified together, "
                "or neither may be specified."
            )
        found: list[MetricWithRunId] = []
        for run_id in run_ids:
            points = self._points(run_id, metric_key)
            places = _by_step(points)
            if start_step is not None and end_step is not None:
                places = [one for one in places if start_step <= points.steps[one] <= end_step]
            found += _with_run_id(run_id, metric_key, points, _sampled(places, max_results))
        return found

    def get_max_step_for_metric(self, run_id: str, metric_key: str) -> int:
        """The greatest step of a metric; 0 for one that was never logged."""
        return max(self._points(run_id, metric_key).steps, default=0)

    def _points(self, run_id: str, key: str) -> MetricArrays:
        try:
            return self.store.metrics.arrays(run_id, key)
        except NotFoundError:
            return MetricArrays()


def _by_step(points: MetricArrays) -> list[int]:
    """The places of all points in order of (step, timestamp, value); they come by timestamp."""
    return sorted(range(len(points)), key=points.steps.__getitem__)


def _sampled(places: Sequence[int], size: int) -> list[int]:
    """The first of each of `size` equal parts (the earlier parts take the rest), and the last."""
    size = max(1, size)
    each, rest = divmod(len(places), size)
    starts = [part * each + min(part, rest) for part in range(size if each else rest)]
    found = [places[start] for start in starts]
    if found and found[-1] != places[-1]:
        if len(found) >= size:
            found.pop()
        found.append(places[-1])
    return found


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
