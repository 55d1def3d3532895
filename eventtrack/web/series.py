"""Curves of many runs and metrics at once, as a JSON header and raw arrays of numbers.

The bytes: the header's length (u32, little-endian), the header, zeros up to a multiple of 8, then
all x and then all y of all curves as little-endian float64. `start` and `count` in the header name
the numbers of a curve. A large answer ends early: `next` in the header is the curve to go on with.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from itertools import chain, islice, product
from math import inf
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
from eventtrack.web.downsample import Thinner, width_of
from eventtrack.web.formulas import SIGN, Formula, Reckoned
from eventtrack.web.joined import axis_of, joined, thinned

if TYPE_CHECKING:
    from eventtrack.web import by_numpy
else:
    by_numpy = lazy("eventtrack.web.by_numpy")

# Curves of one request: enough for a chart of a thousand runs, or for a page of charts of few runs.
CURVES_MAX = 5000
BUCKETS_MAX = 4000
AXES = ("step", "time", "relative")
# An answer ends after the curve that reaches one of these counts: a fifth of a second. So a page
# draws the first curves while the next are made, and nobody waits long.
READ_POINTS_MAX = 4_000_000
GIVEN_POINTS_MAX = 250_000
# Longer curves are thinned chunk by chunk.
_LONG_POINTS = 50_000
# From so many points on, an answer imports numpy if that is installed.
_MANY_POINTS = 500_000
_SECOND_MS = 1000
_Curve = Series | Reckoned


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


class _Few:
    """The points of a curve that the answer has."""

    def __init__(
        self, series: _Curve, x: "array[float]", y: "array[float]", width: int, read: int = 0
    ) -> None:
        self.series = series
        self.x = x
        self.y = y
        self.width = width
        self.read = read  # the number of points that were read for it


class _Over:
    """Curves over another metric of their runs."""

    def __init__(self, queries: Queries, asked: Asked) -> None:
        self._queries, self._asked = queries, asked
        self._of = ("", Points())  # the points of the axis of the last run

    def few(self, series: _Curve) -> _Few:
        """The points of a curve that the answer has."""
        asked = self._asked
        if self._of[0] != series.run_id:
            axis = self._queries.metrics.arrays(series.run_id, axis_of(asked.x) or "")
            self._of = (series.run_id, axis)
        x, y = joined(series.points(), self._of[1])
        low = (x[0] if x else 0.0) if asked.low is None else asked.low
        high = (x[-1] if x else 0.0) if asked.high is None else asked.high
        return _Few(series, *thinned(x, y, low, high, asked.buckets), 0, series.count)


def answer(store: Store, body: bytes) -> bytes:
    """Answer a request in JSON with bytes. Runs that do not exist have no curves.

    Raises:
        InvalidValueError: The request cannot be read, or asks for too much.
    """
    asked = _read(body)
    pairs = list(product(asked.run_ids, asked.keys))
    given: list[_Few] = []
    done, read, size = asked.start, 0, 0
    with (
        as_of(store, asked.at) as queries,
        _curves(queries, pairs[asked.start :]) as curves,
    ):
        over = _Over(queries, asked) if axis_of(asked.x) is not None else None
        width = 0 if over is not None else asked.width or _width(asked, curves)
        numpy = _numpy(sum(series.count for series in curves if series is not None))
        thinner = Thinner(width or 1, asked.buckets, numpy)
        for series in curves:
            check()
            done += 1
            if series is None:
                continue
            few = _thinned(series, asked, thinner) if over is None else over.few(series)
            given.append(few)
            read, size = read + few.read, size + len(few.x)
            if read >= READ_POINTS_MAX or size >= GIVEN_POINTS_MAX:
                break
    header = {
        "low": _bound(asked.low, min, (few.x[0] for few in given if few.x)),
        "high": _bound(asked.high, max, (few.x[-1] for few in given if few.x)),
        "width": width,
        "next": done if done < len(pairs) else None,
    }
    return _packed(header, given)


def _read(body: bytes) -> Asked:
    try:
        asked = msgspec.json.decode(body, type=Asked)
    except UNREADABLE as error:
        raise InvalidValueError(f"cannot read which curves are asked for: {error}") from error
    if (asked.x not in AXES and axis_of(asked.x) is None) or not 0 < asked.buckets <= BUCKETS_MAX:
        raise InvalidValueError(
            f"x is one of {', '.join(AXES)} or metrics.NAME, "
            f"and there are 1 to {BUCKETS_MAX} buckets; found {asked.x[:40]!r} and {asked.buckets}"
        )
    if asked.start < 0 or asked.width < 0:
        raise InvalidValueError(
            f"start and width are not negative; found {asked.start} and {asked.width}",
            hint="take `next` and `width` from the answer before",
        )
    if len(asked.run_ids) * len(asked.keys) > CURVES_MAX:
        raise InvalidValueError(
            f"{len(asked.run_ids)} runs with {len(asked.keys)} metrics are more than "
            f"{CURVES_MAX} curves",
            hint="ask several times",
        )
    return asked


@contextmanager
def _curves(queries: Queries, pairs: list[tuple[str, str]]) -> Iterator[Sequence[_Curve | None]]:
    """The series of each pair; of a formula, what its metrics come to, if the run has all."""
    formulas = {key: Formula(key) for key in {key for _, key in pairs} if key.startswith(SIGN)}
    parts = [
        (run_id, name)
        for run_id, key in pairs
        for name in (formulas[key].names if key in formulas else [key])
    ]
    with queries.metrics.series(parts) as logged:
        if not formulas:
            yield logged
            return
        following = iter(logged)
        curves: list[_Curve | None] = []
        for _, key in pairs:
            formula = formulas.get(key)
            some = list(islice(following, 1 if formula is None else len(formula.names)))
            known = [series for series in some if series is not None]
            if formula is None or len(known) < len(some):
                curves.append(None if formula else some[0])
            else:
                curves.append(Reckoned(key, formula, known))
        yield curves


def _width(asked: Asked, curves: Sequence[_Curve | None]) -> int:
    """The width of the buckets that all curves share, from the first and last x of all."""
    scale = _SECOND_MS if asked.x == "relative" else 1
    low = None if asked.low is None else asked.low * scale
    high = None if asked.high is None else asked.high * scale
    if low is None or high is None:
        reaches = [_reach(series, asked.x) for series in curves if series is not None]
        low = min((first for first, _ in reaches), default=0) if low is None else low
        high = max((last for _, last in reaches), default=0) if high is None else high
    return width_of(low, high, asked.buckets)


def _reach(series: _Curve, axis: str) -> tuple[int, int]:
    """About the first and the last x of a curve; exact if its points came in order."""
    step, time = series.first()
    if axis == "step":
        return step, series.last_step
    began = _began(series, time) if axis == "relative" else 0
    return time - began, series.last_ms - began


def _began(series: _Curve, first_ms: int) -> int:
    """The zero of relative times: the start of the run; the first point if that is unknown."""
    return series.began_ms if 0 < series.began_ms <= first_ms else first_ms


def _thinned(series: _Curve, asked: Asked, thinner: Thinner) -> _Few:
    low = -inf if asked.low is None else asked.low
    high = inf if asked.high is None else asked.high
    origin, by_step, read = 0, asked.x == "step", series.count
    pieces = series.pieces() if isinstance(series, Series) and read > _LONG_POINTS else None
    points, thins = Points() if pieces else series.points(), False
    if pieces is None and not points:
        return _Few(series, array("d"), array("d"), 0)  # no step has all metrics of a formula
    if asked.x == "relative":
        origin = _began(series, series.first()[1] if pieces else points.timestamps[0])
        low, high = low * _SECOND_MS + origin, high * _SECOND_MS + origin
    if pieces is not None:
        points, thins, read = thinner.reduced(pieces, by_step, low, high, origin)
    column = points.steps if by_step else points.timestamps
    places = thinner(column, points.values, low, high, origin, thins=thins)
    if thinner.numpy is not None:
        x, y = thinner.numpy.taken(column, places), thinner.numpy.taken(points.values, places)
    else:
        x = array("d", map(column.__getitem__, places))
        y = array("d", map(points.values.__getitem__, places))
    if asked.x == "relative":
        x = array("d", ((time - origin) / _SECOND_MS for time in x))
    return _Few(series, x, y, thinner.width, read)


def _numpy(points: int) -> ModuleType | None:
    """The module that thins by numpy, where that is worth its import and numpy is there."""
    return by_numpy if points >= _MANY_POINTS and find_spec("numpy") is not None else None


def _bound(asked: float | None, choose: object, edges: Iterable[float]) -> float:
    if asked is not None:
        return asked
    assert callable(choose)
    return float(choose(edges, default=0.0))


def _packed(header: Json, given: Sequence[_Few]) -> bytes:
    described, start = [], 0
    for few in given:
        described.append(
            {
                "run_id": few.series.run_id,
                "key": few.series.key,
                "points": few.series.count,
                "width": few.width,
                "start": start,
                "count": len(few.x),
            }
        )
        start += len(few.x)
    text = msgspec.json.encode({**header, "series": described})
    padding = bytes(-(4 + len(text)) % 8)
    columns = chain((few.x.tobytes() for few in given), (few.y.tobytes() for few in given))
    return b"".join((len(text).to_bytes(4, "little"), text, padding, *columns))
