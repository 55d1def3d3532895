"""Figures about traces: the metrics on offer, under MLflow's names, and points from rows.

A row is a trace, a span or an assessment: its time, its value and its groups. The figures of a
group are computed from all its values. Percentiles interpolate between two values (numpy's
default).
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from eventtrack import limits
from eventtrack.errors import InvalidValueError
from eventtrack.views.records import Record
from eventtrack.views.traces.metric_filters import MetricFilter, parse_metric_filters

TIME_BUCKET = "time_bucket"

Value = str | float


class Offer(NamedTuple):
    """The kinds of figures and the dimensions that a metric has."""

    kinds: tuple[str, ...]
    dimensions: tuple[str, ...]


_COUNT = ("COUNT",)
_SPREAD = ("AVG", "MAX", "MIN", "PERCENTILE")
_AMOUNT = (*_SPREAD, "SUM")
_MODEL = ("span_model_name", "span_model_provider")
_TOKENS = (
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)
# MLflow (store/tracking/utils/sql_trace_metrics_utils.py), by view and metric.
OFFERS: Mapping[str, Mapping[str, Offer]] = {
    "TRACES": {
        "trace_count": Offer(_COUNT, ("trace_name", "trace_status")),
        "session_count": Offer(_COUNT, ()),
        "latency": Offer(_SPREAD, ("trace_name",)),
        **dict.fromkeys(_TOKENS, Offer(_AMOUNT, ("trace_name",))),
    },
    "SPANS": {
        "span_count": Offer(_COUNT, (*_MODEL, "span_name", "span_status", "span_type")),
        "latency": Offer(_SPREAD, ("span_name", "span_status")),
        **dict.fromkeys(("input_cost", "output_cost", "total_cost"), Offer(_AMOUNT, _MODEL)),
    },
    "ASSESSMENTS": {
        "assessment_count": Offer(_COUNT, ("assessment_name", "assessment_value")),
        "assessment_value": Offer(_SPREAD, ("assessment_name",)),
    },
}


class Aggregation(Record):
    """A kind of figure: `COUNT`, `SUM`, `AVG`, `MIN`, `MAX`, or a `PERCENTILE` (0-100)."""

    kind: str
    percentile: float | None = None

    @property
    def label(self) -> str:
        """The name of the figure in a point, as `AVG` or `P50.0`."""
        return f"P{self.percentile}" if self.kind == "PERCENTILE" else self.kind


class MetricPoint(Record):
    """The figures of one group; `dimensions` may hold the start of its `time_bucket` (ISO 8601)."""

    metric_name: str
    dimensions: dict[str, str]
    values: dict[str, float]


class MetricQuery(NamedTuple):
    """A valid query. Times are milliseconds since 1970; both ends are included.

    Args:
        interval_ms: The length of the time buckets to group by; 0 for no buckets.
    """

    view: str
    metric: str
    aggregations: tuple[Aggregation, ...]
    dimensions: tuple[str, ...]
    filters: tuple[MetricFilter, ...]
    interval_ms: int
    first_ms: int
    last_ms: int


class Row(NamedTuple):
    """A trace, span or assessment to count. `groups` has a text for each dimension."""

    time_ms: int
    value: Value
    groups: tuple[str, ...]


def metric_query(
    view: str,
    metric: str,
    aggregations: Sequence[Aggregation],
    *,
    dimensions: Sequence[str] = (),
    filters: Sequence[str] = (),
    time_interval_seconds: int | None = None,
    start_time_ms: int | None = None,
    end_time_ms: int | None = None,
) -> MetricQuery:
    """Check a query; errors have MLflow's words.

    Raises:
        InvalidValueError: No such metric exists, or it has no such figure or dimension.
        FilterSyntaxError: A filter cannot be read, or does not apply to the view.
    """
    _check(view, metric, aggregations, dimensions)
    if time_interval_seconds and (start_time_ms is None or end_time_ms is None):
        raise InvalidValueError(
            "start_time_ms and end_time_ms are required if time_interval_seconds is set"
        )
    return MetricQuery(
        view=view,
        metric=metric,
        aggregations=tuple(aggregations),
        dimensions=tuple(dimensions),
        filters=parse_metric_filters(filters, view),
        interval_ms=(time_interval_seconds or 0) * 1000,
        first_ms=limits.INT64_MIN if start_time_ms is None else start_time_ms,
        last_ms=limits.INT64_MAX if end_time_ms is None else end_time_ms,
    )


def metric_points(query: MetricQuery, rows: Iterable[Row]) -> list[MetricPoint]:
    """The points of all groups in order of time, then of their dimensions.

    A query without groups has one point. With no rows it has that point only if the figure is a
    count.

    Raises:
        InvalidValueError: A group lies beyond the years that a date has.
    """
    groups: dict[tuple[int, tuple[str, ...]], list[Value]] = {}
    if not query.interval_ms and not query.dimensions:
        groups[0, ()] = []
    for row in rows:
        bucket = row.time_ms // query.interval_ms if query.interval_ms else 0
        groups.setdefault((bucket * query.interval_ms, row.groups), []).append(row.value)
    points: list[MetricPoint] = []
    for (bucket, texts), values in sorted(groups.items()):
        figures = _figures(query, values)
        if figures:
            time = {TIME_BUCKET: _iso(bucket)} if query.interval_ms else {}
            named = dict(zip(query.dimensions, texts, strict=True))
            points.append(
                MetricPoint(metric_name=query.metric, dimensions=time | named, values=figures)
            )
    return points


def _check(
    view: str, metric: str, aggregations: Sequence[Aggregation], dimensions: Sequence[str]
) -> None:
    if view not in OFFERS:
        raise InvalidValueError(f"view_type must be one of {list(OFFERS)}, got '{view}'")
    if metric not in OFFERS[view]:
        known = list(OFFERS[view])
        raise InvalidValueError(f"metric_name must be one of {known}, got '{metric}'")
    offer = OFFERS[view][metric]
    if not aggregations:
        raise InvalidValueError(f"aggregations must name at least one of {list(offer.kinds)}")
    for aggregation in aggregations:
        _check_percentile(aggregation)
    if wrong := sorted({aggregation.kind for aggregation in aggregations} - set(offer.kinds)):
        raise InvalidValueError(
            f"Found invalid aggregation_type(s): {wrong}. "
            f"Supported aggregation types: {list(offer.kinds)}"
        )
    if wrong := sorted(set(dimensions) - set(offer.dimensions)):
        raise InvalidValueError(
            f"Found invalid dimension(s): {wrong}. Supported dimensions: {list(offer.dimensions)}"
        )


def _check_percentile(aggregation: Aggregation) -> None:
    wanted = aggregation.kind == "PERCENTILE"
    if wanted and aggregation.percentile is None:
        raise InvalidValueError("Percentile value is required for PERCENTILE aggregation")
    if wanted and aggregation.percentile is not None and not 0 <= aggregation.percentile <= 100:
        raise InvalidValueError(
            f"Percentile value must be between 0 and 100, got {aggregation.percentile}"
        )
    if not wanted and aggregation.percentile is not None:
        raise InvalidValueError(
            "Percentile value is only allowed for PERCENTILE aggregation type, "
            f"got {aggregation.kind}"
        )


def _figures(query: MetricQuery, values: Sequence[Value]) -> dict[str, float]:
    if query.aggregations[0].kind == "COUNT":
        # A session has a row for each of its traces.
        count = len(set(values)) if query.metric == "session_count" else len(values)
        return {aggregation.label: float(count) for aggregation in query.aggregations}
    numbers = sorted(value for value in values if not isinstance(value, str))
    if not numbers:
        return {}
    return {
        aggregation.label: _percentile(numbers, aggregation.percentile)
        if aggregation.percentile is not None
        else _FIGURES[aggregation.kind](numbers)
        for aggregation in query.aggregations
    }


_FIGURES: Mapping[str, Callable[[Sequence[float]], float]] = {
    "SUM": lambda numbers: float(sum(numbers)),
    "AVG": lambda numbers: float(sum(numbers)) / len(numbers),
    "MIN": lambda numbers: float(numbers[0]),
    "MAX": lambda numbers: float(numbers[-1]),
}


def _percentile(numbers: Sequence[float], percentile: float) -> float:
    place = percentile / 100 * (len(numbers) - 1)
    low = int(place)
    high = min(low + 1, len(numbers) - 1)
    return float(numbers[low] + (place - low) * (numbers[high] - numbers[low]))


def _iso(time_ms: int) -> str:
    try:
        return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat()
    except (ValueError, OverflowError, OSError) as error:
        raise InvalidValueError(
            f"the time {time_ms} ms is no date", hint="ask for a shorter time_interval_seconds"
        ) from error
