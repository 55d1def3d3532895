"""Curves: the points of a metric that count, perhaps from several series.

The points of nearly all metrics lie in one series and count all. Such a curve is the series itself,
a `MetricState`; any other is a `Curve`. Both have a value, time and step, of the latest point, and
a count.
"""

from collections.abc import Iterable, Mapping
from math import copysign, isnan

from eventtrack.projections.state import MetricState, Part, RunState


class Curve:
    """The points of a metric in parts.

    Attributes:
        of: The number of the run, and the metric.
        value, timestamp_ms, step: The latest point, as in `MetricState`.
        count: The number of points. Reading drops repeats, so there may be fewer.
        last_timestamp_ms: A time that no point is later than.
    """

    __slots__ = ("count", "last_timestamp_ms", "of", "parts", "step", "timestamp_ms", "value")

    def __init__(self, of: tuple[int, str], parts: list[Part]) -> None:
        self.of = of
        self.parts = parts
        self.count = sum(part.count for part in parts)
        latest = max(((it.step, it.timestamp_ms, it.value) for it in parts), key=latest_order)
        self.step, self.timestamp_ms, self.value = latest
        self.last_timestamp_ms = max(part.points.last_timestamp_ms for part in parts)


AnyCurve = MetricState | Curve


def of_run(run: RunState) -> Mapping[str, AnyCurve]:
    """The curves of a run's own points, by key; metrics without a point that counts are left out.

    Those of a run without layers are the series themselves, as they are stored.
    """
    if not run.layers:
        return run.metrics
    curves = ((key, curve_of(run, key)) for key in keys_of(run))
    return {key: curve for key, curve in curves if curve is not None}


def curve_of(run: RunState, key: str) -> AnyCurve | None:
    """The curve of a metric; None if it has no point that counts."""
    metric = run.metrics.get(key)
    if not run.layers:
        return metric if metric is not None and metric.count else None
    parts = parts_of(run, key)
    if len(parts) == 1 and parts[0].points is metric:
        return metric
    return Curve((run.number, key), parts) if parts else None


def parts_of(run: RunState, key: str) -> list[Part]:
    """The parts of a metric with points that count, of a run's own points."""
    parts = [part for layer in run.layers if (part := layer.parts.get(key)) and part.count]
    metric = run.metrics.get(key)
    if metric is not None and metric.count:
        latest = metric.value, metric.timestamp_ms, metric.step
        parts.append(Part(metric, [], *latest, metric.count))
    return parts


def keys_of(run: RunState) -> set[str]:
    """The names of all metrics with points, whether those count or not."""
    return set(run.metrics).union(*(layer.parts for layer in run.layers))


def series_of(run: RunState) -> Iterable[tuple[str, MetricState]]:
    """Every series of a run, with the metric's name."""
    yield from run.metrics.items()
    for layer in run.layers:
        yield from ((key, part.points) for key, part in layer.parts.items())


def series_named(run: RunState, key: str) -> list[MetricState]:
    """Every series of a metric of a run."""
    parts = [layer.parts[key].points for layer in run.layers if key in layer.parts]
    return [run.metrics[key], *parts] if key in run.metrics else parts


def series_in(curve: AnyCurve) -> list[MetricState]:
    """The series of a curve."""
    return [curve] if isinstance(curve, MetricState) else [part.points for part in curve.parts]


def latest_order(point: tuple[int, int, float]) -> tuple[int, int, bool, float, float]:
    """The key that orders points (step, timestamp, value) by lateness: NaN counts above all."""
    step, timestamp, value = point
    return step, timestamp, *value_order(value)


def value_order(value: float) -> tuple[bool, float, float]:
    """The key that orders values, NaN above all."""
    # A total order, so that machines agree: NaN equals itself, and -0.0 comes before 0.0.
    return (True, 0.0, 0.0) if isnan(value) else (False, value, copysign(1.0, value))
