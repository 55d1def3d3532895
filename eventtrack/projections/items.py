"""Series of text, histograms and media: items in chunks, cheap to extend and to read in part.

A row of the table `items` is a chunk: `series (u32) ‖ index of its first item (u32)` -> msgpack
`[timestamps, steps, runs, values]`. Timestamps and steps are 8 bytes for each item, little-endian.
A run `[origin, place, count]` is of neighbours that one envelope has side by side: `origin` is its
recorded time and the first 6 bytes of its replica. Items are in order of (timestamp, origin,
place); docs/format.md, section 9, says why.

An append joins its items to the last chunk while that is small, so it rewrites at most a page or
two. The last lines of a long console are one chunk to read.
"""

import struct
from array import array
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain, pairwise, repeat
from typing import TYPE_CHECKING, cast

import msgspec

from eventtrack.events.items import ItemsLogged, Medium
from eventtrack.lazy import lazy
from eventtrack.projections.rows import Rows, WritableRows
from eventtrack.projections.state import ItemsPart, ItemsState, Layer, RunState

if TYPE_CHECKING:
    import hashlib
else:
    hashlib = lazy("hashlib")  # loads OpenSSL

# The blobs that media of runs name: `run number (u32) ‖ SHA-256` -> the media type.
TABLE, BLOBS_TABLE = "items", "media_blobs"
# The marks of calls that runs received: `run number (u32) ‖ mark`.
MARKS_TABLE = "item_marks"
CHUNK_BYTES = 64 * 2**10
# A last chunk below this is extended in place.
SMALL_CHUNK_BYTES = 8 * 2**10
# Late items are sorted in on arrival up to this many back; beyond that, each reader sorts.
LATE_ITEMS_MAX = 8192
_KEY = struct.Struct(">II")
_NUMBERS_BYTES = 16  # of an item's timestamp and step
_encode = msgspec.msgpack.Encoder().encode

# The envelope of an item, its place there, and the number of items that stand there side by side.
Run = tuple[bytes, int, int]
# What items are sorted by.
Key = tuple[int, bytes, int]


class _Chunk(msgspec.Struct, array_like=True, gc=False):
    timestamps: bytes
    steps: bytes
    runs: list[Run]
    values: list[msgspec.Raw]


_decode = msgspec.msgpack.Decoder(_Chunk).decode


class _Numbers(msgspec.Struct, array_like=True, gc=False):
    """The beginning of a chunk: what follows is skipped."""

    timestamps: bytes
    steps: bytes


_decode_numbers = msgspec.msgpack.Decoder(_Numbers).decode


class Items:
    """Columns of one series: timestamps (ms) and steps as int64, values as msgpack."""

    __slots__ = ("runs", "steps", "timestamps", "values")

    def __init__(self) -> None:
        self.timestamps = array("q")
        self.steps = array("q")
        self.runs: list[Run] = []
        self.values: list[bytes | msgspec.Raw] = []

    def __len__(self) -> int:
        return len(self.values)

    @property
    def packed(self) -> bytes:
        """All values as one msgpack array."""
        return b"".join((struct.pack(">BI", 0xDD, len(self.values)), *self.values))

    def add(self, origin: bytes, place: int, events: Sequence[ItemsLogged]) -> None:
        """Append the items of events of one envelope; `place` is that of the first of them."""
        values = [event.items for event in events]
        counts = list(map(len, values))
        self.values += map(_encode, chain.from_iterable(values))
        # Arrays are made from lists, and extended by arrays: anything else is several times slower.
        timestamps = _spread(counts, [event.timestamps_ms for event in events])
        self.timestamps.extend(array("q", timestamps))
        self.steps.extend(array("q", _spread(counts, [event.steps for event in events])))
        self.runs.append((origin, place, sum(counts)))

    def extend(self, other: "Items") -> None:
        """Append the items of another object."""
        self.timestamps.extend(other.timestamps)
        self.steps.extend(other.steps)
        self.values += other.values
        self.runs += other.runs

    def first(self) -> Key:
        """The key of the first item."""
        origin, place, _ = self.runs[0]
        return self.timestamps[0], origin, place

    def last(self) -> Key:
        """The key of the last item."""
        origin, place, count = self.runs[-1]
        return self.timestamps[-1], origin, place + count - 1

    def in_order(self) -> bool:
        """Whether the items are surely sorted: their times do not go back, nor do their origins."""
        timestamps = self.timestamps.tolist()
        ascending = all(before < after for before, after in pairwise(self.runs))
        return ascending and timestamps == sorted(timestamps)

    def sort(self) -> None:
        """Put the items in order. Only the ends of a fork have equal keys; then values decide."""
        places = chain.from_iterable(
            zip(repeat(origin), range(place, place + count)) for origin, place, count in self.runs
        )
        columns = zip(self.timestamps, places, self.steps, map(bytes, self.values), strict=True)
        rows = sorted(columns)
        self.timestamps = array("q", [row[0] for row in rows])
        self.steps = array("q", [row[2] for row in rows])
        self.values = [row[3] for row in rows]
        self.runs = _joined((*row[1], 1) for row in rows)

    def at(self, places: Sequence[int]) -> "Items":
        """The items at some places, which ascend."""
        keys = list(
            chain.from_iterable(
                zip(repeat(origin), range(first, first + count), strict=False)
                for origin, first, count in self.runs
            )
        )
        some = Items()
        some.timestamps = array("q", [self.timestamps[place] for place in places])
        some.steps = array("q", [self.steps[place] for place in places])
        some.values = [self.values[place] for place in places]
        some.runs = _joined((*keys[place], 1) for place in places)
        return some

    def between(self, start: int, stop: int) -> "Items":
        """The items `[start, stop)`."""
        part = Items()
        part.timestamps, part.steps = self.timestamps[start:stop], self.steps[start:stop]
        part.values = self.values[start:stop]
        at = 0
        for origin, place, count in self.runs:
            low, high = max(start, at), min(stop, at + count)
            if low < high:
                part.runs.append((origin, place + low - at, high - low))
            at += count
        return part

    def digest(self) -> bytes:
        """SHA-256 of items that are in order."""
        hasher = hashlib.sha256(self.timestamps.tobytes())
        hasher.update(self.steps.tobytes())
        hasher.update(_encode(_joined(self.runs)))
        hasher.update(self.packed)
        return hasher.digest()

    def to_bytes(self) -> bytes:
        """The items as a chunk."""
        values = msgspec.Raw(self.packed)
        runs = _joined(self.runs)
        return _encode((self.timestamps.tobytes(), self.steps.tobytes(), runs, values))

    @classmethod
    def from_bytes(cls, data: bytes) -> "Items":
        """The items of a chunk."""
        chunk, items = _decode(data), cls()
        items.timestamps.frombytes(chunk.timestamps)
        items.steps.frombytes(chunk.steps)
        items.runs, items.values = chunk.runs, chunk.values  # type: ignore[assignment]
        return items


