"""Histories of metrics over HTTP: whole, by page, and thinned out for charts."""

import math
from collections.abc import Callable, Sequence

from eventtrack.compat import checks, requests, responses
from eventtrack.compat.messages import Values
from eventtrack.compat.responses import Json
from eventtrack.errors import NotFoundError
from eventtrack.server.endpoint import PAGES_ONLY, Endpoint
from eventtrack.store import Store
from eventtrack.views import paging
from eventtrack.views.queries.metrics import MetricArrays
from eventtrack.views.records import Metric

# MLflow (server/handlers.py): the most points in an answer to the pages' bulk request.
_BULK_POINTS_MAX = 25_000


def _history(store: Store, sent: Values) -> Json:
    size = sent.given("max_results")
    if size is not None and size <= 0:
        checks.refuse(
            f"Invalid value {size} for parameter 'max_results' supplied. "
            "It must be a positive integer."
        )
    offset = paging.offset_of(sent["page_token"])
    run_id, key = sent["run_id"] or sent["run_uuid"], sent["metric_key"]
    picked = None
    if size is not None:
        stop = offset + size + 1
        picked = _picked(store, run_id, key, lambda places: places[offset:stop])
    history = _History(store, run_id, key, picked)
    order = history.by_time() if picked is None else history.all()
    size = len(order) if size is None else size
    shown = offset if picked is None else 0
    page = paging.page(order[shown : shown + size + 1], offset, max(size, 1))
    return responses.page("metrics", [history.point(at) for at in page], page.token)


def _bulk(store: Store, sent: Values) -> Json:
    run_ids, key = sent["run_id"], sent.given("metric_key")
    if not run_ids:
        checks.refuse("GetMetricHistoryBulk request must specify at least one run_id.")
    if len(run_ids) > requests.BULK_RUNS_MAX:
        checks.refuse(
            f"GetMetricHistoryBulk request cannot specify more than {requests.BULK_RUNS_MAX} "
            f"run_ids. Received {len(run_ids)} run_ids."
        )
    if key is None:
        checks.refuse("GetMetricHistoryBulk request must specify a metric_key.")
    most = min(sent.given("max_results") or _BULK_POINTS_MAX, _BULK_POINTS_MAX)
    points: list[Json] = []
    for run_id in sorted(set(run_ids)):
        history = _History(store, run_id, key)
        points += [history.point_of_run(at) for at in history.by_time()[: most - len(points)]]
    # This endpoint answers an empty list; the others leave an empty list out.
    return {"metrics": points}


def _interval(store: Store, sent: Values) -> Json:
    start, end = sent.given("start_step"), sent.given("end_step")
    if start is not None and end is not None and start > end:
        checks.refuse(
            "end_step must be greater than start_step. "
            f"Found start_step={start} and end_step={end}."
        )
    if (start is None) != (end is None):
        checks.refuse("If either start step or end step are specified, both must be specified.")
    size = sent.given("max_results") or requests.INTERVAL_POINTS_MAX
    points: list[Json] = []
    for run_id in sent["run_ids"]:
        key, steps = sent["metric_key"], None if start is None or end is None else (start, end)
        picked = _picked(store, run_id, key, lambda places: _thinned(places, size), steps)
        history = _History(store, run_id, key, picked)
        is_whole = picked is None
        places = _thinned(history.by_step(start, end), size) if is_whole else history.all()
        points += [history.point_of_run(at) for at in places]
    return {"metrics": points} if points else {}


def _picked(
    store: Store,
    run_id: str,
    key: str,
    choose: Callable[[range], Sequence[int]],
    steps: tuple[int, int] | None = None,
) -> MetricArrays | None:
    """Some points of a long series; None if the whole has to be read."""
    try:
        return store.metrics.picked(checks.known_run_id(run_id), key, choose, steps)
    except NotFoundError:
        return None


class _History:
    """The points of a metric; empty for a run or a metric that does not exist, as in MLflow."""

    def __init__(
        self, store: Store, run_id: str, key: str, points: MetricArrays | None = None
    ) -> None:
        self._run_id = run_id
        self._key = key
        try:
            if points is None:
                points = store.metrics.arrays(checks.known_run_id(run_id), key)
        except NotFoundError:
            points = MetricArrays()
        self._steps, self._times, self._values = points.steps, points.timestamps, points.values

    def all(self) -> Sequence[int]:
        """The places of all points as they are."""
        return range(len(self._values))

    def by_time(self) -> Sequence[int]:
        """The places of all points in order of (timestamp, step, value)."""
        places = range(len(self._values))
        if not any(map(math.isnan, self._values)):
            return places  # the store's own order
        return sorted(places, key=lambda at: (self._times[at], self._steps[at], *self._value(at)))

    def by_step(self, start: int | None, end: int | None) -> Sequence[int]:
        """The places of the points from step `start` to `end`, both included, in order of steps."""
        places = [
            at
            for at, step in enumerate(self._steps)
            if start is None or end is None or start <= step <= end
        ]
        places.sort(key=lambda at: (self._steps[at], self._times[at], *self._value(at)))
        return places

    def point(self, at: int) -> Json:
        """One point."""
        return responses.metric(
            Metric(
                key=self._key,
                value=self._values[at],
                timestamp=self._times[at],
                step=self._steps[at],
            )
        )

    def point_of_run(self, at: int) -> Json:
        """One point, with its run beside it."""
        return {**self.point(at), "run_id": self._run_id}

    def _value(self, at: int) -> tuple[float, bool]:
        """The sorting key of MLflow's SQL store, which keeps NaN as 0 with a mark."""
        value = self._values[at]
        return (0.0, True) if math.isnan(value) else (value, False)


def _thinned(places: Sequence[int], size: int) -> Sequence[int]:
    """The first point of each of `size` stretches of equal length, and the last point of all.

    Points that do not divide evenly make the first stretches longer, as in SQL's NTILE.
    """
    if len(places) <= size:
        return places
    length, longer = divmod(len(places), size)
    starts = [at * length + min(at, longer) for at in range(size)]
    return [*(places[start] for start in starts[:-1]), places[-1]]


ENDPOINTS = (
    Endpoint("GET", "metrics/get-history", requests.METRIC_HISTORY, _history),
    Endpoint("GET", "metrics/get-history-bulk", requests.METRIC_BULK, _bulk, prefixes=PAGES_ONLY),
    Endpoint("GET", "metrics/get-history-bulk-interval", requests.METRIC_INTERVAL, _interval),
)
