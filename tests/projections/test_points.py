"""Histories read back as the sorted set of what was appended, in whatever batches it came."""

import math
import random
import struct
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from eventtrack.log.environment import Environment
from eventtrack.projections import points
from eventtrack.projections.curves import latest_order
from eventtrack.projections.points import (
    CHUNK_POINTS,
    LATE_POINTS_MAX,
    Neighbours,
    OrderCheck,
    Points,
)
from eventtrack.projections.rows import LmdbRows
from eventtrack.projections.state import MetricState

Row = tuple[int, int, float]  # timestamp, step, value

INT64 = st.integers(-(2**63), 2**63 - 1)
# Few different numbers, so that points collide in every way they can.
VALUE = st.sampled_from([0.0, -0.0, 1.0, -1.0, math.nan, -math.nan, math.inf, -math.inf])
CLOSE_ROW = st.tuples(st.integers(0, 5), st.integers(0, 5), VALUE)
ANY_ROW = st.tuples(INT64, INT64, st.floats())
BATCHES = st.lists(
    st.lists(st.one_of(CLOSE_ROW, ANY_ROW), min_size=1, max_size=12), min_size=1, max_size=8
)


def key_of(row: Row) -> tuple[int, int, bool, float, float]:
    """The order of a history, written anew: NaN is the greatest and one, -0.0 is below 0.0."""
    timestamp, step, value = row
    if math.isnan(value):
        return timestamp, step, True, 0.0, 0.0
    return timestamp, step, False, value, math.copysign(1.0, value)


def expected(rows: Iterable[Row]) -> list[tuple[int, int, str]]:
    """The sorted set of rows, comparable even where NaN is."""
    unique = {key_of(row): row for row in rows}
    return [shown(unique[key]) for key in sorted(unique)]


def shown(row: Row) -> tuple[int, int, str]:
    return row[0], row[1], "nan" if math.isnan(row[2]) else row[2].hex()


def columns(rows: Sequence[Row]) -> Points:
    found = Points()
    for timestamp, step, value in rows:
        found.timestamps.append(timestamp)
        found.steps.append(step)
        found.values.append(value)
    return found


@dataclass
class Shelf:
    """A table of points in which each test takes a series of its own."""

    environment: Environment
    numbers: Iterator[int] = field(default_factory=lambda: count(1))
    neighbours: Neighbours = field(default_factory=Neighbours)  # one for all, as a batch has it

    def series(self) -> "Series":
        return Series(self, MetricState(next(self.numbers)))


@dataclass
class Series:
    shelf: Shelf
    state: MetricState

    def append(self, rows: Sequence[Row]) -> None:
        with self.shelf.environment.write() as txn:
            written = LmdbRows(txn, self.shelf.environment.tables)
            points.append(written, self.state, columns(rows), self.shelf.neighbours)

    def rows(self) -> list[tuple[int, int, str]]:
        with self.shelf.environment.read() as txn:
            found = points.read(LmdbRows(txn, self.shelf.environment.tables), self.state)
        return [shown(row) for row in zip(found.timestamps, found.steps, found.values, strict=True)]

    def chunks(self) -> list[tuple[int, int]]:
        """First index and number of points of each chunk."""
        prefix = struct.pack(">I", self.state.series)
        with self.shelf.environment.read() as txn:
            return [
                (int.from_bytes(key[4:], "big"), len(points.columns_of(value)[0]) // 8)
                for key, value in txn.cursor(self.shelf.environment.tables["points"])
                if bytes(key[:4]) == prefix
            ]

    def latest(self) -> tuple[int, int, str]:
        return shown((self.state.timestamp_ms, self.state.step, self.state.value))


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    folder: Path = tmp_path_factory.mktemp("points")
    environment = Environment(folder, (points.CHUNKS, points.STEPS), sync=False)
    yield Shelf(environment)
    environment.close()


def check(series: Series, batches: Iterable[Sequence[Row]]) -> None:
    rows: list[Row] = []
    for batch in batches:
        series.append(batch)
        rows += batch
    assert series.rows() == expected(rows)
    newest = max(rows, key=lambda row: latest_order((row[1], row[0], row[2])))
    assert series.latest() == shown(newest)
    starts = [first for first, _ in series.chunks()]
    sizes = [size for _, size in series.chunks()]
    assert starts == [sum(sizes[:place]) for place in range(len(sizes))]
    assert sum(sizes) == series.state.count


class TestLaws:
    @given(BATCHES)
    @example([[(5, 1, 0.0), (9, 2, 0.0), (5, 3, 0.0)]])
    @example([[(1, 1, 0.0)], [(1, 1, -0.0)], [(1, 1, 0.0)]])
    @example([[(1, 1, math.nan)], [(1, 1, -math.nan)], [(1, 1, 1.0)]])
    @settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_any_batches_read_back_as_the_sorted_set(
        self, shelf: Shelf, batches: list[list[Row]]
    ) -> None:
        check(shelf.series(), batches)

    @given(BATCHES, st.randoms(use_true_random=False))
    @settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
    def test_the_order_of_the_batches_does_not_matter(
        self, shelf: Shelf, batches: list[list[Row]], shuffler: random.Random
    ) -> None:
        straight, shuffled = shelf.series(), shelf.series()
        for batch in batches:
            straight.append(batch)
        shuffler.shuffle(batches)
        for batch in batches:
            shuffled.append(batch)
        assert straight.rows() == shuffled.rows()
        assert straight.latest() == shuffled.latest()

    @given(st.lists(st.tuples(INT64, INT64, VALUE), min_size=1))
    def test_rows_in_order_need_no_sorting(self, rows: list[Row]) -> None:
        found = columns(rows)
        if found.in_order():
            keys = [key_of(row) for row in rows]
            assert all(before < after for before, after in pairwise(keys))
            assert found.greatest()[0] == rows[-1][1]

    @given(st.lists(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2), VALUE), min_size=1)))
    def test_neighbours_with_the_same_steps_are_judged_alike(self, series: list[list[Row]]) -> None:
        in_order = OrderCheck()
        for rows in (*series, *series):
            assert in_order(columns(rows)) == columns(rows).in_order()

    @given(st.lists(CLOSE_ROW, min_size=1))
    def test_the_latest_is_the_greatest_step_then_time_then_nan_then_value(
        self, rows: list[Row]
    ) -> None:
        def rank(row: Row) -> tuple[int, int, bool, float, float]:
            timestamp, step, *rest = key_of(row)
            return step, timestamp, *rest  # type: ignore[return-value]

        step, timestamp, value = columns(rows).greatest()
        assert shown((timestamp, step, value)) == shown(max(rows, key=rank))


