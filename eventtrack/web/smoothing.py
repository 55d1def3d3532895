"""Smooth curves from all their points, before they are thinned.

The formulas are those of the page (`static/lib/smooth.js`), which smooths curves of which it has
all points; a test holds the two together. Values that are not finite stay, and count for nothing.
"""

from array import array
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import accumulate, chain, repeat
from math import ceil, exp, isfinite, nan
from operator import mul, truediv

from eventtrack.web.curves import Column

KINDS = ("", "time", "gaussian", "mean")
# Points to each side that a mean reaches at most.
REACH_MAX = 60


def smoothed(
    x: Column, y: Column, weight: float, kind: str, points_max: int
) -> tuple[Column, Column]:
    """A smoothed curve: its x, which may be fewer, and its values.

    Args:
        x: In ascending order.
        weight: How strongly, from 0 (not at all) to below 1.
        kind: One of `KINDS`: exponential by points or by x, Gaussian, running mean.
        points_max: The last two reach over a share of the curve. Of more points than this they are
            taken over averages of equally many neighbours each, so that every point counts.
    """
    if not weight or len(y) < 2:
        return x, y
    if kind in ("", "time"):
        return x, _exponential(x, y, weight, spaced=kind == "time")
    x, y = _averaged(x, y, points_max)
    if kind == "mean":
        return x, _around(y, min(ceil(weight * len(y) / 8), REACH_MAX), lambda _: 1.0)
    width = max(weight * weight * min(len(y) / 8, REACH_MAX / 2.5), 0.3)
    reach = min(ceil(2.5 * width), REACH_MAX)
    return x, _around(y, reach, lambda off: exp(-0.5 * (off / width) ** 2))


def _exponential(x: Column, y: Column, weight: float, *, spaced: bool) -> Column:
    """A mean that forgets, by points or (`spaced`) by x, without the pull to zero at the start."""
    # A sum is infinite or NaN if a value is; rarely also if finite values are very large.
    if not spaced and isfinite(sum(y)):
        sums = accumulate(y, lambda total, value: total * weight + value)
        return array("d", map(truediv, sums, _shares(weight)))
    usual = ((x[-1] - x[0]) / (len(x) - 1)) or 1.0
    values = array("d")
    total, share, last = 0.0, 0.0, x[0]
    for place, value in zip(x, y, strict=True):
        if not isfinite(value):
            values.append(value)
            continue
        kept = weight ** max((place - last) / usual, 0.0) if spaced else weight
        total, share, last = total * kept + value, share * kept + 1, place
        values.append(total / share)
    return values


def _shares(weight: float) -> Iterable[float]:
    """The sums of the weights of the first 1, 2, 3, ... points, for ever."""
    first = _rising(weight)
    return chain(first, repeat(first[-1]))


@lru_cache(maxsize=8)
def _rising(weight: float) -> list[float]:
    """The sums of `_shares` up to the first that does not grow any more."""
    shares = [1.0]
    while (share := shares[-1] * weight + 1) > shares[-1]:
        shares.append(share)
    return shares


def _averaged(x: Column, y: Column, points_max: int) -> tuple[Column, Column]:
    """At most `points_max` means of equally many neighbours each."""
    many = ceil(len(y) / points_max)
    if many == 1:
        return x, y
    starts = range(0, len(y), many)
    values = [_mean(y[start : start + many]) for start in starts]
    return array("d", [_mean(x[start : start + many]) for start in starts]), array("d", values)


def _mean(values: Column) -> float:
    """The mean of the values that are finite; NaN if none is."""
    total = sum(values)
    if isfinite(total):
        return total / len(values)
    finite = [value for value in values if isfinite(value)]
    return sum(finite) / len(finite) if finite else nan


def _around(y: Column, reach: int, weight_of: Callable[[int], float]) -> Column:
    """A weighted mean of the neighbours on both sides; at the ends, of those that there are."""
    values = y.tolist()
    weights = [weight_of(abs(off)) for off in range(-reach, reach + 1)]
    whole = sum(weights)
    # A sum is infinite or NaN if a value is; rarely also if finite values are very large.
    finite = isfinite(sum(values))
    means = array("d", values)
    for at, value in enumerate(values):
        low, high = at - reach, at + reach + 1
        if finite and low >= 0 and high <= len(values):
            means[at] = sum(map(mul, weights, values[low:high])) / whole
        elif isfinite(value):
            near = zip(weights[max(-low, 0) :], values[max(low, 0) : high], strict=False)
            pairs = [(share, other) for share, other in near if isfinite(other)]
            means[at] = sum(share * other for share, other in pairs) / sum(s for s, _ in pairs)
    return means
