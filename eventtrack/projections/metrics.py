"""The folds of metric events: from bodies to columns, with as little Python per point as can be."""

from array import array
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter

import msgspec

from eventtrack.events.types import MetricLogged, MetricsLogged
from eventtrack.projections.state import RunState
from eventtrack.projections.tables import Tables


def fold_points(tables: Tables, run: RunState, events: Sequence[MetricLogged]) -> None:
    """Single points, in the order in which they were logged."""
    keys, values, steps, timestamps = zip(*map(msgspec.structs.astuple, events), strict=True)
    names = set(keys)
    if len(names) == 1:
        _extend(tables, run, keys[0], values, steps, timestamps)
        return
    rows: dict[str, list[int]] = {name: [] for name in names}
    for place, key in enumerate(keys):
        rows[key].append(place)
    for key, places in rows.items():
        _extend(
            tables,
            run,
            key,
            [values[place] for place in places],
            [steps[place] for place in places],
            [timestamps[place] for place in places],
        )


def fold_rows(tables: Tables, run: RunState, events: Sequence[MetricsLogged]) -> None:
    """Rows of several metrics; neighbours that name the same metrics are taken column by column."""
    for keys, group in groupby(events, key=attrgetter("keys")):
        rows = list(group)
        plain = all(type(row.steps) is int and type(row.timestamps_ms) is int for row in rows)
        if plain and len(set(keys)) == len(keys):
            steps: array[int] = array("q", [row.steps for row in rows])  # type: ignore[misc]
            timestamps: array[int] = array("q", [row.timestamps_ms for row in rows])  # type: ignore[misc]
            for key, values in zip(
                keys, zip(*(row.values for row in rows), strict=True), strict=True
            ):
                _extend(tables, run, key, values, steps, timestamps)
            continue
        for row in rows:
            count = len(row.keys)
            columns = zip(
                row.keys,
                row.values,
                _spread(row.steps, count),
                _spread(row.timestamps_ms, count),
                strict=True,
            )
            for key, value, step, timestamp in columns:
                _extend(tables, run, key, (value,), (step,), (timestamp,))


def _extend(
    tables: Tables,
    run: RunState,
    key: str,
    values: Iterable[float],
    steps: Iterable[int],
    timestamps: Iterable[int],
) -> None:
    points = tables.points_of(run, key)
    points.values.extend(values)
    points.steps.extend(steps)
    points.timestamps.extend(timestamps)


def _spread(number: int | list[int], count: int) -> list[int]:
    return [number] * count if isinstance(number, int) else number
