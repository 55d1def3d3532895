"""Smooth curves from all their points, before they are thinned.

The formulas are those of the page (`static/lib/smooth.js`), which smooths curves of which it has
all points; a test holds the two together. Values that are not finite stay, and count for nothing.
"""

from array import array
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import accumulate, chain, islice, repeat
from math import ceil, exp, isfinite, nan
from operator import mul, truediv
from typing import TypeAlias

from eventtrack.web.curves import Column

Part: TypeAlias = tuple[Column, Column]
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
    [curve] = smoothed_parts([(x, y)], len(y), (x[0], x[-1]), weight, kind, points_max)
    return curve


def smoothed_parts(
    parts: Iterable[Part],
    count: int,
    ends: tuple[float, float],
    weight: float,
    kind: str,
    points_max: int,
) -> Iterator[Part]:
    """The same of a curve that comes in parts, of which none is kept.

    Args:
        count: The number of all points; at least two.
        ends: The first and the last x.
    """
    if kind in ("", "time"):
        usual = (ends[1] - ends[0]) / (count - 1) or 1.0
        return _exponential(parts, weight, usual if kind == "time" else None)
    x, y = _averaged(parts, ceil(count / points_max))
    if kind == "mean":
        return iter([(x, _around(y, min(ceil(weight * len(y) / 8), REACH_MAX), lambda _: 1.0))])
    width = max(weight * weight * min(len(y) / 8, REACH_MAX / 2.5), 0.3)
    reach = min(ceil(2.5 * width), REACH_MAX)
    return iter([(x, _around(y, reach, lambda off: exp(-0.5 * (off / width) ** 2)))])


def _exponential(parts: Iterable[Part], weight: float, usual: float | None) -> Iterator[Part]:
    """A mean that forgets, without the pull to zero at the start.

    Args:
        usual: The distance in x over which it forgets as much as from point to point; None: it
            forgets by points, wherever they are.
    """
    shares = _rising(weight)
    total, share, seen, last = 0.0, 0.0, 0, None
    for x, y in parts:
        # A sum is infinite or NaN if a value is; rarely also if finite values are very large.
        if usual is None and isfinite(sum(y)):
            step = accumulate(y, lambda so_far, value: so_far * weight + value, initial=total)
            sums = array("d", step)
            total = sums[-1]
            rest = chain(shares[seen:], repeat(shares[-1]))
            seen += len(y)
            yield x, array("d", map(truediv, islice(sums, 1, None), rest))
            continue
        values = array("d")
        for place, value in zip(x, y, strict=True):
            if not isfinite(value):
                values.append(value)
                continue
            kept = weight
            if usual is not None and last is not None:
                kept = weight ** max((place - last) / usual, 0.0)
            total, last = total * kept + value, place
            share = share * kept + 1 if usual is not None else shares[min(seen, len(shares) - 1)]
            seen += 1
            values.append(total / share)
        yield x, values


@lru_cache(maxsize=8)
def _rising(weight: float) -> list[float]:
    """The sums of the weights of the first 1, 2, 3, ... points, until they grow no more."""
    shares = [1.0]
    while (share := shares[-1] * weight + 1) > shares[-1]:
        shares.append(share)
    return shares


def _averaged(parts: Iterable[Part], many: int) -> Part:
    """Means of so many neighbours each; the last may have fewer."""
    means_x, means_y = array("d"), array("d")
    x, y = array("d"), array("d")  # what no mean has yet
    for part_x, part_y in parts:
        x.extend(map(float, part_x))
        y.extend(part_y)
        whole = len(y) - len(y) % many
        for start in range(0, whole, many):
            means_x.append(_mean(x[start : start + many]))
            means_y.append(_mean(y[start : start + many]))
        del x[:whole], y[:whole]
    if y:
        means_x.append(_mean(x))
        means_y.append(_mean(y))
    return means_x, means_y


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
