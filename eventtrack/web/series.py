"""Curves of many runs and metrics at once, as a JSON header and raw arrays of numbers.

The bytes: the header's length (u32, little-endian), the header, zeros up to a multiple of 8, then
all x and then all y of all curves as little-endian float64. `start` and `count` in the header say
which of them belong to a curve. An answer has as many curves as it can be given at once, and says
where to go on.
"""

from array import array
from collections.abc import Iterable, Sequence
from itertools import chain, product
from math import inf

import msgspec

from eventtrack.errors import InvalidValueError
from eventtrack.store import Store
from eventtrack.store.series import Series
from eventtrack.web.answers import Json, as_of
from eventtrack.web.downsample import Thinner, width_of

# Curves of one request: what a chart of a thousand runs, or a page of charts of a few, asks for.
CURVES_MAX = 5000
BUCKETS_MAX = 4000
AXES = ("step", "time", "relative")
# An answer ends with the curve with which it has read so many points, or gives so many: a fifth of
# a second, so that a page draws the first curves while the next are made, and nobody waits long.
READ_POINTS_MAX = 4_000_000
GIVEN_POINTS_MAX = 250_000
_SECOND_MS = 1000


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """Which curves, over which stretch of x, for how many pixels.

    Args:
        x: `step`, `time` (milliseconds since 1970) or `relative` (seconds since the run began).
        low: Where the stretch begins; by default where the first curve does.
        high: Where it ends.
        start: With which curve to go on: `next` of the answer before.
        width: Of the buckets, as the answer before said.
        at: The moment as of which they are; by default now.
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
    """The points of a curve that are given."""

    def __init__(self, one: Series, x: "array[float]", y: "array[float]", width: int) -> None:
        self.one = one
        self.x = x
        self.y = y
        self.width = width


def answer(store: Store, body: bytes) -> bytes:
    """The bytes that answer a request in JSON. Runs that are not there have no curves.

    Raises:
        InvalidValueError: The request cannot be read, or asks for too much.
    """
    asked = _read(body)
    pairs = list(product(asked.run_ids, asked.keys))
    given: list[_Few] = []
    done, read, size = asked.start, 0, 0
    with (
        as_of(store, asked.at) as queries,
        queries.metrics.series(pairs[asked.start :]) as found,
    ):
        width = asked.width or _width(asked, found)
        thinner = Thinner(width, asked.buckets)
        for one in found:
            done += 1
            if one is None:
                continue
            given.append(_thinned(one, asked, thinner))
            read, size = read + one.count, size + len(given[-1].x)
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
    except msgspec.DecodeError as error:
        raise InvalidValueError(f"cannot read which curves are asked for: {error}") from error
    if asked.x not in AXES or not 0 < asked.buckets <= BUCKETS_MAX:
        raise InvalidValueError(
            f"x is one of {', '.join(AXES)}, and there are 1 to {BUCKETS_MAX} buckets; "
            f"found {asked.x[:40]!r} and {asked.buckets}"
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


def _width(asked: Asked, found: Sequence[Series | None]) -> int:
    """The width of the buckets that all curves share, from where each begins and ends."""
    scale = _SECOND_MS if asked.x == "relative" else 1
    low = None if asked.low is None else asked.low * scale
    high = None if asked.high is None else asked.high * scale
    if low is None or high is None:
        reaches = [_reach(one, asked.x) for one in found if one is not None]
        low = min((one[0] for one in reaches), default=0) if low is None else low
        high = max((one[1] for one in reaches), default=0) if high is None else high
    return width_of(low, high, asked.buckets)


def _reach(one: Series, axis: str) -> tuple[int, int]:
    """About where a curve begins and ends: exactly so where its points came in order."""
    step, time = one.first()
    if axis == "step":
        return step, one.last_step
    began = _began(one, time) if axis == "relative" else 0
    return time - began, one.last_ms - began


def _began(one: Series, first_ms: int) -> int:
    """What relative times count from: the start of the run, unless that is not known."""
    return one.began_ms if 0 < one.began_ms <= first_ms else first_ms


def _thinned(one: Series, asked: Asked, thinner: Thinner) -> _Few:
    points = one.points()
    low = -inf if asked.low is None else asked.low
    high = inf if asked.high is None else asked.high
    column, origin = (points.steps, 0) if asked.x == "step" else (points.timestamps, 0)
    if asked.x == "relative":
        origin = _began(one, points.timestamps[0])
        low, high = low * _SECOND_MS + origin, high * _SECOND_MS + origin
    places = thinner(column, points.values, low, high, origin)
    x = array("d", map(column.__getitem__, places))
    if asked.x == "relative":
        x = array("d", ((time - origin) / _SECOND_MS for time in x))
    return _Few(one, x, array("d", map(points.values.__getitem__, places)), thinner.width)


def _bound(asked: float | None, choose: object, found: Iterable[float]) -> float:
    if asked is not None:
        return asked
    assert callable(choose)
    return float(choose(found, default=0.0))


def _packed(header: Json, given: Sequence[_Few]) -> bytes:
    described, start = [], 0
    for few in given:
        described.append(
            {
                "run_id": few.one.run_id,
                "key": few.one.key,
                "points": few.one.count,
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
