"""Finds the new points of a series, and makes the events that record them."""

from array import array
from collections.abc import Iterable, Iterator

from eventtrack.events import types
from eventtrack.projections import histories
from eventtrack.projections.points import Points
from eventtrack.projections.state import RunState
from eventtrack.projections.tables import Reader

# The points of one event: it is decoded as a whole, and a chunk of the views holds as many.
EVENT_POINTS = 4096


def new_points(reader: Reader, state: RunState | None, key: str, points: Points) -> Points:
    """The points that a run's series lacks, without repeats, by (timestamp, step, value)."""
    if not points.in_order():
        points.sort()
    if state is None:
        return points
    known = histories.stored(reader.rows, state, key)  # withdrawn points too: they do not come back
    size = min(len(known), len(points))
    new = Points()
    if known.to_bytes(0, size) == points.to_bytes(0, size):
        new.extend_bytes(points.to_bytes(size))
        return new
    present = set(zip(known.timestamps, known.steps, _bits(known), strict=True))
    rows = zip(points.timestamps, points.steps, _bits(points), strict=True)
    for place, row in enumerate(rows):
        if row not in present:
            new.timestamps.append(row[0])
            new.steps.append(row[1])
            new.values.append(points.values[place])
    return new


def metric_events(series: Iterable[tuple[str, Points]]) -> Iterator[types.MetricsLogged]:
    """Events that record some series, short ones together."""
    keys: list[str] = []
    joined = Points()
    for key, points in series:
        keys += [key] * len(points)
        joined.timestamps.extend(points.timestamps)
        joined.steps.extend(points.steps)
        joined.values.extend(points.values)
    for start in range(0, len(keys), EVENT_POINTS):
        stop = start + EVENT_POINTS
        yield types.MetricsLogged(
            keys[start:stop],
            joined.values[start:stop].tolist(),
            joined.steps[start:stop].tolist(),
            joined.timestamps[start:stop].tolist(),
        )


def _bits(points: Points) -> "array[int]":
    """The values as integers: NaN equals itself, and -0.0 is not 0.0."""
    bits = array("q")
    bits.frombytes(points.values.tobytes())
    return bits
