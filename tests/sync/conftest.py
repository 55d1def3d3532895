"""Two or three machines and a folder between them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.store import Store
from tests.sync.machines import machine


@pytest.fixture
def one(tmp_path: Path) -> Iterator[Store]:
    """A machine."""
    store = machine(tmp_path / "one")
    yield store
    store.close()


@pytest.fixture
def two(tmp_path: Path) -> Iterator[Store]:
    """Another one."""
    store = machine(tmp_path / "two")
    yield store
    store.close()


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Store]:
    """A third one."""
    store = machine(tmp_path / "three")
    yield store
    store.close()


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """Where the folder between them will be."""
    return tmp_path / "stick"
