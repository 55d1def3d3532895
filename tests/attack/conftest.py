"""Machines that are honest, and ways to write what nobody honest writes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.store import Store
from tests.sync.machines import machine


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An honest store."""
    store = machine(tmp_path / "store")
    yield store
    store.close()


@pytest.fixture
def hostile(tmp_path: Path) -> Iterator[Store]:
    """A store whose owner writes what he likes into its log."""
    store = machine(tmp_path / "hostile")
    yield store
    store.close()
