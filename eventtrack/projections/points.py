"""Metric histories: packed columns in chunks, cheap to extend and fast to read.

A row of the table `points` is a chunk: `series (u32) ‖ index of its first point (u32)` -> all
steps, then all timestamps, then all values, 8 bytes each, little-endian. A series has full chunks
of `CHUNK_POINTS`, which are packed (`packing.py`), and a tail of small chunks, which are joined
once they make up a full one. So an append rewrites at most one small chunk, and a million points
are 245 rows to read. Once the run has ended, the tail is one chunk, which is packed, too.

The table `point_steps` has a row of the same key for each full chunk, its summary
(`summaries.py`). So steps of a long series are hidden (`cuts.py`) without reading its points.
"""

import struct
import sys
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import compress, groupby, islice
from operator import itemgetter, lt

from eventtrack.projections import summaries
from eventtrack.projections.curves import latest_order, value_order
from eventtrack.projections.packing import (
    POINT_BYTES,
    Columns,
    Packer,
    counts_up,
    is_packed,
    unpack,
)
from eventtrack.projections.rows import Row, Rows, WritableRows, below
from eventtrack.projections.state import MetricState, Steps

CHUNK_POINTS = 4096
# A tail chunk below this is extended in place; 128 points are 3 KiB, still within a page.
SMALL_CHUNK_POINTS = 128
# Late points are sorted in on arrival up to this far back; beyond that, each reader sorts.
LATE_POINTS_MAX = 2 * CHUNK_POINTS
# So many steps are compared one by one, before it is seen whether they count up.
_FEW_POINTS = 64
_KEY = struct.Struct(">II")
CHUNKS, STEPS = "points", "point_steps"

if sys.byteorder != "little":  # pragma: no cover - no such machine to test on
    raise ImportError("eventtrack stores points in little-endian order and needs such a machine")


class Points:
    """Columns of one series: steps and timestamps (ms) as int64, values as float64."""

    __slots__ = ("steps", "timestamps", "values")

    def __init__(self) -> None:
        self.steps = array("q")
        self.timestamps = array("q")
        self.values = array("d")

    def __len__(self) -> int:
        return len(self.values)

    def extend_bytes(self, data: bytes) -> None:
        """Append a chunk."""
        steps, timestamps, values = columns_of(data)
        self.steps.frombytes(steps)
        self.timestamps.frombytes(timestamps)
        self.values.frombytes(values)

    def to_bytes(self, start: int = 0, stop: int | None = None) -> bytes:
        """The points `[start, stop)` as a chunk."""
        return b"".join(
            column[start:stop].tobytes() for column in (self.steps, self.timestamps, self.values)
        )

    def add(self, points: "Points", places: Iterable[int]) -> None:
        """Append the points at some places of others."""
        places = list(places)
        self.steps.extend(map(points.steps.__getitem__, places))
        self.timestamps.extend(map(points.timestamps.__getitem__, places))
        self.values.extend(map(points.values.__getitem__, places))

    def sort(self) -> None:
        """Put the points in order of (timestamp, step, value) and drop exact repeats."""
        rows = sorted(zip(self.timestamps, self.steps, self.values, strict=True), key=_point_order)
        kept = [row for _, (row, *_) in groupby(rows, key=_point_order)]
        self.timestamps = array("q", [row[0] for row in kept])
        self.steps = array("q", [row[1] for row in kept])
        self.values = array("d", [row[2] for row in kept])

    def hide(self, hidden: Steps, *, climbing: bool) -> None:
        """Leave out the points with some steps; `climbing` promises that the steps grow."""
        if climbing:
            for low, high in reversed(hidden):
                gone = slice(bisect_left(self.steps, low), bisect_right(self.steps, high))
                del self.steps[gone], self.timestamps[gone], self.values[gone]
            return
        kept = [shows(hidden, step) for step in self.steps]
        self.steps = array("q", compress(self.steps, kept))
        self.timestamps = array("q", compress(self.timestamps, kept))
        self.values = array("d", compress(self.values, kept))

    def in_order(self) -> bool:
        """Whether time never goes back and the step always grows: then the points are sorted."""
        # As lists: a walk through an array makes new numbers.
        if len(self) < _FEW_POINTS or not counts_up(self.steps):
            steps = self.steps.tolist()
            if not all(map(lt, steps, islice(steps, 1, None))):
                return False
        timestamps = self.timestamps.tolist()
        return timestamps == sorted(timestamps)

    def greatest(self) -> tuple[int, int, float]:
        """The latest point by (step, timestamp, is NaN, value), as (step, timestamp, value)."""
        top = max(self.steps)
        if self.steps[-1] == top and self.steps.count(top) == 1:
            return top, self.timestamps[-1], self.values[-1]
        rows = zip(self.steps, self.timestamps, self.values, strict=True)
        return max((row for row in rows if row[0] == top), key=latest_order)


def _point_order(row: tuple[int, int, float]) -> tuple[int, int, bool, float, float]:
    return row[0], row[1], *value_order(row[2])


