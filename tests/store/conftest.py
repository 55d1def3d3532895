"""A store of its own for each test, with a clock that stands still and ids from a seed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.clock import ManualClock
from eventtrack.ids import SeededIds
from eventtrack.store import Store


@pytest.fixture
def clock() -> ManualClock:
    """The store's clock: it moves when told to."""
    return ManualClock()


@pytest.fixture
def store(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    """An empty store but for the experiment Default."""
    store = Store(tmp_path / "store", clock=clock, ids=SeededIds("store"))
    yield store
    store.close()


@pytest.fixture
def other(tmp_path: Path, clock: ManualClock) -> Iterator[Store]:
    """A second machine's store, on the same clock."""
    store = Store(tmp_path / "other", clock=clock, ids=SeededIds("other"))
    yield store
    store.close()


@pytest.fixture
def run_id(store: Store) -> str:
    """A run of the experiment Default."""
    return store.runs.create("0", run_name="first").info.run_id
