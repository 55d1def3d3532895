"""Runs with very many metrics have a row for each; what is shown of them is the same."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from eventtrack.clock import ManualClock
from eventtrack.ids import SeededIds
from eventtrack.projections import kept, run_rows
from eventtrack.projections.rows import LmdbRows, Row, below
from eventtrack.store import Moment, Store
from eventtrack.views.records import Metric

NAMES = [f"layer-{place}/norm" for place in range(6)]
LONG = "\u00e4" * 240  # 480 bytes


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_rows, "NAMES_MAX", 3)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store", clock=ManualClock(), ids=SeededIds("wide"))
    yield store
    store.close()


def log(store: Store, run_id: str, step: int, names: list[str]) -> None:
    points = [Metric(name, step + len(name), 1000 * step, step) for name in names]
    store.runs.log_batch(run_id, points)


def wide_run(store: Store) -> str:
    run_id = store.runs.create("0").info.run_id
    for step in range(3):
        log(store, run_id, step, [*NAMES, LONG])
    return run_id


def names_in_rows(store: Store, run_id: str) -> dict[int, int]:
    """The number of rows of each place."""
    counts: dict[int, int] = {}
    with store.replication.views() as reader:
        number = reader.number(f"run/{run_id}")
        assert number is not None
        for key, _ in below(reader.rows, run_rows.TABLE, number.to_bytes(4, "big")):
            place = int.from_bytes(key[4:8], "big")
            counts[place] = counts.get(place, 0) + 1
    return counts


@contextmanager
def touched_rows(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, list[bytes]]]:
    """The keys of rows of metrics that are read and written, and of ranges that are read."""
    touched: dict[str, list[bytes]] = {"get": [], "scan": [], "put": []}
    get, scan, put_many = LmdbRows.get, LmdbRows.scan, LmdbRows.put_many

    def note(what: str, table: str, key: bytes) -> None:
        if table == run_rows.TABLE:
            touched[what].append(key[8:])

    def noted_get(rows: LmdbRows, table: str, key: bytes) -> bytes | None:
        note("get", table, key)
        return get(rows, table, key)

    def noted_scan(rows: LmdbRows, table: str, *args: Any, **options: Any) -> Iterator[Row]:
        note("scan", table, args[0] if args else b"")
        return scan(rows, table, *args, **options)

    def noted_put(rows: LmdbRows, table: str, entries: Iterable[Row]) -> None:
        written = list(entries)
        for key, _ in written:
            note("put", table, key)
        put_many(rows, table, written)

    with monkeypatch.context() as patch:
        patch.setattr(LmdbRows, "get", noted_get)
        patch.setattr(LmdbRows, "scan", noted_scan)
        patch.setattr(LmdbRows, "put_many", noted_put)
        yield touched


def test_a_point_of_a_wide_run_reads_and_writes_its_own_rows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_id = wide_run(store)
    store.metrics.latest(run_id)  # folds what was logged
    name = NAMES[4].encode()
    with touched_rows(monkeypatch) as touched:
        assert list(store.metrics.arrays(run_id, NAMES[4]).steps) == [0, 1, 2]
    assert touched == {"get": [name], "scan": [], "put": []}
    with touched_rows(monkeypatch) as touched:
        log(store, run_id, 3, [NAMES[4]])
        assert len(store.metrics.arrays(run_id, NAMES[4])) == 4
    assert set(touched["get"]) == {name}
    assert (touched["scan"], touched["put"]) == ([], [name])


def test_a_wide_run_is_shown_as_any_other(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = wide_run(store)
    assert names_in_rows(store, run_id) == {0: 7}
    assert list(store.runs.get(run_id).data.metrics) == sorted([*NAMES, LONG])
    assert len(store.runs.search(["0"], f"metrics.`{NAMES[0]}` > 0")) == 1
    store.metrics.rewind(run_id, 1)
    log(store, run_id, 2, NAMES[:5])
    assert list(store.metrics.arrays(run_id, LONG).steps) == [0, 1]
    fork = store.forks.fork(run_id, 1)
    assert list(store.metrics.arrays(fork, NAMES[0]).steps) == [0, 1]
    assert len(store.metrics.latest(fork)) == 7
    wide = store.maintenance.digest()
    assert store.maintenance.rebuild() == wide
    monkeypatch.setattr(run_rows, "NAMES_MAX", 100)
    assert store.maintenance.rebuild() == wide
    assert names_in_rows(store, run_id) == {}


def test_a_map_that_is_replaced_leaves_no_row(store: Store) -> None:
    run_id = wide_run(store)
    store.metrics.rewind(run_id, 1)
    assert names_in_rows(store, run_id) == {1: 7}
    log(store, run_id, 2, NAMES[:5])
    assert names_in_rows(store, run_id) == {0: 5, 1: 7}


def test_a_kept_row_has_all_names(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A moment shows a wide run as it was before it was touched again."""
    monkeypatch.setattr(kept, "REST_POSITIONS", 2)
    run_id = wide_run(store)
    then = store.events.head()
    other = wide_run(store)
    for step in range(3, 5):
        log(store, run_id, step, NAMES[:2])
    with store.at(Moment(position=then)) as past:
        assert past.runs.get(run_id).data.metrics[NAMES[0]] == 2.0 + len(NAMES[0])
        for name in NAMES:
            assert list(past.metrics.arrays(run_id, name).steps) == [0, 1, 2]
    assert list(store.metrics.arrays(run_id, NAMES[0]).steps) == [0, 1, 2, 3, 4]
    assert len(store.metrics.latest(other)) == 7


def test_a_wide_map_gives_back_no_single_name() -> None:
    class NoRows:
        def get(self, table: str, key: bytes) -> None:
            return None

    states = run_rows.WideMap[object](NoRows(), 1, 0)  # type: ignore[arg-type]
    states["loss"] = object()
    with pytest.raises(TypeError, match="replace the map"):
        del states["loss"]
    assert "acc" not in states
