"""Curves of groups of runs: at each place along x how many runs are there, their mean and spread.

A request names some runs of each group. What it comes to can be merged with that of the other runs,
whatever they are, so a page draws groups of any number of runs, and a request stays small. Each run
counts with the mean of its points in a stretch of the grid; where it has none, with what lies on
the straight line between its points before and behind. Values that are not finite count for
nothing.

The bytes: the header's length (u32, little-endian), the header, zeros up to a multiple of 8, then
for each band its rows of little-endian float64: the runs, their mean, the sum of squares of what
they differ from it, the least and the greatest value; and `QUANTILES` rows if they were asked for.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import chain, islice, product
from math import floor, frexp, inf, isfinite, nan
from typing import TypeAlias

import msgspec

from eventtrack.errors import InvalidValueError
from eventtrack.log.checked import UNREADABLE
from eventtrack.store import Store
from eventtrack.views.queries.nouns import Queries
from eventtrack.waiting import check
from eventtrack.web.answers import Json, as_of
from eventtrack.web.curves import (
    SECOND_MS,
    Column,
    Curve,
    began,
    check_grid,
    curves_of,
    in_order,
    packed,
    width_over,
)
from eventtrack.web.joined import axis_of, joined
from eventtrack.web.series import CURVES_MAX, READ_POINTS_MAX

# Values between which equally many runs lie; with them, quartiles of runs that come in one answer
# are exact, and of more runs within a 30th of the runs of an answer.
QUANTILES = 33
# Values that an answer is made of: 32 MB.
_HELD_MAX = 4_000_000
_NOWHERE = 1 << 62
_ROWS = 5
# A grid that becomes so many times as long as the buckets asked for is given up: the answer has no
# bands then, and the page asks again with wider buckets.
_WIDER = 4
# Means, least and greatest values of one run, place by place.
_Columns: TypeAlias = tuple[list[float], list[float], list[float]]


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """A request; what has no words here is as in `series.Asked`.

    Args:
        groups: The runs of each group.
        start: The number of the run, of all groups one after the other, to go on with.
        width: The width of the grid: `width` of the answer before.
        quantiles: Whether the rows of quantiles are wanted.
    """

    groups: list[list[str]]
    keys: list[str]
    x: str = "step"
    buckets: int = 400
    low: float | None = None
    high: float | None = None
    start: int = 0
    width: float = 0
    at: str = ""
    quantiles: bool = False


class _Rows:
    """The means, least and greatest values of the runs of one band, place by place."""

    def __init__(self) -> None:
        self.runs = self.points = 0
        self._first, self._parts = _NOWHERE, list[tuple[int, _Columns]]()
        self._stop = -_NOWHERE

    def add(self, curve: Curve, first: int, columns: _Columns) -> int:
        """Add a run that has values from the place `first` on; answers how many."""
        self.runs, self.points = self.runs + 1, self.points + curve.count
        self._first = min(self._first, first)
        self._stop = max(self._stop, first + len(columns[0]))
        self._parts.append((first, columns))
        return 3 * len(columns[0])

    def packed(self, *, quantiles: bool) -> tuple[Json, bytes]:
        """The place of the band, and its rows."""
        count = max(self._stop - self._first, 0)
        means, least, most = (list(zip(*self._padded(at), strict=True)) for at in range(3))
        columns = [_finite(values) for values in means]
        averages = [sum(values) / len(values) if values else nan for values in columns]
        rows = [
            [float(len(values)) for values in columns],
            averages,
            [
                sum((value - average) ** 2 for value in values)
                for values, average in zip(columns, averages, strict=True)
            ],
            [min(_finite(values), default=nan) for values in least],
            [max(_finite(values), default=nan) for values in most],
        ]
        if quantiles:
            columns = [sorted(values) for values in columns]
            rows += [
                [_quantile(values, at / (QUANTILES - 1)) for values in columns]
                for at in range(QUANTILES)
            ]
        where = {"first": self._first if count else 0, "count": count}
        data = array("d", chain.from_iterable(rows)).tobytes()
        return {"runs": self.runs, "points": self.points, **where}, data

    def _padded(self, at: int) -> Iterator[list[float]]:
        for first, columns in self._parts:
            before, behind = first - self._first, self._stop - first - len(columns[at])
            yield [*[nan] * before, *columns[at], *[nan] * behind]


class _Bands:
    """The bands of an answer, as the curves of their runs come."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self.width = asked.width
        self.edges = (inf, -inf)
        self.read = self.held = 0
        self.rows = {pair: _Rows() for pair in product(range(len(asked.groups)), asked.keys)}
        self._sample: _Sampler | None = None

    def add(self, group: int, curve: Curve, columns: tuple[Column, Column], width: float) -> None:
        """Add the curve of a run; `width` counts if there is none yet."""
        x, y = columns
        self.width = self.width or width
        self._sample = self._sample or _Sampler(self.width, self._asked)
        low, high = max(x[0], self._sample.low), min(x[-1], self._sample.high)
        if low <= high:
            self.edges = (min(self.edges[0], low), max(self.edges[1], high))
        self.read += curve.count
        if not self.is_too_fine() and (sampled := self._sample(x, y)) is not None:
            self.held += self.rows[group, curve.key].add(curve, *sampled)

    def is_enough(self) -> bool:
        """Whether the answer ends here."""
        return self.read >= READ_POINTS_MAX or self.held >= _HELD_MAX or self.is_too_fine()

    def is_too_fine(self) -> bool:
        """Whether the grid has more places than an answer may have."""
        low, high = self.edges
        return high - low > _WIDER * self._asked.buckets * self.width > 0


