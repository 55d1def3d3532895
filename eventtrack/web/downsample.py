"""Curves for a screen: what a bucket of points leaves is its minimum, its maximum and its last.

So no spike is lost at any size, and a curve ends where it ends. All curves of a chart share one
grid of buckets. NaN is never drawn; it counts as no point here, and charts say how many there are.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import islice
from math import isnan
from operator import le

POINTS_A_BUCKET = 3


class Curve:
    """Points of one curve in order of x."""

    __slots__ = ("x", "y")

    def __init__(self, x: "array[float]", y: "array[float]") -> None:
        self.x = x
        self.y = y

    def __len__(self) -> int:
        return len(self.x)


def curve(x: Sequence[float], y: "array[float]") -> Curve:
    """A curve out of points in any order; those that are NaN are left out."""
    xs = array("d", x)
    # A sum is NaN if anything in it is (or if both infinities are, which the filter then keeps).
    has_nan = isnan(sum(y))
    if not has_nan and all(map(le, xs, islice(xs, 1, None))):
        return Curve(xs, y)
    kept = sorted((place for place in range(len(y)) if not isnan(y[place])), key=xs.__getitem__)
    return Curve(array("d", map(xs.__getitem__, kept)), array("d", map(y.__getitem__, kept)))


def downsample(found: Curve, low: float, high: float, buckets: int) -> Curve:
    """The points of a curve with `low <= x <= high`, as few as draw the same picture.

    One point to each side of the range comes along, so that lines go on to the edges. As they are
    where there are at most `POINTS_A_BUCKET * buckets`, else at most that many and those two.
    """
    first = bisect_left(found.x, low)
    stop = bisect_right(found.x, high)
    before, beyond = max(first - 1, 0), min(stop + 1, len(found))
    if stop - first <= POINTS_A_BUCKET * buckets:
        return Curve(found.x[before:beyond], found.y[before:beyond])
    places = list(range(before, first))
    width = (high - low) / buckets
    start = first
    for bucket in range(1, buckets + 1):
        end = stop if bucket == buckets else bisect_left(found.x, low + bucket * width, start, stop)
        if end > start:
            places += _kept(found.y, start, end)
            start = end
    places += range(stop, beyond)
    return Curve(
        array("d", map(found.x.__getitem__, places)), array("d", map(found.y.__getitem__, places))
    )


def _kept(y: "array[float]", start: int, end: int) -> list[int]:
    """The places of the least, the greatest and the last value of `[start, end)`, in order."""
    values = y[start:end]
    least, greatest = values.index(min(values)), values.index(max(values))
    return [start + place for place in sorted({least, greatest, end - start - 1})]
