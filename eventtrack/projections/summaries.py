"""Summaries of full chunks of points: a long curve is drawn without reading most of its points.

A row of the table `point_steps` (`points.py`), little-endian, in up to three parts:

    least step, greatest step                                    of every full chunk
    first timestamp, last timestamp                              if its points are in order
    last value; step, timestamp and value of two points          if its values are finite, too

The two points are the first with the least value and the first with the greatest.
"""

import struct
from array import array
from math import isfinite
from typing import NamedTuple

# Step, timestamp and value.
Point = tuple[int, int, float]
_STEPS, _TIMES, _POINTS = struct.Struct("<qq"), struct.Struct("<qq"), struct.Struct("<dqqdqqd")
_TIMES_END = _STEPS.size + _TIMES.size


class Summary(NamedTuple):
    """The facts of a full chunk that are known without reading it.

    `times` is None if its points are not in order. `points` are those with the least and with the
    greatest value and the last, in order and each once; None if some value is not finite.
    """

    steps: tuple[int, int]
    times: tuple[int, int] | None = None
    points: list[Point] | None = None


def pack(
    steps: "array[int]", timestamps: "array[int]", values: "array[float]", *, climbing: bool
) -> bytes:
    """The summary of a chunk; `climbing` promises that steps grow and time never goes back."""
    if not climbing:
        return _STEPS.pack(min(steps), max(steps))
    ends = _STEPS.pack(steps[0], steps[-1]) + _TIMES.pack(timestamps[0], timestamps[-1])
    numbers = values.tolist()
    # A sum is infinite or NaN if a value is; rarely also if finite values are very large.
    if not isfinite(sum(numbers)):
        return ends
    last_and_ends = [numbers[-1]]
    for value in (min(numbers), max(numbers)):
        place = numbers.index(value)
        last_and_ends += steps[place], timestamps[place], numbers[place]
    return ends + _POINTS.pack(*last_and_ends)


def unpack(row: bytes) -> Summary:
    """The summary in a row."""
    steps = _STEPS.unpack_from(row)
    if len(row) == _STEPS.size:
        return Summary(steps)
    times = _TIMES.unpack_from(row, _STEPS.size)
    if len(row) == _TIMES_END:
        return Summary(steps, times)
    last, *least_and_greatest = _POINTS.unpack_from(row, _TIMES_END)
    least, greatest = tuple(least_and_greatest[:3]), tuple(least_and_greatest[3:])
    # By step, as steps grow.
    return Summary(steps, times, sorted({least, greatest, (steps[1], times[1], last)}))


def steps_of(row: bytes) -> tuple[int, int]:
    """The least and the greatest step in a row."""
    return _STEPS.unpack_from(row)
