"""Checks many points at once: in bulk if all are ordinary, else one by one."""

from collections.abc import Sequence
from typing import Protocol

from eventtrack import limits, validate
from eventtrack.events.types import MetricsLogged

# Names that passed validation: a program logs under the same few names again and again.
_names: set[str] = set()
_NAMES_MAX = 10_000


class PointLike(Protocol):
    """A point of any type: `Metric`, or another type with its fields."""

    @property
    def key(self) -> str:
        """The metric's name."""
        ...

    @property
    def value(self) -> float:
        """The number."""
        ...

    @property
    def timestamp(self) -> int:
        """Milliseconds since 1970."""
        ...

    @property
    def step(self) -> int:
        """The step, which may be negative."""
        ...


def points_event(points: Sequence[PointLike], *, typed: bool = False) -> MetricsLogged:
    """One event for all points.

    Args:
        typed: Whether a decoder has checked already that values are floats, steps and timestamps
            integers of 64 bits, and no timestamp is negative.

    Raises:
        InvalidValueError: A point is not allowed.
    """
    keys = [point.key for point in points]
    values = [point.value for point in points]
    steps = [point.step for point in points]
    timestamps = [point.timestamp for point in points]
    if set(map(type, keys)) != {str} or not _names.issuperset(keys):
        keys = [validate.metric_key(key) for key in keys]
        if len(_names) > _NAMES_MAX:
            _names.clear()
        _names.update(keys)
    if typed:
        return MetricsLogged(keys, values, _one_for_all(steps), _one_for_all(timestamps))
    if set(map(type, values)) != {float}:
        values = [validate.metric_value(*pair) for pair in zip(keys, values, strict=True)]
    if not _are_int64(steps, limits.INT64_MIN):
        steps = [validate.int64("step", step) for step in steps]
    if not _are_int64(timestamps, 0):
        timestamps = [validate.timestamp_ms(timestamp) for timestamp in timestamps]
    return MetricsLogged(keys, values, _one_for_all(steps), _one_for_all(timestamps))


def _are_int64(numbers: list[int], least: int) -> bool:
    plain = set(map(type, numbers)) == {int}
    return plain and min(numbers) >= least and max(numbers) <= limits.INT64_MAX


def _one_for_all(numbers: list[int]) -> int | list[int]:
    return numbers[0] if numbers.count(numbers[0]) == len(numbers) else numbers
