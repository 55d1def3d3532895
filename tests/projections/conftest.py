"""What tests of the projections share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.clock import ManualClock
from eventtrack.ids import SeededIds
from eventtrack.log.memory import MemoryLog
from eventtrack.projections.runner import Views
from tests.projections.live import (
    open_views,
)


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog(clock=ManualClock(), ids=SeededIds("log"))


@pytest.fixture
def views(tmp_path: Path, log: MemoryLog) -> Iterator[Views]:
    views = open_views(tmp_path, log)
    yield views
    views.close()
