"""Reads the points of curves."""

from eventtrack.projections.curves import AnyCurve, series_named
from eventtrack.projections.points import Points, first, read
from eventtrack.projections.rows import Rows
from eventtrack.projections.state import MetricState, RunState


def history(rows: Rows, curve: AnyCurve) -> Points:
    """All points of a curve in order of (timestamp, step, value), without repeats."""
    if isinstance(curve, MetricState):
        return read(rows, curve)
    return joined([read(rows, part.points, part.hidden) for part in curve.parts])


def stored(rows: Rows, run: RunState, key: str) -> Points:
    """All points of a metric of a run's own, whether they count or not."""
    return joined([read(rows, metric) for metric in series_named(run, key)])


def joined(parts: list[Points]) -> Points:
    """Sorted parts as one. Parts that follow each other in time are not compared point by point."""
    parts = sorted((part for part in parts if len(part)), key=_begin)
    whole, in_order = Points(), True
    for part in parts:
        in_order &= not len(whole) or _end(whole) < _begin(part)
        whole.steps.extend(part.steps)
        whole.timestamps.extend(part.timestamps)
        whole.values.extend(part.values)
    if not in_order:
        whole.sort()
    return whole


def earliest(rows: Rows, curve: AnyCurve) -> tuple[int, int]:
    """The step and timestamp of the point of a curve that is stored first, perhaps a hidden one."""
    if isinstance(curve, MetricState):
        return first(rows, curve)
    return min((first(rows, it.points) for it in curve.parts), key=lambda point: point[1])


def _begin(points: Points) -> tuple[int, int]:
    return points.timestamps[0], points.steps[0]


def _end(points: Points) -> tuple[int, int]:
    return points.timestamps[-1], points.steps[-1]
