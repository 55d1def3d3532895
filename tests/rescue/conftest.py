"""One whole store for all tests, which damage copies of it."""

import pytest

from tests.rescue.damage import Sample
from tests.rescue.damage import sample as make_sample


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """A store with ten runs, closed. Nobody may change it."""
    return make_sample(tmp_path_factory.mktemp("whole") / "store")
