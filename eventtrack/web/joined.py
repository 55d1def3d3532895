"""Curves over another metric of their run: points are joined by step, then thinned out.

A metric may be the x axis of another, as tokens seen or a fractional epoch. A point is drawn where
the other metric was at the same step; of several points of a step the latest counts. Points at
steps that the other metric does not have are left out.
"""

from array import array
from bisect import bisect_left, bisect_right
from math import isfinite
from operator import itemgetter
from typing import TypeAlias

from eventtrack.projections.points import Points

Column: TypeAlias = "array[float]"
PREFIX = "metrics."


def axis_of(x: str) -> str | None:
    """The metric that an x axis names, as `metrics.epoch`; None for another axis."""
    return x.removeprefix(PREFIX) if x.startswith(PREFIX) else None


def joined(points: Points, axis: Points) -> tuple[Column, Column]:
    """The values of two metrics at the same steps, in order of those of `axis`."""
    at = {step: x for step, x in zip(axis.steps, axis.values, strict=True) if isfinite(x)}
    pairs = [
        (at[step], y) for step, y in zip(points.steps, points.values, strict=True) if step in at
    ]
    pairs.sort(key=itemgetter(0))
    return array("d", [x for x, _ in pairs]), array("d", [y for _, y in pairs])


def thinned(x: Column, y: Column, low: float, high: float, buckets: int) -> tuple[Column, Column]:
    """The extremes and the last value of each of `buckets` equal stretches of `[low, high]`.

    A curve of at most three points a bucket stays whole. One point on each side comes along.
    """
    first, stop = max(bisect_left(x, low) - 1, 0), min(bisect_right(x, high) + 1, len(x))
    x, y = x[first:stop], y[first:stop]
    if len(x) <= 3 * buckets or not high > low:
        return x, y
    kept = {0, len(x) - 1}
    begin = 0
    for bucket in range(buckets):
        edge = low + (high - low) * ((bucket + 1) / buckets)
        end = bisect_right(x, edge, begin) if bucket < buckets - 1 else len(x)
        places = [place for place in range(begin, end) if isfinite(y[place])]
        # NaN and the infinities are no extremes, and hide none: the first of each comes too.
        odd = (place for place in reversed(range(begin, end)) if not isfinite(y[place]))
        kept |= set({repr(y[place]): place for place in odd}.values())
        if places:
            kept |= {min(places, key=y.__getitem__), max(places, key=y.__getitem__), places[-1]}
        begin = end
    order = sorted(kept)
    return array("d", map(x.__getitem__, order)), array("d", map(y.__getitem__, order))
