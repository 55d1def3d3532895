"""Points of a long series at some places, without reading the others.

Only of series whose steps climb: then the order of storage is that of time and of steps.
"""

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from eventtrack.projections.curves import AnyCurve
from eventtrack.projections.points import (
    Points,
    chunk_ends,
    chunk_from,
    chunk_points,
)
from eventtrack.projections.rows import Rows
from eventtrack.projections.state import MetricState

_NUMBER, _VALUE = struct.Struct("<q"), struct.Struct("<d")


def climbing(curve: AnyCurve) -> MetricState | None:
    """The series of a curve if its steps climb and all its points count; else None."""
    is_plain = isinstance(curve, MetricState) and curve.ordered and curve.climbing
    return curve if is_plain and isinstance(curve, MetricState) else None


def between(rows: Rows, state: MetricState, low: int, high: int) -> range:
    """The places of the points with steps from `low` to `high`, both included.

    Costs a short row for each 4,096 points, and two chunks.
    """
    start, stop = state.count, state.count
    for first, size, _, greatest in chunk_ends(rows, state):
        if start == state.count and greatest >= low:
            start = first + bisect_left(chunk_points(rows, state, first).steps, low)
        if greatest > high:
            stop = first + bisect_right(chunk_points(rows, state, first).steps, high)
            break
        stop = first + size
    return range(min(start, stop), stop)


def pick(rows: Rows, state: MetricState, places: Sequence[int]) -> Points:
    """The points at some places, which ascend."""
    points = Points()
    begin = stop = 0
    steps: bytes | memoryview = b""
    timestamps = values = steps
    for place in places:
        if place >= stop:
            begin, (steps, timestamps, values) = chunk_from(rows, state, place)
            stop = begin + len(steps) // 8
        offset = 8 * (place - begin)
        points.steps.append(_NUMBER.unpack_from(steps, offset)[0])
        points.timestamps.append(_NUMBER.unpack_from(timestamps, offset)[0])
        points.values.append(_VALUE.unpack_from(values, offset)[0])
    return points