class NewItems:
    """The items that one write transaction of a fold adds, series by series."""

    def __init__(self, rows: WritableRows, take_number: Callable[[], int]) -> None:
        self._rows = rows
        self._take_number = take_number
        self._buffers: dict[int, tuple[ItemsState, Items]] = {}

    def of(self, run: RunState, name: str, layer: Layer | None = None) -> Items:
        """The buffer of a series of a run, by the name of its fact.

        Args:
            layer: The layer of the items; None where no cut covers them.
        """
        if layer is None:
            state = run.items.get(name)
            if state is None:
                state = run.items[name] = ItemsState(self._take_number())
        else:
            part = layer.items.get(name)
            if part is None:
                part = layer.items[name] = ItemsPart(ItemsState(self._take_number()))
            state = part.items
        return self._buffers.setdefault(state.series, (state, Items()))[1]

    def forget(self, states: Iterable[ItemsState]) -> None:
        """Drop all items of some series, also those of this batch."""
        for state in states:
            self._buffers.pop(state.series, None)
            for key in list(self._rows.keys(TABLE, *_range(state, 0))):
                self._rows.delete(TABLE, key)

    def note_blobs(self, run: RunState, media: Iterable[Medium]) -> None:
        """Note that media of a run need their blobs."""
        number = run.number.to_bytes(4, "big")
        blobs = sorted((number + medium.sha256, medium.media_type.encode()) for medium in media)
        self._rows.put_many(BLOBS_TABLE, blobs)

    def note_marks(self, run: RunState, marks: Iterable[bytes]) -> None:
        """Note the marks of calls that a run received."""
        number = run.number.to_bytes(4, "big")
        self._rows.put_many(MARKS_TABLE, [(number + mark, b"") for mark in sorted(marks)])

    def flush(self) -> set[int]:
        """Append what is new to its series; returns the numbers of those that grew."""
        grown = set(self._buffers)
        for state, items in self._buffers.values():
            append(self._rows, state, items)
        self._buffers.clear()
        return grown


def media_blobs(rows: Rows) -> Iterator[bytes]:
    """The SHA-256 of every blob that media of runs name."""
    return (key[4:] for key in rows.keys(BLOBS_TABLE))


def media_type_of(rows: Rows, run: int, sha256: bytes) -> str | None:
    """The media type of a blob that media of a run name; None for another blob."""
    value = rows.get(BLOBS_TABLE, run.to_bytes(4, "big") + sha256)
    return None if value is None else value.decode()


def is_marked(rows: Rows, run: int, mark: bytes) -> bool:
    """Whether a run received the call with a mark."""
    return rows.get(MARKS_TABLE, run.to_bytes(4, "big") + mark) is not None


