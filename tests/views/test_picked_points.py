"""Points that are picked out of a series are those that a read of the whole series has there."""

from collections.abc import Iterator
from operator import itemgetter
from pathlib import Path

import pytest

from eventtrack.clock import ManualClock
from eventtrack.ids import SeededIds
from eventtrack.projections import points as projected
from eventtrack.projections.points import Points
from eventtrack.store import Store
from eventtrack.views.records import Metric


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(projected, "CHUNK_POINTS", 16)
    monkeypatch.setattr(projected, "SMALL_CHUNK_POINTS", 4)
    store = Store(tmp_path / "store", clock=ManualClock(), ids=SeededIds("picked"))
    yield store
    store.close()


def log(store: Store, run_id: str, steps: list[int]) -> None:
    metrics = [Metric(key="m", value=step / 3, timestamp=1000 + step, step=step) for step in steps]
    store.runs.log_batch(run_id, metrics, [], [])


def rows(points: Points | None) -> list[tuple[int, int, float]]:
    assert points is not None
    return list(zip(points.steps, points.timestamps, points.values, strict=True))


def test_any_places_of_a_climbing_series_are_read_alone(store: Store) -> None:
    run_id = store.runs.create("0").info.run_id
    steps = list(range(0, 180, 2))
    for first in (0, 5, 6, 40, 41, 70, 75, 79):
        stop = {0: 5, 5: 6, 6: 40, 40: 41, 41: 70, 70: 75, 75: 79, 79: 90}[first]
        log(store, run_id, steps[first:stop])
    whole = rows(store.metrics.arrays(run_id, "m"))
    assert len(whole) == 90
    for start in range(0, 91, 7):
        part = slice(start, start + 20)
        picked = store.metrics.picked(run_id, "m", itemgetter(part))
        assert rows(picked) == whole[start : start + 20]
    for low in range(-3, 190, 5):
        for high in (low, low + 1, low + 30, 400):
            picked = store.metrics.picked(run_id, "m", lambda places: places, (low, high))
            assert rows(picked) == [row for row in whole if low <= row[0] <= high]


def test_a_history_by_pages_is_the_whole_history(store: Store) -> None:
    run_id = store.runs.create("0").info.run_id
    log(store, run_id, list(range(50)))
    for late in ([], [7]):
        for step in late:
            store.metrics.log(run_id, "m", 0.5, step, 5000)
        steps: list[int] = []
        token = None
        while True:
            page = store.metrics.history(run_id, "m", 9, token)
            steps += [point.step for point in page]
            token = page.token
            if token is None:
                break
        assert steps == [*range(50), *late]


def test_a_series_whose_steps_go_back_is_not_picked_from(store: Store) -> None:
    run_id = store.runs.create("0").info.run_id
    log(store, run_id, [1, 2, 3])
    store.metrics.log(run_id, "m", 0.5, 1, 5000)
    assert store.metrics.picked(run_id, "m", lambda places: places) is None
    assert rows(store.metrics.picked(run_id, "no such metric", lambda places: places)) == []
