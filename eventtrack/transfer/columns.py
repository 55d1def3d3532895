"""Rows with several metrics each, gathered as a series for each metric."""

from collections.abc import Mapping
from typing import Any

from eventtrack.projections.points import Points
from eventtrack.transfer.settings import Paths, number
from eventtrack.transfer.source import NO_TIME, Series


class Columns:
    """The series of one run, filled row by row. `texts` has the last text of each name."""

    def __init__(self) -> None:
        self._points: dict[str, Points] = {}
        self._paths = Paths()
        self.texts: dict[str, Any] = {}

    def row(self, step: int, timestamp_ms: int, values: Mapping[str, Any]) -> None:
        """Take a row of metrics, which may be nested."""
        for key, value in self._paths.flat(values):
            as_number = value if type(value) is float else number(value)
            if as_number is None:
                self.texts[key] = value
            else:
                self.point(key, step, timestamp_ms, as_number)

    def point(self, key: str, step: int, timestamp_ms: int, value: float) -> None:
        """Take one point."""
        points = self._points.get(key)
        if points is None:
            points = self._points[key] = Points()
        points.steps.append(step)
        points.timestamps.append(timestamp_ms)
        points.values.append(value)

    def extend(
        self, key: str, steps: list[int], timestamps_ms: list[int], values: list[float]
    ) -> None:
        """Take many points of one metric."""
        points = self._points.setdefault(key, Points())
        points.steps.extend(steps)
        points.timestamps.extend(timestamps_ms)
        points.values.extend(values)

    def last(self, key: str) -> float | None:
        """The last value that was taken for a metric."""
        return self._points[key].values[-1] if key in self._points else None

    def times(self) -> tuple[int, int] | None:
        """The first and the last time that any point names, in milliseconds; None without any."""
        named = [
            [time for time in points.timestamps if time != NO_TIME]
            if NO_TIME in points.timestamps
            else points.timestamps
            for points in self._points.values()
        ]
        known = [times for times in named if times]
        return (min(map(min, known)), max(map(max, known))) if known else None

    def series(self) -> Series:
        """All series, by name."""
        yield from sorted(self._points.items())