def append(rows: WritableRows, state: ItemsState, items: Items) -> None:
    """Append items to a series and bring `state` up to date. Uses up `items`."""
    if not items.in_order():
        items.sort()
    step, timestamp_ms = max(items.steps), max(items.timestamps)
    state.step = max(state.step, step) if state.count else step
    state.timestamp_ms = max(state.timestamp_ms, timestamp_ms) if state.count else timestamp_ms
    if state.count:
        tail = Items()
        if not state.ordered or items.first() > state.last:
            _take_small(rows, state, tail)
        else:
            _take_late(rows, state, items.first(), tail)
        tail.extend(items)
        items = tail
        if state.ordered and not items.in_order():
            items.sort()
    if state.ordered:
        state.last = items.last()
    sizes = list(accumulate(len(bytes(value)) + _NUMBERS_BYTES for value in items.values))
    start = 0
    while start < len(items):
        base = sizes[start - 1] if start else 0
        stop = max(start + 1, bisect_right(sizes, base + CHUNK_BYTES))
        key = _KEY.pack(state.series, state.count + start)
        rows.put(TABLE, key, items.between(start, stop).to_bytes())
        start = stop
    state.count += len(items)


def read(rows: Rows, state: ItemsState, start: int = 0, stop: int | None = None) -> Items:
    """The items `[start, stop)` of a series, in order, with the indexes that slices have.

    A series that is out of order is read and sorted whole.
    """
    start, stop, _ = slice(start, stop).indices(state.count)
    items = Items()
    first = 0
    if state.ordered:
        row = _last_chunk(rows, state, start + 1)
        first = 0 if row is None else row[0]
    for key, data in rows.scan(TABLE, *_range(state, first)):
        if state.ordered and _KEY.unpack(key)[1] >= stop:
            break
        items.extend(Items.from_bytes(data))
    if not state.ordered:
        items.sort()
    items.runs = _joined(items.runs)
    if (start - first, stop - first) == (0, len(items)):
        return items
    return items.between(start - first, max(start, stop) - first)


def numbers(rows: Rows, state: ItemsState) -> Iterator[tuple["array[int]", "array[int]"]]:
    """The timestamps and the steps of a series, chunk by chunk; no value is decoded."""
    for _, data in rows.scan(TABLE, *_range(state, 0)):
        chunk = _decode_numbers(data)
        yield array("q", chunk.timestamps), array("q", chunk.steps)


def _take_small(rows: WritableRows, state: ItemsState, tail: Items) -> None:
    """Move the last chunk into `tail` if it is small."""
    last = _last_chunk(rows, state)
    if last is not None and len(last[1]) < SMALL_CHUNK_BYTES:
        _take(rows, state, last, tail)


def _take_late(rows: WritableRows, state: ItemsState, key: Key, tail: Items) -> None:
    """Move the newest chunks into `tail`, back to a key that is late.

    If that is later than `LATE_ITEMS_MAX` the series stays out of order, and readers sort it.
    """
    while (last := _last_chunk(rows, state)) is not None:
        if _take(rows, state, last, tail).first() < key:
            return
        if len(tail) > LATE_ITEMS_MAX:
            state.ordered = state.count == 0
            return


def _take(rows: WritableRows, state: ItemsState, last: tuple[int, bytes], tail: Items) -> Items:
    """Move the last chunk to the front of `tail`; returns the chunk."""
    taken = Items.from_bytes(last[1])
    rows.delete(TABLE, _KEY.pack(state.series, last[0]))
    state.count = last[0]
    tail.timestamps[:0], tail.steps[:0] = taken.timestamps, taken.steps
    tail.values[:0], tail.runs[:0] = taken.values, taken.runs
    return taken


def _last_chunk(rows: Rows, state: ItemsState, stop: int | None = None) -> tuple[int, bytes] | None:
    """The first index and the bytes of the last chunk that begins before `stop`; None for none."""
    row = next(rows.scan(TABLE, *_range(state, 0, stop), reverse=True), None)
    return None if row is None else (_KEY.unpack(row[0])[1], row[1])


def _range(state: ItemsState, first: int, stop: int | None = None) -> tuple[bytes, bytes]:
    """The keys of the chunks that begin with the items `[first, stop)`."""
    end = (state.series + 1, 0) if stop is None else (state.series, stop)
    return _KEY.pack(state.series, first), _KEY.pack(*end)


def _joined(runs: Iterable[Run]) -> list[Run]:
    """Runs with neighbours that go on joined into one."""
    joined: list[Run] = []
    for origin, place, count in runs:
        if joined and joined[-1][0] == origin and joined[-1][1] + joined[-1][2] == place:
            joined[-1] = (origin, joined[-1][1], joined[-1][2] + count)
        else:
            joined.append((origin, place, count))
    return joined


def _spread(counts: list[int], numbers: list[int | list[int]]) -> list[int]:
    """The number of each item, given for each event its items and their number, or numbers."""
    if counts.count(1) == len(counts) and list not in set(map(type, numbers)):
        return cast(list[int], numbers)
    spread: list[int] = []
    for count, number in zip(counts, numbers, strict=True):
        spread += [number] * count if isinstance(number, int) else number
    return spread
