"""Curves as the answers to the pages read them: metrics of runs, and formulas over them.

Also what requests for curves, and for groups of them, have in common: the axis with its grid, and
the form of the answer.
"""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from math import inf
from typing import Any, TypeAlias

import msgspec

from eventtrack.errors import InvalidValueError
from eventtrack.views.queries.nouns import Queries
from eventtrack.views.queries.series import Series
from eventtrack.web.answers import Json
from eventtrack.web.downsample import width_of
from eventtrack.web.formulas import SIGN, Formula, Reckoned
from eventtrack.web.joined import axis_of

AXES = ("step", "time", "relative")
SECOND_MS = 1000
BUCKETS_MAX = 4000
Curve: TypeAlias = Series | Reckoned
Column: TypeAlias = "array[Any]"  # of integers or of floats


def check_grid(axis: str, buckets: int, start: int, width: float) -> None:
    """Refuse an axis that is none, and a grid that no answer can have.

    Raises:
        InvalidValueError: One of them is out of its bounds.
    """
    if (axis not in AXES and axis_of(axis) is None) or not 0 < buckets <= BUCKETS_MAX:
        raise InvalidValueError(
            f"x is one of {', '.join(AXES)} or metrics.NAME, "
            f"and there are 1 to {BUCKETS_MAX} buckets; found {axis[:40]!r} and {buckets}"
        )
    if start < 0 or not 0 <= width < inf:
        raise InvalidValueError(
            f"start and width are not negative; found {start} and {width}",
            hint="take `next` and `width` from the answer before",
        )


def packed(header: Json, numbers: Iterable[bytes]) -> bytes:
    """An answer: the header's length, the header, and arrays of numbers from a multiple of 8 on."""
    text = msgspec.json.encode(header)
    padding = bytes(-(4 + len(text)) % 8)
    return b"".join((len(text).to_bytes(4, "little"), text, padding, *numbers))


@contextmanager
def curves_of(queries: Queries, pairs: list[tuple[str, str]]) -> Iterator[Sequence[Curve | None]]:
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
        curves: list[Curve | None] = []
        for _, key in pairs:
            formula = formulas.get(key)
            some = list(islice(following, 1 if formula is None else len(formula.names)))
            known = [series for series in some if series is not None]
            if formula is None or len(known) < len(some):
                curves.append(None if formula else some[0])
            else:
                curves.append(Reckoned(key, formula, known))
        yield curves


def width_over(
    axis: str,
    buckets: int,
    low: float | None,
    high: float | None,
    curves: Sequence[Curve | None],
) -> int:
    """The width of the buckets that all curves share, from the first and last x of all."""
    scale = SECOND_MS if axis == "relative" else 1
    low = None if low is None else low * scale
    high = None if high is None else high * scale
    if low is None or high is None:
        reaches = [_reach(series, axis) for series in curves if series is not None]
        low = min((first for first, _ in reaches), default=0) if low is None else low
        high = max((last for _, last in reaches), default=0) if high is None else high
    return width_of(low, high, buckets)


def _reach(series: Curve, axis: str) -> tuple[int, int]:
    """About the first and the last x of a curve; exact if its points came in order."""
    step, time = series.first()
    if axis == "step":
        return step, series.last_step
    origin = began(series, time) if axis == "relative" else 0
    return time - origin, series.last_ms - origin


def began(series: Curve, first_ms: int) -> int:
    """The zero of relative times: the start of the run; the first point if that is unknown."""
    return series.began_ms if 0 < series.began_ms <= first_ms else first_ms


def in_order(x: Column, y: Column) -> tuple[Column, Column]:
    """The same points in order of their x."""
    listed = x.tolist()
    if listed == sorted(listed):
        return x, y
    places = sorted(range(len(x)), key=x.__getitem__)
    return array(x.typecode, map(x.__getitem__, places)), array("d", map(y.__getitem__, places))
