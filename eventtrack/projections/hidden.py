"""Counts the points of a series that are left when some steps are hidden, and finds the latest.

It costs a look at two numbers for each full chunk (`points.py`), and a walk through the few chunks
that have both hidden steps and others.
"""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from eventtrack.projections.curves import latest_order
from eventtrack.projections.points import chunk_ends, chunk_points, shows
from eventtrack.projections.rows import Rows
from eventtrack.projections.state import MetricState, Steps

Latest = tuple[int, int, float]


class Shown(NamedTuple):
    """The number of points that are left, and the latest as (step, timestamp, value)."""

    number: int
    latest: Latest | None


def merged(ranges: Iterable[tuple[int, int]]) -> Steps:
    """Ranges of steps, both ends included, sorted and joined where they meet."""
    steps: Steps = []
    for low, high in sorted(ranges):
        if steps and low <= steps[-1][1] + 1:
            steps[-1] = steps[-1][0], max(steps[-1][1], high)
        else:
            steps.append((low, high))
    return steps


def common(some: Steps, others: Steps) -> Steps:
    """The steps that are in both."""
    both = ((max(low, first), min(high, last)) for low, high in some for first, last in others)
    return merged((low, high) for low, high in both if low <= high)


class Counter:
    """Counts series after series. Series often share their steps: those are counted once."""

    def __init__(self) -> None:
        self._known: tuple[array[int], Steps, tuple[int, int]] | None = None

    def __call__(self, rows: Rows, state: MetricState, hidden: Steps) -> Shown:
        """The points of a series without those at hidden steps."""
        if not hidden:
            return Shown(state.count, (state.step, state.timestamp_ms, state.value))
        count, top, places = 0, 0, list[int]()
        for place, left, greatest in self._chunks(rows, state, hidden):
            if not places or greatest > top:
                top, places = greatest, []
            if greatest == top:
                places.append(place)
            count += left
        if not places:
            return Shown(0, None)
        # In an ordered series, later points of one step have later times.
        if state.ordered:
            places = places[-1:]
        return Shown(count, max(_at(rows, state, places, top), key=latest_order))

    def _chunks(
        self, rows: Rows, state: MetricState, hidden: Steps
    ) -> Iterator[tuple[int, int, int]]:
        """Each chunk with points that are left: its place, their number, their greatest step."""
        for place, size, low, high in chunk_ends(rows, state):
            after = bisect_right(hidden, (high, high))
            left, greatest = size, high
            if _meets(hidden, low, high):
                if after and hidden[after - 1][0] <= low and high <= hidden[after - 1][1]:
                    continue
                steps = chunk_points(rows, state, place).steps
                left, greatest = self._left(steps, hidden, climbing=state.climbing)
            if left:
                yield place, left, greatest

    def _left(self, steps: "array[int]", hidden: Steps, *, climbing: bool) -> tuple[int, int]:
        """The number of steps that are not hidden, and the greatest of them; 0 for none."""
        known = self._known
        if known is not None and known[0] == steps and known[1] == hidden:
            return known[2]
        if climbing:
            gone = sum(bisect_right(steps, high) - bisect_left(steps, low) for low, high in hidden)
            last = len(steps) - 1
            for low, high in reversed(hidden):
                if last >= 0 and low <= steps[last] <= high:
                    last = bisect_left(steps, low) - 1
            answer = len(steps) - gone, steps[last] if last >= 0 else 0
        else:
            (low, high), *others = hidden
            kept = [step for step in steps if step < low or step > high]
            if others:
                kept = [step for step in kept if shows(others, step)]
            answer = len(kept), max(kept, default=0)
        self._known = steps, hidden, answer
        return answer


def _meets(hidden: Steps, low: int, high: int) -> bool:
    """Whether a hidden range has a step from `low` to `high`."""
    place = bisect_left(hidden, low, key=_last)
    return place < len(hidden) and hidden[place][0] <= high


def _last(steps: tuple[int, int]) -> int:
    return steps[1]


def _at(rows: Rows, state: MetricState, places: list[int], step: int) -> Iterator[Latest]:
    for place in places:
        points, at = chunk_points(rows, state, place), -1
        for _ in range(1 if state.climbing else points.steps.count(step)):
            at = points.steps.index(step, at + 1)
            yield step, points.timestamps[at], points.values[at]