def answer(store: Store, body: bytes) -> bytes:
    """Answer a request in JSON with bytes. Runs that do not exist count for nothing.

    Raises:
        InvalidValueError: The request cannot be read, or asks for too much.
    """
    asked = _read(body)
    runs = [(group, run_id) for group, ids in enumerate(asked.groups) for run_id in ids]
    pairs = [(run_id, key) for _, run_id in runs[asked.start :] for key in asked.keys]
    bands, done = _Bands(asked), asked.start
    with as_of(store, asked.at) as queries, curves_of(queries, pairs) as curves:
        following = iter(curves)
        for group, _ in runs[asked.start :]:
            check()
            done += 1
            for curve in islice(following, len(asked.keys)):
                if curve is None:
                    continue
                columns = _columns(queries, asked, curve)
                if columns[0]:
                    width = bands.width or _width(asked, curves, columns[0])
                    bands.add(group, curve, columns, width)
            if bands.is_enough():
                break
    scale = SECOND_MS if asked.x == "relative" else 1
    low, high = bands.edges
    header = {
        "low": low / scale if low <= high else None,
        "high": high / scale if low <= high else None,
        "width": bands.width,
        "step": bands.width / scale,
        "rows": _ROWS + (QUANTILES if asked.quantiles else 0),
        "next": done if done < len(runs) else None,
    }
    if bands.is_too_fine():
        return _packed(header | {"next": asked.start}, {}, quantiles=False)
    return _packed(header, bands.rows, quantiles=asked.quantiles)


def _packed(header: Json, bands: dict[tuple[int, str], _Rows], *, quantiles: bool) -> bytes:
    described, data = [], []
    for (group, key), rows in bands.items():
        if rows.runs:
            where, numbers = rows.packed(quantiles=quantiles)
            described.append({"group": group, "key": key, **where})
            data.append(numbers)
    return packed({**header, "bands": described}, data)


def _read(body: bytes) -> Asked:
    try:
        asked = msgspec.json.decode(body, type=Asked)
    except UNREADABLE as error:
        raise InvalidValueError(f"cannot read which groups are asked for: {error}") from error
    check_grid(asked.x, asked.buckets, asked.start, asked.width)
    runs = sum(map(len, asked.groups))
    if max(runs, len(asked.groups)) * len(asked.keys) > CURVES_MAX:
        raise InvalidValueError(
            f"{runs} runs with {len(asked.keys)} metrics are more than {CURVES_MAX} curves",
            hint="ask several times, for some of the runs each",
        )
    return asked


def _columns(queries: Queries, asked: Asked, curve: Curve) -> tuple[Column, Column]:
    """All x and y of a curve in order of x; relative times in milliseconds."""
    points = curve.points()
    axis = axis_of(asked.x)
    if axis is not None:
        return joined(points, queries.metrics.arrays(curve.run_id, axis))
    if asked.x == "step" or not points:
        return in_order(points.steps, points.values)
    origin = began(curve, points.timestamps[0]) if asked.x == "relative" else 0
    return in_order(_since(origin, points.timestamps), points.values)


