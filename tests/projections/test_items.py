"""Text, histograms and media are read in order, whole or in part, in whatever batches they came."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import count, pairwise

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from eventtrack.events.items import Text, TextLogged
from eventtrack.log.environment import Environment
from eventtrack.projections import items
from eventtrack.projections.items import TABLE, Items
from eventtrack.projections.rows import LmdbRows
from eventtrack.projections.state import ItemsState

# A machine, the time at which it recorded an envelope, and times and lines of the envelope.
Batch = tuple[int, int, list[tuple[int, str]]]
LINES = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(["a", "b", "c" * 40])), min_size=1, max_size=6
)
# No machine records two envelopes at once.
BATCHES = st.lists(
    st.tuples(st.integers(1, 2), st.integers(0, 50), LINES),
    min_size=1,
    max_size=12,
    unique_by=lambda batch: batch[:2],
)
Shown = list[tuple[int, str]]
RELAXED = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
_values = msgspec.msgpack.Decoder(list[Text]).decode


def items_of(batch: Batch) -> Items:
    """The items as a fold makes them: each line logged by an event of its own, or all by one."""
    machine, recorded, lines = batch
    times, texts = [time for time, _ in lines], [line for _, line in lines]
    made = Items()
    made.add(
        recorded.to_bytes(8, "big") + bytes((machine,)) * 6,
        0,
        [TextLogged("log", texts, 0, times)]
        if len(lines) % 2
        else [TextLogged("log", [line], 0, time) for time, line in lines],
    )
    return made


def expected(batches: Iterable[Batch]) -> Shown:
    """The order by the letter of the format, written anew."""
    rows = [
        ((time, recorded, machine, place), line)
        for machine, recorded, lines in batches
        for place, (time, line) in enumerate(lines)
    ]
    return [(key[0], line) for key, line in sorted(rows)]


@dataclass
class Shelf:
    """A table of items in which each test takes a series of its own."""

    environment: Environment
    numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def series(self) -> "Series":
        return Series(self, ItemsState(next(self.numbers)))


@dataclass
class Series:
    shelf: Shelf
    state: ItemsState

    def append(self, *batches: Batch) -> None:
        new = Items()
        for batch in batches:
            new.extend(items_of(batch))
        with self.shelf.environment.write() as txn:
            items.append(LmdbRows(txn, self.shelf.environment.tables), self.state, new)

    def items(self, start: int = 0, stop: int | None = None) -> Items:
        with self.shelf.environment.read() as txn:
            rows = LmdbRows(txn, self.shelf.environment.tables)
            return items.read(rows, self.state, start, stop)

    def read(self, start: int = 0, stop: int | None = None) -> Shown:
        found = self.items(start, stop)
        texts = [value.text for value in _values(found.packed)]
        assert len(found.steps) == sum(run[2] for run in found.runs) == len(found)
        return list(zip(found.timestamps, texts, strict=True))

    def chunks(self) -> list[int]:
        """The index of the first item of each chunk."""
        prefix = self.state.series.to_bytes(4, "big")
        with self.shelf.environment.read() as txn:
            keys = LmdbRows(txn, self.shelf.environment.tables).keys(TABLE)
            return [int.from_bytes(key[4:], "big") for key in keys if key[:4] == prefix]


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    environment = Environment(tmp_path_factory.mktemp("items"), (TABLE,), sync=False)
    yield Shelf(environment)
    environment.close()


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let few lines be many chunks, and little be too late to be sorted in."""
    monkeypatch.setattr(items, "CHUNK_BYTES", 100)
    monkeypatch.setattr(items, "SMALL_CHUNK_BYTES", 80)
    monkeypatch.setattr(items, "LATE_ITEMS_MAX", 4)


@pytest.mark.usefixtures("small_chunks")
@RELAXED
@given(BATCHES, st.randoms(use_true_random=False))
def test_items_are_read_in_order_in_whatever_batches_they_came(
    shelf: Shelf, batches: list[Batch], shuffler: random.Random
) -> None:
    straight, shuffled, at_once = shelf.series(), shelf.series(), shelf.series()
    at_once.append(*batches)
    for batch in batches:
        straight.append(batch)
    shuffler.shuffle(batches)
    for batch in batches:
        shuffled.append(batch)
    for series in (straight, shuffled, at_once):
        assert series.read() == expected(batches)
        assert series.state.count == len(expected(batches))
        assert series.state.timestamp_ms == max(expected(batches))[0]
    assert straight.items().digest() == shuffled.items().digest() == at_once.items().digest()


@pytest.mark.usefixtures("small_chunks")
@RELAXED
@given(BATCHES, st.integers(-60, 60), st.none() | st.integers(-60, 60))
def test_a_part_is_read_as_a_slice_has_it(
    shelf: Shelf, batches: list[Batch], start: int, stop: int | None
) -> None:
    series = shelf.series()
    for batch in batches:
        series.append(batch)
    assert series.read(start, stop) == expected(batches)[start:stop]


def test_a_long_console_is_few_chunks_and_its_end_is_one_of_them(shelf: Shelf) -> None:
    series = shelf.series()
    for second in range(300):
        lines = [(second, f"line {second} {place}".ljust(60)) for place in range(10)]
        series.append((1, second, lines))
    chunks = series.chunks()
    # A chunk grows until it is no longer small: 8 KiB of some 80 bytes for each line.
    assert 20 < len(chunks) < 40
    assert max(after - before for before, after in pairwise(chunks)) < 200
    assert [line for _, line in series.read(-2)] == [
        "line 299 8".ljust(60),
        "line 299 9".ljust(60),
    ]


def test_equal_lines_all_stay(shelf: Shelf) -> None:
    series = shelf.series()
    series.append((1, 7, [(5, "again"), (5, "again")]))
    series.append((1, 8, [(5, "again")]))
    assert series.read() == [(5, "again")] * 3