def columns_of(data: bytes) -> Columns:
    """Steps, timestamps and values of a chunk, 8 bytes each."""
    if is_packed(data):
        return unpack(data)
    size, view = len(data) // 3, memoryview(data)
    return view[:size], view[size : 2 * size], view[2 * size :]


def shows(hidden: Steps, step: int) -> bool:
    """Whether a step is in none of the hidden ranges."""
    place = bisect_right(hidden, step, key=itemgetter(0))
    return not place or hidden[place - 1][1] < step


class OrderCheck:
    """Says which points are in order, and remembers the last answer.

    Series often share their steps and times. So these are first compared with those of the series
    before, which is faster than a check.
    """

    def __init__(self) -> None:
        self._steps = self._timestamps = array("q")

    def __call__(self, points: Points) -> bool:
        """Whether points are in order; see `Points.in_order`."""
        if points.steps == self._steps and points.timestamps == self._timestamps:
            return True
        if not points.in_order():
            return False
        self._steps, self._timestamps = points.steps[:], points.timestamps[:]
        return True


class Neighbours:
    """Steps and timestamps that a series may share with the series before it."""

    def __init__(self) -> None:
        self.in_order = OrderCheck()
        self.pack = Packer()


def append(
    rows: WritableRows,
    state: MetricState,
    points: Points,
    neighbours: Neighbours,
    *,
    is_over: bool = False,
) -> None:
    """Append points to a series and bring `state` up to date. Uses up `points`.

    Args:
        is_over: Whether the run has ended, so that hardly more points will come.
    """
    climbs = neighbours.in_order(points)
    if climbs:
        latest = points.steps[-1], points.timestamps[-1], points.values[-1]
    else:
        points.sort()
        latest = points.greatest()
    if state.count:
        climbs &= points.steps[0] > state.step and points.timestamps[0] >= state.last_timestamp_ms
    state.climbing &= climbs
    known = (state.step, state.timestamp_ms, state.value)
    if not state.count or latest_order(latest) > latest_order(known):
        state.step, state.timestamp_ms, state.value = latest
    if state.count:
        if state.ordered:
            _merge_late(rows, state, points)
        points = _with_tail(rows, state, points, whole=is_over)
    for offset in range(0, len(points), CHUNK_POINTS):
        key, stop = _KEY.pack(state.series, state.count + offset), offset + CHUNK_POINTS
        data = points.to_bytes(offset, stop)
        if is_over or stop <= len(points):
            data = neighbours.pack(data, len(data) // POINT_BYTES)
        rows.put(CHUNKS, key, data)
        if stop <= len(points):
            steps, timestamps = points.steps[offset:stop], points.timestamps[offset:stop]
            values = points.values[offset:stop]
            summary = summaries.pack(steps, timestamps, values, climbing=state.climbing)
            rows.put(STEPS, key, summary)
    state.count += len(points)
    state.last_timestamp_ms, state.last_step = points.timestamps[-1], points.steps[-1]


def settle(rows: WritableRows, state: MetricState, neighbours: Neighbours) -> None:
    """Store the tail of a series as one packed chunk, since the run has ended."""
    full = state.count - state.count % CHUNK_POINTS
    chunks = list(_chunks(rows, state.series, full))
    if not chunks:
        return
    tail = Points()
    for _, data in chunks:
        tail.extend_bytes(data)
    for key, _ in chunks[1:]:
        rows.delete(CHUNKS, key)
    rows.put(CHUNKS, chunks[0][0], neighbours.pack(tail.to_bytes(), len(tail)))


def read(rows: Rows, state: MetricState, hidden: Steps | None = None) -> Points:
    """The points of a series in order of (timestamp, step, value), without repeats.

    Args:
        hidden: Steps to leave out.
    """
    chunks = _chunks(rows, state.series)
    points = _of_many(chunks, state.count) if state.count > CHUNK_POINTS else _of_few(chunks)
    assert len(points) == state.count, f"series {state.series} has {len(points)} points"
    if hidden:
        points.hide(hidden, climbing=state.climbing)
    if not state.ordered:
        points.sort()
    return points


def _of_few(chunks: Iterable[Row]) -> Points:
    """The points of a few small chunks."""
    points = Points()
    for _, data in chunks:
        points.extend_bytes(data)
    return points


def _of_many(chunks: Iterable[Row], count: int) -> Points:
    """The points of many chunks."""
    # Made in their full size: arrays that grow by chunks are moved again and again.
    points = Points()
    points.steps = array("q", (0,)) * count
    points.timestamps = array("q", (0,)) * count
    points.values = array("d", (0.0,)) * count
    columns = [
        memoryview(column).cast("B") for column in (points.steps, points.timestamps, points.values)
    ]
    stop = 0
    for _, data in chunks:
        parts = columns_of(data)
        start, stop = stop, stop + len(parts[0])
        for column, part in zip(columns, parts, strict=True):
            column[start:stop] = part
    assert stop == 8 * count, f"a series has {stop // 8} points"
    for column in columns:
        column.release()  # an array that is looked at cannot be cut
    return points


def first(rows: Rows, state: MetricState) -> tuple[int, int]:
    """The step and timestamp of the point that is stored first."""
    value = rows.get(CHUNKS, _KEY.pack(state.series, 0))
    assert value is not None, "a series has a first chunk"
    steps, timestamps, _ = columns_of(value)
    return int.from_bytes(steps[:8], "little", signed=True), int.from_bytes(
        timestamps[:8], "little", signed=True
    )


def chunk_ends(rows: Rows, state: MetricState) -> Iterator[tuple[int, int, int, int]]:
    """For each chunk the index of its first point, its size, its least and its greatest step."""
    full = state.count - state.count % CHUNK_POINTS
    for key, value in below(rows, STEPS, _KEY.pack(state.series, 0)[:4]):
        yield _KEY.unpack(key)[1], CHUNK_POINTS, *summaries.steps_of(value)
    for key, data in _chunks(rows, state.series, full):
        steps = array("q")
        steps.frombytes(columns_of(data)[0])
        yield _KEY.unpack(key)[1], len(steps), *_ends(steps, climbing=state.climbing)


def chunk_rows(rows: Rows, state: MetricState) -> Iterator[tuple[int, bytes | None]]:
    """For each chunk the index of its first point, and the row of its summary if it is full."""
    full = state.count - state.count % CHUNK_POINTS
    for key, row in below(rows, STEPS, _KEY.pack(state.series, 0)[:4]):
        yield _KEY.unpack(key)[1], row
    stop = _KEY.pack(state.series + 1, 0)
    for key in rows.keys(CHUNKS, _KEY.pack(state.series, full), stop):
        yield _KEY.unpack(key)[1], None


def chunk_points(rows: Rows, state: MetricState, first: int) -> Points:
    """The points of the chunk that begins with the point `first`."""
    points = Points()
    data = rows.get(CHUNKS, _KEY.pack(state.series, first))
    assert data is not None, "a chunk is there"
    points.extend_bytes(data)
    return points


def chunk_from(rows: Rows, state: MetricState, place: int) -> tuple[int, Columns]:
    """The first index and the columns of the chunk that holds a point."""
    start, stop = _KEY.pack(state.series, 0), _KEY.pack(state.series, place + 1)
    key, data = next(rows.scan(CHUNKS, start, stop, reverse=True))
    return _KEY.unpack(key)[1], columns_of(data)


def remove(rows: WritableRows, state: MetricState) -> None:
    """Remove all points of a series."""
    _take(rows, state, 0)


def _with_tail(rows: WritableRows, state: MetricState, points: Points, *, whole: bool) -> Points:
    """The points to store: the given ones, behind those of tail chunks that they are joined to."""
    full = state.count - state.count % CHUNK_POINTS
    if whole or state.count - full + len(points) >= CHUNK_POINTS:
        return _join(_take(rows, state, full), points)
    last = _last_chunk(rows, state)
    if last is not None and len(last[1]) < SMALL_CHUNK_POINTS * POINT_BYTES:
        return _join(_take(rows, state, last[0]), points)
    return points


def _merge_late(rows: WritableRows, state: MetricState, points: Points) -> None:
    """Sort late points into the newest chunks.

    Points without steps often share a millisecond, so a little lateness is common. If points are
    late by more than `LATE_POINTS_MAX`, the series stays out of order, and readers sort it.
    """
    first = (points.timestamps[0], points.steps[0])
    if first > (state.last_timestamp_ms, state.last_step):
        return
    taken = Points()
    while (last := _last_chunk(rows, state)) is not None:
        taken = _join(_take(rows, state, last[0]), taken)
        if (taken.timestamps[0], taken.steps[0]) < first:
            break
        if len(taken) > LATE_POINTS_MAX:
            state.ordered = state.count == 0
            break
    points.steps[:0] = taken.steps
    points.timestamps[:0] = taken.timestamps
    points.values[:0] = taken.values
    points.sort()


def _ends(steps: "array[int]", *, climbing: bool) -> tuple[int, int]:
    """The least and the greatest step."""
    return (steps[0], steps[-1]) if climbing else (min(steps), max(steps))


def _join(before: Points, after: Points) -> Points:
    before.steps.extend(after.steps)
    before.timestamps.extend(after.timestamps)
    before.values.extend(after.values)
    return before


def _take(rows: WritableRows, state: MetricState, first: int) -> Points:
    """Remove the chunks from the point `first` on and return their points."""
    taken = Points()
    for key, data in list(_chunks(rows, state.series, first)):
        before = len(taken)
        taken.extend_bytes(data)
        rows.delete(CHUNKS, key)
        if len(taken) - before == CHUNK_POINTS:
            rows.delete(STEPS, key)
    state.count = first
    return taken


def _last_chunk(rows: Rows, state: MetricState) -> tuple[int, bytes] | None:
    """The newest chunk's first index and bytes; None for an empty series."""
    start, stop = _KEY.pack(state.series, 0), _KEY.pack(state.series + 1, 0)
    row = next(rows.scan(CHUNKS, start, stop, reverse=True), None)
    return None if row is None else (_KEY.unpack(row[0])[1], row[1])


def _chunks(rows: Rows, series: int, first: int = 0) -> Iterator[Row]:
    return rows.scan(CHUNKS, _KEY.pack(series, first), _KEY.pack(series + 1, 0))