class TestManyPoints:
    """Batches large enough for chunks to fill, split and be sorted into."""

    @pytest.mark.parametrize("seed", range(12))
    def test_lateness_of_any_reach_is_sorted_in(self, shelf: Shelf, seed: int) -> None:
        chance = random.Random(seed)
        reach = [3, 200, 5000, 30_000][seed % 4]
        now, batches = 0, []
        for _ in range(60):
            size = chance.choice([1, 2, 50, 130, 700])
            now += size
            batches.append(
                [
                    (now + chance.randint(-reach, 0), chance.randint(0, 3), float(place % 3))
                    for place in range(size)
                ]
            )
        check(shelf.series(), batches)

    @pytest.mark.parametrize("batch", [1, 7, 127, 128, 129, 1000, 4095, 4096, 4097, 9000])
    def test_a_live_series_of_any_batches_has_full_chunks_and_a_small_tail(
        self, shelf: Shelf, batch: int
    ) -> None:
        total = min(20_000, 1500 * batch)
        series = shelf.series()
        rows = [(step, step, float(step)) for step in range(total)]
        check(series, [rows[start : start + batch] for start in range(0, total, batch)])
        chunks = series.chunks()
        full = total // CHUNK_POINTS
        assert chunks[:full] == [(place * CHUNK_POINTS, CHUNK_POINTS) for place in range(full)]
        assert len(chunks) - full <= CHUNK_POINTS // points.SMALL_CHUNK_POINTS
        assert series.state.ordered

    def test_a_repeated_import_changes_nothing(self, shelf: Shelf) -> None:
        series = shelf.series()
        rows = [(step // 3, step, 0.5) for step in range(5000)]
        series.append(rows)
        before = series.rows()
        series.append(rows)
        series.append(rows[100:200])
        assert series.rows() == before

    def test_points_from_long_ago_leave_sorting_to_readers(self, shelf: Shelf) -> None:
        series = shelf.series()
        rows = [(step, step, 0.5) for step in range(5 * CHUNK_POINTS)]
        late = [(10, 0, 7.0)]
        check(series, [rows, late])
        assert not series.state.ordered
        series.append([(10**6, 10**6, 1.0)])
        assert series.rows() == expected([*rows, *late, (10**6, 10**6, 1.0)])

    def test_points_from_a_while_ago_are_sorted_in_at_once(self, shelf: Shelf) -> None:
        series = shelf.series()
        rows = [(step, step, 0.5) for step in range(5 * CHUNK_POINTS)]
        check(series, [rows, [(rows[-CHUNK_POINTS][0], 0, 7.0)]])
        assert series.state.ordered

    def test_a_short_series_stays_in_order_however_late_its_points(self, shelf: Shelf) -> None:
        series = shelf.series()
        rows = [(step, step, 0.5) for step in range(LATE_POINTS_MAX // 2)]
        random.Random(1).shuffle(rows)
        check(series, [rows[start : start + 100] for start in range(0, len(rows), 100)])
        assert series.state.ordered

    def test_series_beside_each_other_do_not_mix(self, shelf: Shelf) -> None:
        first, second, third = shelf.series(), shelf.series(), shelf.series()
        for start in range(0, 9000, 500):
            for place, series in enumerate((third, first, second)):
                series.append([(step, step, float(place)) for step in range(start, start + 500)])
        for place, series in enumerate((third, first, second)):
            assert series.rows() == expected((step, step, float(place)) for step in range(9000))

    def test_a_million_points_in_uneven_batches(self, shelf: Shelf) -> None:
        series = shelf.series()
        total, chance, start = 1_000_000, random.Random(7), 0
        with shelf.environment.write() as txn:
            rows = LmdbRows(txn, shelf.environment.tables)
            while start < total:
                stop = min(total, start + chance.choice([1, 100, 5000, 50_000]))
                batch = Points()
                batch.steps.extend(range(start, stop))
                batch.timestamps.extend(range(1000 + start, 1000 + stop))
                batch.values.extend(float(step) for step in range(start, stop))
                points.append(rows, series.state, batch, shelf.neighbours)
                start = stop
            found = points.read(rows, series.state)
        assert found.steps.tolist() == list(range(total))
        assert found.values.tolist() == [float(step) for step in range(total)]
        assert found.timestamps[0] == 1000
        assert found.timestamps[-1] == 999 + total
        assert len(series.chunks()) <= total // CHUNK_POINTS + 33
        assert series.latest() == (999 + total, total - 1, float(total - 1).hex())
