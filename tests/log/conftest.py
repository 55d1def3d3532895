"""What tests of the log share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.log.journal import Journal
from tests.log.journals import new_journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    journal = new_journal(tmp_path)
    yield journal
    journal.close()
