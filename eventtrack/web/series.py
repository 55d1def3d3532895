"""Curves of many runs and metrics at once, as a JSON header and raw arrays of numbers.

The bytes: the header's length (u32, little-endian), the header, zeros up to a multiple of 8, then
all x and then all y of all curves as little-endian float64. `start` and `count` in the header name
the numbers of a curve. A large answer ends early: `next` in the header is the curve to go on with.
The answer to a list of requests, as the charts of a page are, has such a block for each.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from importlib.util import find_spec
from itertools import chain, product
from math import inf, isfinite
from types import ModuleType
from typing import TYPE_CHECKING

import msgspec

from eventtrack.errors import InvalidValueError
from eventtrack.lazy import lazy
from eventtrack.log.checked import UNREADABLE
from eventtrack.projections.points import Points
from eventtrack.store import Store
from eventtrack.views.queries.nouns import Queries
from eventtrack.views.queries.series import Series
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
from eventtrack.web.downsample import POINTS_A_BUCKET, Thinner
from eventtrack.web.joined import axis_of, joined, thinned
from eventtrack.web.smoothing import KINDS, smoothed, smoothed_parts

if TYPE_CHECKING:
    from eventtrack.web import by_numpy
else:
    by_numpy = lazy("eventtrack.web.by_numpy")

# Curves of one request: enough for a chart of a thousand runs, or for a page of charts of few runs.
CURVES_MAX = 5000
CHARTS_MAX = 100
# An answer ends after the curve that reaches one of these counts: a fifth of a second. So a page
# draws the first curves while the next are made, and nobody waits long.
READ_POINTS_MAX = 4_000_000
GIVEN_POINTS_MAX = 250_000
# Longer curves are thinned chunk by chunk.
_LONG_POINTS = 50_000
# From so many points on, an answer imports numpy if that is installed.
_MANY_POINTS = 500_000
# To smooth a point costs about twice as much as to read and thin it.
_SMOOTHED_COST = 3


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """A request: the curves, the stretch of x, and the number of buckets.

    Args:
        x: `step`, `time` (milliseconds since 1970), `relative` (seconds since the run began), or
            another metric of each run, as `metrics.epoch`.
        low: The beginning of the stretch; by default the first x of all curves.
        high: The end of the stretch; by default the last x of all curves.
        start: The number of the curve to go on with: `next` of the answer before.
        width: The width of the buckets: `width` of the answer before.
        at: The moment to look at; by default now.
        smooth: How strongly curves are smoothed, from 0 to below 1.
        kind: How; one of `smoothing.KINDS`.
        forks: Of runs that were forked, the last step that is another run's.
    """

    run_ids: list[str]
    keys: list[str]
    x: str = "step"
    buckets: int = 400
    low: float | None = None
    high: float | None = None
    start: int = 0
    width: int = 0
    at: str = ""
    smooth: float = 0.0
    kind: str = ""
    forks: dict[str, int] = {}


class _Few:
    """The points of a curve that the answer has.

    Args:
        smooth: x and y of the smoothed curve; None if `x` and `y` are all points that were logged,
            which the page smooths by itself.
        read: How many points were read for it.
        fork: The last x that is another run's; None if the run was not forked.
    """

    def __init__(
        self,
        series: Curve,
        columns: tuple[Column, Column],
        width: int,
        read: int = 0,
        smooth: tuple[Column, Column] | None = None,
        fork: float | None = None,
    ) -> None:
        self.series = series
        self.x, self.y = columns
        self.width = width
        self.read = read
        self.smooth = smooth
        self.fork = fork

    def columns(self) -> list[tuple[Column, Column]]:
        """Both columns of the curve, and those of the smoothed one."""
        return [(self.x, self.y), *([] if self.smooth is None else [self.smooth])]


class _Over:
    """Curves over another metric of their runs."""

    def __init__(self, queries: Queries, asked: Asked) -> None:
        self._queries, self._asked = queries, asked
        self._of = ("", Points())  # the points of the axis of the last run

    def few(self, series: Curve) -> _Few:
        """The points of a curve that the answer has."""
        asked = self._asked
        if self._of[0] != series.run_id:
            axis = self._queries.metrics.arrays(series.run_id, axis_of(asked.x) or "")
            self._of = (series.run_id, axis)
        axis = self._of[1]
        x, y = joined(series.points(), axis)
        low = (x[0] if x else 0.0) if asked.low is None else asked.low
        high = (x[-1] if x else 0.0) if asked.high is None else asked.high
        columns = thinned(x, y, low, high, asked.buckets)
        smooth = None
        if asked.smooth and len(columns[0]) < len(x):
            smooth = thinned(*_smoothed(x, y, asked), low, high, asked.buckets)
        fork = _fork(asked, series, axis.steps, axis.values)
        return _Few(series, columns, 0, series.count, smooth, fork)


class _Effort:
    """The cost of an answer so far: the points that were read, and those that it has."""

    read = given = 0

    def add(self, few: _Few) -> None:
        """Count a curve."""
        self.read += few.read * (_SMOOTHED_COST if few.smooth else 1)
        self.given += sum(len(x) for x, _ in few.columns())

    def is_enough(self) -> bool:
        """Whether the answer ends here."""
        return self.read >= READ_POINTS_MAX or self.given >= GIVEN_POINTS_MAX


def answer(store: Store, body: bytes) -> bytes:
    """Answer a request, or a list of them, in JSON with bytes. Unknown runs have no curves.

    Raises:
        InvalidValueError: The request cannot be read, or asks for too much.
    """
    effort = _Effort()
    thinners: dict[tuple[int, int], Thinner] = {}
    return b"".join(_block(store, asked, effort, thinners) for asked in _read(body))


def _block(
    store: Store, asked: Asked, effort: _Effort, thinners: dict[tuple[int, int], Thinner]
) -> bytes:
    """The answer to one request; no curve of it if the answer is long enough already."""
    pairs = list(product(asked.run_ids, asked.keys))
    given: list[_Few] = []
    done, width = asked.start, asked.width
    with (
        as_of(store, asked.at) as queries,
        curves_of(queries, [] if effort.is_enough() else pairs[asked.start :]) as curves,
    ):
        over = _Over(queries, asked) if axis_of(asked.x) is not None else None
        if curves:
            width = 0 if over is not None else asked.width or _width(asked, curves)
        # The charts of a page mostly share their steps: a thinner remembers those.
        grid = (width or 1, asked.buckets)
        numpy = _numpy(sum(series.count for series in curves if series is not None))
        if grid not in thinners or numpy is not None:
            thinners[grid] = Thinner(*grid, numpy)
        thinner = thinners[grid]
        for series in curves:
            check()
            done += 1
            if series is None:
                continue
            few = _thinned(series, asked, thinner) if over is None else over.few(series)
            given.append(few)
            effort.add(few)
            if effort.is_enough():
                break
    header = {
        "low": _bound(asked.low, min, (few.x[0] for few in given if few.x)),
        "high": _bound(asked.high, max, (few.x[-1] for few in given if few.x)),
        "width": width,
        "next": done if done < len(pairs) else None,
    }
    return _packed(header, given)


def _read(body: bytes) -> list[Asked]:
    try:
        read = msgspec.json.decode(body, type=Asked | list[Asked])
    except UNREADABLE as error:
        raise InvalidValueError(f"cannot read which curves are asked for: {error}") from error
    many = read if isinstance(read, list) else [read]
    for asked in many:
        _check(asked)
    curves = sum(len(asked.run_ids) * len(asked.keys) for asked in many)
    if curves > CURVES_MAX or len(many) > CHARTS_MAX:
        raise InvalidValueError(
            f"{curves} curves of {len(many)} charts are more than {CURVES_MAX} of {CHARTS_MAX}",
            hint="ask several times",
        )
    return many


def _check(asked: Asked) -> None:
    check_grid(asked.x, asked.buckets, asked.start, asked.width)
    if not 0 <= asked.smooth < 1 or asked.kind not in KINDS:
        raise InvalidValueError(
            f"smooth is 0 to below 1, and kind one of {', '.join(map(repr, KINDS))}; "
            f"found {asked.smooth} and {asked.kind[:40]!r}"
        )


def _width(asked: Asked, curves: Sequence[Curve | None]) -> int:
    return width_over(asked.x, asked.buckets, asked.low, asked.high, curves)


def _thinned(series: Curve, asked: Asked, thinner: Thinner) -> _Few:
    low = -inf if asked.low is None else asked.low
    high = inf if asked.high is None else asked.high
    origin, by_step, read, scale = 0, asked.x == "step", series.count, 1
    pieces = series.pieces() if isinstance(series, Series) and read > _LONG_POINTS else None
    points, thins = Points() if pieces else series.points(), False
    if pieces is None and not points:
        return _Few(series, (array("d"), array("d")), 0)  # no step has all metrics of a formula
    if asked.x == "relative":
        origin = began(series, series.first()[1] if pieces else points.timestamps[0])
        scale, low, high = SECOND_MS, low * SECOND_MS + origin, high * SECOND_MS + origin
    if pieces is not None:
        points, thins, read = thinner.reduced(pieces, by_step, low, high, origin)

    def picked(x: Column, y: Column, *, thins: bool = False) -> tuple[Column, Column]:
        places = thinner(x, y, low, high, origin, thins=thins)
        if thinner.numpy is not None:
            x, y = thinner.numpy.taken(x, places), thinner.numpy.taken(y, places)
        else:
            x, y = (array("d", map(column.__getitem__, places)) for column in (x, y))
        if asked.x == "relative":
            x = array("d", ((time - origin) / scale for time in x))
        return x, y

    column = points.steps if by_step else points.timestamps
    columns = picked(column, points.values, thins=thins)
    width, smooth = thinner.width, None
    fork = _fork(asked, series, points.steps, column)
    if fork is not None and not by_step:
        fork = (fork - origin) / scale
    if asked.smooth and len(columns[0]) < series.count:
        read = series.count
        if pieces is not None:
            assert isinstance(series, Series)
            x, y = _smoothed_long(series, asked, thinner, (low, high, origin))
            smooth = picked(x, y, thins=asked.kind in ("", "time"))
        else:
            smooth = picked(*_smoothed(*in_order(column, points.values), asked))
    return _Few(series, columns, width, read, smooth, fork)


def _numpy(points: int) -> ModuleType | None:
    """The module that thins by numpy, where that is worth its import and numpy is there."""
    return by_numpy if points >= _MANY_POINTS and find_spec("numpy") is not None else None


def _smoothed_long(
    series: Series, asked: Asked, thinner: Thinner, stretch: tuple[float, float, int]
) -> tuple[Column, Column]:
    """The points to thin out of a long curve that is smoothed chunk by chunk."""
    by_step = asked.x == "step"
    (step, time), last = series.first(), (series.last_step, series.last_ms)
    ends = (step, last[0]) if by_step else (time, last[1])

    def chunks() -> Iterator[tuple[Column, Column]]:
        for piece in series.pieces() or ():
            check()
            points = piece.points()
            yield (points.steps if by_step else points.timestamps), points.values

    most = POINTS_A_BUCKET * asked.buckets
    parts = smoothed_parts(chunks(), series.count, ends, asked.smooth, asked.kind, most)
    if asked.kind not in ("", "time"):
        return next(parts)  # few points already
    kept_x, kept_y = array("q"), array("d")
    low, high, origin = stretch
    for x, y in parts:
        places = [int(place) for place in thinner(x, y, low, high, origin, thins=True)]
        kept_x.extend(map(x.__getitem__, places))
        kept_y.extend(map(y.__getitem__, places))
    return kept_x, kept_y


def _smoothed(x: Column, y: Column, asked: Asked) -> tuple[Column, Column]:
    return smoothed(x, y, asked.smooth, asked.kind, POINTS_A_BUCKET * asked.buckets)


def _fork(asked: Asked, series: Curve, steps: Column, x: Column) -> float | None:
    """The last x up to the step of a fork, behind which its points are its own."""
    step = asked.forks.get(series.run_id)
    if step is None or asked.x == "step":
        return step
    before = [place for at, place in zip(steps, x, strict=True) if at <= step]
    return max(filter(isfinite, before), default=None)


def _bound(asked: float | None, choose: object, edges: Iterable[float]) -> float:
    if asked is not None:
        return asked
    assert callable(choose)
    return float(choose(edges, default=0.0))


def _packed(header: Json, given: Sequence[_Few]) -> bytes:
    described: list[Json] = []
    columns: list[tuple[Column, Column]] = []
    start = 0

    def placed(part: tuple[Column, Column]) -> Json:
        nonlocal start
        columns.append(part)
        start += len(part[0])
        return {"start": start - len(part[0]), "count": len(part[0])}

    for few in given:
        first, *others = few.columns()
        described.append(
            {
                "run_id": few.series.run_id,
                "key": few.series.key,
                "points": few.series.count,
                "width": few.width,
                "fork": few.fork,
                **placed(first),
                "smooth": placed(others[0]) if others else None,
            }
        )
    numbers = chain((x.tobytes() for x, _ in columns), (y.tobytes() for _, y in columns))
    return packed({**header, "series": described}, numbers)