def _since(origin: int, times: Column) -> Column:
    if not origin:
        return times
    try:
        return array("q", [time - origin for time in times])
    except OverflowError:  # from one end of all times to the other
        return array("d", [time - origin for time in times])


def _width(asked: Asked, curves: Sequence[Curve | None], x: Column) -> float:
    """The width of the grid's stretches: a power of two, and at least 1 for steps and times."""
    if axis_of(asked.x) is None:
        return width_over(asked.x, asked.buckets, asked.low, asked.high, curves)
    low = x[0] if asked.low is None else asked.low
    high = x[-1] if asked.high is None else asked.high
    share = (high - low) / asked.buckets
    return float(2.0 ** frexp(share)[1]) if 0 < share < inf else 1.0


class _Sampler:
    """Samples curves on the grid. Runs mostly share their steps: work on x is kept for the next."""

    def __init__(self, width: float, asked: Asked) -> None:
        scale = SECOND_MS if asked.x == "relative" else 1
        self.low = -inf if asked.low is None else asked.low * scale
        self.high = inf if asked.high is None else asked.high * scale
        self._width = width
        # A point beside the stretch counts if it is no further away than this.
        self._beside = width * asked.buckets
        self._known: Column | None = None
        self._spans: list[tuple[int, int, int]] = []

    def __call__(self, x: Column, y: Column) -> tuple[int, _Columns] | None:
        """The first place; from there on means, least and greatest values. None without any."""
        if self._known is None or self._known.typecode != x.typecode or self._known != x:
            self._known, self._spans = x, list(self._look(x))
        if not self._spans:
            return None
        values = y.tolist()
        parts = [values[start:stop] for _, start, stop in self._spans]
        if all(map(isfinite, values)):
            means = [sum(part) / len(part) for part in parts]
            columns: _Columns = (means, list(map(min, parts)), list(map(max, parts)))
        else:
            finite = [_finite(part) for part in parts]
            means = [sum(part) / len(part) if part else nan for part in finite]
            least, most = ([f(part, default=nan) for part in finite] for f in (min, max))
            columns = (means, least, most)
        first, last = self._spans[0][0], self._spans[-1][0]
        if last - first + 1 > len(parts):
            columns = self._filled(x, values, columns)
        return first, columns

    def _look(self, x: Column) -> Iterator[tuple[int, int, int]]:
        """The places that have points, and the half-open range of those."""
        start, stop = bisect_left(x, self.low), bisect_right(x, self.high)
        # One point on each side of the stretch, so that lines reach the edges.
        if start > 0 and self.low - x[start - 1] <= self._beside:
            start -= 1
        if stop < len(x) and x[stop] - self.high <= self._beside:
            stop += 1
        while start < stop:
            place = floor(x[start] / self._width)
            end = bisect_left(x, (place + 1) * self._width, start + 1, stop)
            yield place, start, end
            start = end

    def _filled(self, x: Column, y: list[float], columns: _Columns) -> _Columns:
        """The columns with what lies on straight lines in places that have no points."""
        filled: _Columns = ([], [], [])
        before = None
        for at, (place, start, stop) in enumerate(self._spans):
            if before is not None and place > before[0] + 1:
                x0, y0 = x[before[1]], y[before[1]]
                slope = (y[start] - y0) / (x[start] - x0)
                for gap in range(before[0] + 1, place):
                    value = y0 + slope * (gap * self._width - x0)
                    for column in filled:
                        column.append(value if isfinite(value) else nan)
            for column, values in zip(filled, columns, strict=True):
                column.append(values[at])
            before = place, stop - 1
        return filled


def _finite(values: Sequence[float]) -> list[float]:
    return list(filter(isfinite, values))


def _quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies; straight between two of them."""
    if not ordered:
        return nan
    place = share * (len(ordered) - 1)
    at = min(floor(place), len(ordered) - 2)
    if at < 0:
        return ordered[0]
    return ordered[at] + (place - at) * (ordered[at + 1] - ordered[at])
