"""Points in tables of MLflow's, whether their values have the right types or others.

SQLite keeps any value that it is given: a float or a text in a column of whole numbers, a NULL for
NaN.
"""

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from typing import Any

from eventtrack.projections.points import Points
from eventtrack.transfer.mlflow_facts import Damaged, in_milliseconds, real, rounded, text_of
from eventtrack.transfer.source import Series
from eventtrack.views.records import Metric

# Key, time, step (None in tables without steps), value, and whether the value is NaN.
PointRow = tuple[Any, ...]


def series(
    rows: Iterable[PointRow], start_ms: int, damaged: Damaged, *, has_steps: bool = True
) -> Series:
    """The series of a run from its rows, which are in order of their keys.

    Args:
        start_ms: The start of the run: it is the time of points that have none.
        has_steps: Tables of MLflow before 1.0 have none; their times are seconds.
    """
    for key, group in groupby(rows, key=itemgetter(0)):
        of_key = list(group)
        points = _quick(of_key) if has_steps else None
        if points is None:
            points = Points()
            for row in of_key:
                _take(points, row, text_of(key), start_ms, damaged, has_steps=has_steps)
        yield text_of(key), points


def measured(
    rows: Iterable[Mapping[str, Any]], created_ms: int, damaged: Damaged
) -> Iterator[Metric]:
    """The metrics of a logged model that runs measured."""
    for row in rows:
        key = text_of(row["metric_name"])
        points = Points()
        fields = (row["metric_timestamp_ms"], row["metric_step"], row["metric_value"], None)
        _take(points, (key, *fields), key, created_ms, damaged, has_steps=True)
        for time, step, value in zip(points.timestamps, points.steps, points.values, strict=True):
            yield Metric(
                key=key,
                value=value,
                timestamp=time,
                step=step,
                run_id=text_of(row["run_id"]),
                dataset_name=row["dataset_name"],
                dataset_digest=row["dataset_digest"],
            )


def _quick(rows: list[PointRow]) -> Points | None:
    """The points of rows if all rows are as they should be; else None."""
    _, timestamps, steps, values, nans = zip(*rows, strict=True)
    points = Points()
    try:
        points.timestamps, points.steps = array("q", timestamps), array("q", steps)
        points.values = array("d", values)
    except (TypeError, OverflowError):
        return None
    if any(nans):
        pairs = zip(values, nans, strict=True)
        points.values = array("d", [math.nan if no else value for value, no in pairs])
    return points


def _take(
    points: Points, row: PointRow, key: str, start_ms: int, damaged: Damaged, *, has_steps: bool
) -> None:
    """Take the readable parts of a point, and report the others."""

    def odd(problem: str) -> None:
        damaged(f"metric {key}: {problem}")

    _, timestamp, at_step, number, is_nan = row
    value = math.nan if is_nan else real(number)
    if number is None and not is_nan:
        odd("a value that is NULL was taken as NaN")
        value = math.nan
    if value is None:
        odd(f"no value: {number!r:.100}")
        return
    time: int | None = start_ms
    if timestamp is None:
        odd("a point without a time; it has the run's start")
    else:
        time = rounded(timestamp, "time", odd)
    step = rounded(at_step, "step", odd) if at_step is not None or has_steps else 0
    if time is None or step is None:
        return
    points.timestamps.append(time if has_steps else in_milliseconds(time))
    points.steps.append(step)
    points.values.append(value)
