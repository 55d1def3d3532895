"""Points of a long series at some places, without reading the others.

Only of series whose steps climb: then the order of storage is that of time and of steps.
"""

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

from eventtrack.projections.curves import AnyCurve
from eventtrack.projections.points import (
    CHUNK_POINTS,
    Points,
    chunk_ends,
    chunk_from,
    chunk_points,
    chunk_rows,
)
from eventtrack.projections.rows import Rows
from eventtrack.projections.state import MetricState
from eventtrack.projections.summaries import Point, unpack

_NUMBER, _VALUE = struct.Struct("<q"), struct.Struct("<d")


def climbing(curve: AnyCurve) -> MetricState | None:
    """The series of a curve if its steps climb and all its points count; else None."""
    is_plain = isinstance(curve, MetricState) and curve.ordered and curve.climbing
    return curve if is_plain and isinstance(curve, MetricState) else None


class Piece:
    """A chunk of a series whose steps climb.

    Attributes:
        size: The number of its points.
        steps, times: The first and the last step and timestamp.
        few: The points with the least and with the greatest value and the last one, in order and
            each once; None if they are not known without reading the chunk.
    """

    __slots__ = ("_first", "_rows", "_state", "few", "size", "steps", "times")

    def __init__(self, rows: Rows, state: MetricState, first: int, row: bytes | None) -> None:
        self._rows, self._state, self._first = rows, state, first
        self.few: list[Point] | None = None
        summary = None if row is None else unpack(row)
        if summary is not None and summary.times is not None:
            self.size, self.steps, self.times = CHUNK_POINTS, summary.steps, summary.times
            self.few = summary.points
        else:
            points = self.points()
            self.size = len(points)
            self.steps = points.steps[0], points.steps[-1]
            self.times = points.timestamps[0], points.timestamps[-1]

    def points(self) -> Points:
        """All points of the chunk."""
        return chunk_points(self._rows, self._state, self._first)


def pieces(rows: Rows, state: MetricState) -> Iterator[Piece]:
    """The chunks of a series whose steps climb, in order. Reads those alone that are not full."""
    for first, row in chunk_rows(rows, state):
        yield Piece(rows, state, first, row)


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
