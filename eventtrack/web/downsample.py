"""Curves for a screen: what a bucket of points leaves is its minimum, its maximum and its last.

So no spike is lost at any size, and a curve ends where it ends. NaN and the infinities are no part
of that: of each kind a bucket keeps its first, so that a page can show where they are, and an
infinity hides no finite extreme.

All curves of a chart share one grid. Its buckets are as wide as a power of two and begin at
multiples of that: a curve that grows keeps the buckets that it has, and those of a finer grid lie
within those of a coarser one. (Why there are no rollups: decision 0017.)
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from math import ceil, inf, isfinite, isnan

POINTS_A_BUCKET = 3
# A curve that reaches further than the grid was made for gets buckets of its own, of twice the
# width or more, so that it has no more than this many times those that were asked for.
_REACH_MAX = 2


def width_of(low: float, high: float, buckets: int) -> int:
    """How wide buckets are so that about as many cover a stretch: a power of two, at least 1."""
    # No two steps or times are further apart than 64 bits go.
    least = ceil(min(max((high - low) / buckets, 1.0), 2.0**64))
    return 1 << (least - 1).bit_length()


class Thinner:
    """Picks the points of curves that draw the same picture as all of them.

    Runs of a sweep mostly share their steps: what follows from the x of a curve is kept for the
    next.

    Args:
        width: Of the buckets, from `width_of`.
        buckets: How many were asked for. A curve of at most `POINTS_A_BUCKET` times as many points
            is left as it is.
    """

    def __init__(self, width: int, buckets: int) -> None:
        self._width = width
        self._buckets = buckets
        self._known: tuple[array[int], int, float, float] | None = None
        self._order: list[int] | None = None  # where x is not in order: the places sorted by it
        self._spans: list[tuple[int, int]] = []
        self._edges = (0, 0, 0, 0)
        self.width = 0

    def __call__(
        self,
        x: "array[int]",
        y: "array[float]",
        low: float = -inf,
        high: float = inf,
        origin: int = 0,
    ) -> list[int]:
        """The places of the points to draw, in order of x; `width` is then that of their buckets.

        One point to each side of `[low, high]` comes along, so that lines go on to the edges.
        `width` is 0 where all points of the stretch are there.

        Args:
            x: In any order.
            origin: Where a bucket begins.
        """
        if self._known is None or self._known[1:] != (origin, low, high) or self._known[0] != x:
            self._look(x, low, high, origin)
        before, first, stop, beyond = self._edges
        order = self._order
        if not self._spans:
            return list(range(before, beyond)) if order is None else order[before:beyond]
        values = y.tolist() if order is None else list(map(y.__getitem__, order))
        # A sum is infinite or NaN if anything in it is; or, rarely, if it is merely large.
        pick = _pick_finite if isfinite(sum(values)) else _pick
        places = [*range(before, first), *pick(values, self._spans), *range(stop, beyond)]
        return places if order is None else list(map(order.__getitem__, places))

    def _look(self, x: "array[int]", low: float, high: float, origin: int) -> None:
        """Take apart the x of a curve."""
        self._known = (x, origin, low, high)
        as_logged = x.tolist()
        sorted_x = sorted(as_logged)
        is_sorted = sorted_x == as_logged
        self._order = None if is_sorted else sorted(range(len(x)), key=as_logged.__getitem__)
        first, stop = bisect_left(sorted_x, low), bisect_right(sorted_x, high)
        self._edges = (max(first - 1, 0), first, stop, min(stop + 1, len(x)))
        self._spans, self.width = [], 0
        if stop - first > POINTS_A_BUCKET * self._buckets:
            self.width = self._width
            reach = sorted_x[stop - 1] - sorted_x[first]
            while reach > _REACH_MAX * self._buckets * self.width:
                self.width *= 2
            self._spans = list(_spans(sorted_x, first, stop, self.width, origin))


def _spans(
    x: Sequence[int], first: int, stop: int, width: int, origin: int
) -> "list[tuple[int, int]]":
    """Where the points of each bucket stand that has some: half-open."""
    found = []
    while first < stop:
        edge = x[first] - (x[first] - origin) % width + width
        # Buckets are much alike: the end is looked for near by, then everywhere.
        near = min(first + 2 * width, stop)
        end = bisect_left(x, edge, first + 1, near)
        if end == near < stop:
            end = bisect_left(x, edge, near, stop)
        found.append((first, end))
        first = end
    return found


def _pick_finite(values: list[float], spans: list[tuple[int, int]]) -> list[int]:
    """The places of the least, the greatest and the last value of each span, in order."""
    places: list[int] = []
    for start, end in spans:
        part = values[start:end]
        one, two = start + part.index(min(part)), start + part.index(max(part))
        if one > two:
            one, two = two, one
        places.append(one)
        if two != one:
            places.append(two)
        if end - 1 != two:
            places.append(end - 1)
    return places


def _pick(values: list[float], spans: list[tuple[int, int]]) -> list[int]:
    """The same of the finite values of each span, with its first NaN and infinities."""
    places: list[int] = []
    for start, end in spans:
        finite = [place for place in range(start, end) if isfinite(values[place])]
        odd: dict[str, int] = {}
        if len(finite) < end - start:
            for place in range(start, end):
                if not isfinite(values[place]):
                    odd.setdefault("nan" if isnan(values[place]) else str(values[place]), place)
        kept = set(odd.values())
        if finite:
            kept |= {
                min(finite, key=values.__getitem__),
                max(finite, key=values.__getitem__),
                finite[-1],
            }
        places += sorted(kept)
    return places
