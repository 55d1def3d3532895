"""The folds of metric events: from bodies to columns, with little Python for each point.

`layer` is where the points belong, None where no cut covers them (`cuts.py`).
"""

from array import array
from collections.abc import Sequence
from itertools import groupby
from operator import attrgetter

from eventtrack.events.types import MetricLogged, MetricsLogged
from eventtrack.projections.state import Layer, RunState
from eventtrack.projections.tables import Tables


def fold_points(
    tables: Tables, run: RunState, layer: Layer | None, events: Sequence[MetricLogged]
) -> None:
    """Fold single points, in the order in which they were logged."""
    series: dict[str, Sequence[MetricLogged]] = {event.key: events for event in events}
    if len(series) > 1:
        groups: dict[str, list[MetricLogged]] = {key: [] for key in series}
        for event in events:
            groups[event.key].append(event)
        series.update(groups)
    for key, points in series.items():
        values = [point.value for point in points]
        steps = [point.step for point in points]
        timestamps = [point.timestamp_ms for point in points]
        _extend(tables, run, layer, key, values, array("q", steps), array("q", timestamps))


def fold_rows(
    tables: Tables, run: RunState, layer: Layer | None, events: Sequence[MetricsLogged]
) -> None:
    """Fold rows of several metrics. Neighbours with the same metrics are taken column by column.

    Single rows are held, as the next envelopes may bring more of their like.
    """
    for keys, group in groupby(events, key=attrgetter("keys")):
        rows = list(group)
        plain = all(type(row.steps) is int and type(row.timestamps_ms) is int for row in rows)
        if plain and len(rows) == 1 and tables.points.hold(run, layer, rows[0]):
            continue
        if plain and len(set(keys)) == len(keys):
            steps: array[int] = array("q", [row.steps for row in rows])  # type: ignore[misc]
            timestamps: array[int] = array("q", [row.timestamps_ms for row in rows])  # type: ignore[misc]
            columns = zip(*(row.values for row in rows), strict=True)
            for key, values in zip(keys, columns, strict=True):
                _extend(tables, run, layer, key, list(values), steps, timestamps)
        else:
            _fold_points_of_rows(tables, run, layer, keys, rows)


def _fold_points_of_rows(
    tables: Tables,
    run: RunState,
    layer: Layer | None,
    keys: list[str],
    rows: list[MetricsLogged],
) -> None:
    series: dict[str, tuple[list[float], list[int], list[int]]]
    series = {key: ([], [], []) for key in dict.fromkeys(keys)}
    if len(series) == 1:  # a whole series, as imports write them
        [lists] = series.values()
        for row in rows:
            lists[0].extend(row.values)
            lists[1].extend(_spread(row.steps, len(keys)))
            lists[2].extend(_spread(row.timestamps_ms, len(keys)))
        rows = []
    for row in rows:
        steps, timestamps = _spread(row.steps, len(keys)), _spread(row.timestamps_ms, len(keys))
        for key, value, step, timestamp in zip(keys, row.values, steps, timestamps, strict=True):
            columns = series[key]
            columns[0].append(value)
            columns[1].append(step)
            columns[2].append(timestamp)
    for key, (values, steps, timestamps) in series.items():
        _extend(tables, run, layer, key, values, array("q", steps), array("q", timestamps))


def _extend(
    tables: Tables,
    run: RunState,
    layer: Layer | None,
    key: str,
    values: list[float],
    steps: "array[int]",
    timestamps: "array[int]",
) -> None:
    # Arrays are made from lists, and extended by arrays: anything else is several times slower.
    points = tables.points.of(run, key, layer)
    points.values.fromlist(values)
    points.steps.extend(steps)
    points.timestamps.extend(timestamps)


def _spread(number: int | list[int], count: int) -> list[int]:
    return [number] * count if isinstance(number, int) else number
