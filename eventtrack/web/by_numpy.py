"""Thinning by numpy, which need not be installed: the points of `downsample.py`, in less time.

Only an answer of many points imports this module, since numpy takes a tenth of a second to import.
"""

from array import array
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

Numbers: TypeAlias = np.ndarray[Any, Any]
_INT64_MAX = 2**63 - 1


def is_sorted(x: "array[int]") -> bool:
    """Whether no number is less than the one before it."""
    numbers = np.frombuffer(x, dtype=np.int64)
    return bool((numbers[1:] >= numbers[:-1]).all())


def taken(column: "array[int] | array[float]", places: Sequence[int] | Numbers) -> "array[float]":
    """The numbers at some places, as floats."""
    numbers = np.frombuffer(column, dtype=np.int64 if column.typecode == "q" else np.float64)
    return array("d", numbers[places].astype(np.float64).tobytes())


class Spans:
    """The ranges of places of the buckets that have points, of numbers that are sorted.

    Raises:
        OverflowError: The numbers are too far apart to reckon with them in 64 bits.
    """

    def __init__(self, x: "array[int]", first: int, stop: int, width: int, origin: int) -> None:
        ends = x[first] - origin, x[stop - 1] - origin
        if max(map(abs, (*ends, origin, width))) > _INT64_MAX:
            raise OverflowError
        buckets = (np.frombuffer(x, dtype=np.int64)[first:stop] - origin) // width
        self._first, self._stop = first, stop
        self._starts = np.append(0, np.flatnonzero(buckets[1:] != buckets[:-1]) + 1)
        self._ends = np.append(self._starts[1:], stop - first)
        self._of = np.repeat(np.arange(len(self._starts)), self._ends - self._starts)

    def pairs(self) -> list[tuple[int, int]]:
        """The ranges, half-open."""
        starts, ends = self._starts + self._first, self._ends + self._first
        return list(zip(starts.tolist(), ends.tolist(), strict=True))

    def pick(self, values: "array[float]") -> Numbers | None:
        """The places of the least, the greatest and the last value of each; None if not finite."""
        y = np.frombuffer(values)[self._first : self._stop]
        if not np.isfinite(y).all():
            return None
        kept = np.zeros(len(y), dtype=bool)
        kept[self._ends - 1] = True
        for extreme in (np.minimum, np.maximum):
            equal = np.flatnonzero(y == extreme.reduceat(y, self._starts)[self._of])
            kept[equal[np.searchsorted(equal, self._starts)]] = True
        return np.flatnonzero(kept) + self._first
