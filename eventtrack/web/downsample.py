"""Curves for a screen: each bucket of points keeps its minimum, its maximum and its last point.

So no spike is lost at any size, and a curve keeps its end. NaN and the infinities are kept apart: a
bucket also keeps its first point of each of these kinds. So a page can show their places, and an
infinity hides no finite extreme.

All curves of a chart share one grid. The width of its buckets is a power of two, and buckets begin
at multiples of the width. So a growing curve keeps its buckets, and the buckets of a finer grid lie
within the buckets of a coarser grid. (Why there are no rollups: decision 0017.)
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from contextlib import suppress
from math import ceil, inf, isfinite, isnan
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from eventtrack.projections.picking import Piece
from eventtrack.projections.points import CHUNK_POINTS, Points

if TYPE_CHECKING:
    from eventtrack.web import by_numpy
    from eventtrack.web.by_numpy import Spans

Places: TypeAlias = "list[int] | by_numpy.Numbers"
POINTS_A_BUCKET = 3
# A curve longer than the grid's stretch gets wider buckets (of 2, 4, ... times the width),
# so that it has at most this many times the buckets asked for.
_REACH_MAX = 2
# The points of two chunks, at the edges of a stretch, of which a part may lie outside.
_EDGES = 2 * CHUNK_POINTS


def width_of(low: float, high: float, buckets: int) -> int:
    """The width of buckets so that about `buckets` cover a stretch: a power of two, at least 1."""
    # Steps and times are 64-bit integers, so no stretch is longer than 2^64.
    least = ceil(min(max((high - low) / buckets, 1.0), 2.0**64))
    return 1 << (least - 1).bit_length()


class Reduced(NamedTuple):
    """Points of a long curve, whether some lack among them, and how many were read for them."""

    points: Points
    thins: bool
    read: int


class Thinner:
    """Picks few points of a curve that draw the same picture as all its points.

    Runs of a sweep mostly share their steps, so all work on the x of a curve is kept for the next
    curve with the same x.

    Args:
        width: The width of the buckets, from `width_of`.
        buckets: The number of buckets asked for. A curve of at most `POINTS_A_BUCKET` times as
            many points keeps all of them.
        numpy: The module `by_numpy`, to pick the same points in less time.
    """

    def __init__(self, width: int, buckets: int, numpy: ModuleType | None = None) -> None:
        self.numpy = numpy
        self._arrays: Spans | None = None
        self._width = width
        self._buckets = buckets
        self._known: tuple[array[int], tuple[int, float, float, bool]] | None = None
        self._order: list[int] | None = None  # places sorted by x; None if x is in order
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
        *,
        thins: bool = False,
    ) -> Places:
        """The places of the points to draw, in order of x. Sets `width` to that of the buckets.

        Includes one point on each side of `[low, high]`, so that lines reach the edges. `width` is
        0 if the answer has all points of the stretch.

        Args:
            x: The steps or times, in any order.
            origin: A place at which a bucket begins.
            thins: Whether to leave out points even if they are few: others were left out before.
        """
        asked = origin, low, high, thins
        if self._known is None or self._known[1] != asked or self._known[0] != x:
            self._known = (x, asked)
            self._look(x, *asked)
        before, first, stop, beyond = self._edges
        order = self._order
        if not self._spans:
            return list(range(before, beyond)) if order is None else order[before:beyond]
        picked = None if self._arrays is None else self._arrays.pick(y)
        if picked is not None:
            if (before, beyond) == (first, stop):
                return picked
            return [*range(before, first), *picked.tolist(), *range(stop, beyond)]
        values = y.tolist() if order is None else list(map(y.__getitem__, order))
        places = [*range(before, first), *_pick(values, self._spans), *range(stop, beyond)]
        return places if order is None else list(map(order.__getitem__, places))

    def reduced(
        self,
        pieces: Iterable[Piece],
        by_step: bool,
        low: float = -inf,
        high: float = inf,
        origin: int = 0,
    ) -> "Reduced":
        """Points of a long curve that are thinned out like all its points.

        A chunk that lies within one bucket gives the few points of its summary, unread. Others are
        read, one at a time, and give few points of each bucket.

        Args:
            pieces: The chunks of the curve, in order.
            by_step: Whether x is the step, not the time.
        """
        before, after, within = None, None, list[Piece]()
        for piece in pieces:
            first, last = piece.steps if by_step else piece.times
            if last < low:
                before = piece
            elif first > high:
                after = piece
                break
            else:
                within.append(piece)
        thins = sum(piece.size for piece in within) > POINTS_A_BUCKET * self._buckets + _EDGES
        kept, read = Points(), 0
        if before is not None:
            kept.add(before.points(), [-1])
        for piece in within:
            first, last = piece.steps if by_step else piece.times
            is_in_one = (first - origin) // self._width == (last - origin) // self._width
            if not (thins and low <= first and last <= high):
                kept.add(piece.points(), range(piece.size))
                read += piece.size
            elif is_in_one and piece.few is not None:
                for step, time, value in piece.few:
                    kept.steps.append(step)
                    kept.timestamps.append(time)
                    kept.values.append(value)
            else:
                points, read = piece.points(), read + piece.size
                x = points.steps if by_step else points.timestamps
                spans = _spans(x, 0, len(x), self._width, origin)
                kept.add(points, _pick(points.values.tolist(), spans))
        if after is not None:
            kept.add(after.points(), [0])
        return Reduced(kept, thins, read)

    def _look(self, x: "array[int]", origin: int, low: float, high: float, thins: bool) -> None:
        """Find the order, the edges and the buckets of the x of a curve."""
        sorted_x: Sequence[int] = x
        self._order, self._arrays = None, None
        if self.numpy is None or not x or not self.numpy.is_sorted(x):
            as_logged = x.tolist()
            sorted_x = sorted(as_logged)
            if sorted_x != as_logged:
                self._order = sorted(range(len(x)), key=as_logged.__getitem__)
        first, stop = bisect_left(sorted_x, low), bisect_right(sorted_x, high)
        self._edges = (max(first - 1, 0), first, stop, min(stop + 1, len(x)))
        self._spans, self.width = [], 0
        if thins or stop - first > POINTS_A_BUCKET * self._buckets:
            self.width = self._width
            reach = sorted_x[stop - 1] - sorted_x[first]
            while reach > _REACH_MAX * self._buckets * self.width:
                self.width *= 2
            if sorted_x is x and self.numpy is not None and stop > first:
                with suppress(OverflowError):
                    self._arrays = self.numpy.Spans(x, first, stop, self.width, origin)
                    self._spans = self._arrays.pairs()
                    return
            self._spans = _spans(sorted_x, first, stop, self.width, origin)


def _spans(
    x: Sequence[int], first: int, stop: int, width: int, origin: int
) -> "list[tuple[int, int]]":
    """The half-open range of places of each bucket that has points."""
    spans = []
    while first < stop:
        edge = x[first] - (x[first] - origin) % width + width
        # Most buckets end near by: search there first, then everywhere.
        near = min(first + 2 * width, stop)
        end = bisect_left(x, edge, first + 1, near)
        if end == near < stop:
            end = bisect_left(x, edge, near, stop)
        spans.append((first, end))
        first = end
    return spans


def _pick(values: list[float], spans: list[tuple[int, int]]) -> list[int]:
    """The places of the points to keep of each span, in order."""
    # A sum is infinite or NaN if a value is; rarely also if finite values are very large.
    return (_pick_finite if isfinite(sum(values)) else _pick_any)(values, spans)


def _pick_finite(values: list[float], spans: list[tuple[int, int]]) -> list[int]:
    """The places of the least, the greatest and the last value of each span, in order."""
    places: list[int] = []
    for start, end in spans:
        part = values[start:end]
        first, second = start + part.index(min(part)), start + part.index(max(part))
        if first > second:
            first, second = second, first
        places.append(first)
        if second != first:
            places.append(second)
        if end - 1 != second:
            places.append(end - 1)
    return places


def _pick_any(values: list[float], spans: list[tuple[int, int]]) -> list[int]:
    """As `_pick_finite` for the finite values, and each span's first NaN and infinities."""
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
