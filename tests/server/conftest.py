"""One server for all tests that do not end it."""

from collections.abc import Iterator

import pytest

from tests.server.running import Running, running


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server over a store of its own."""
    with running(tmp_path_factory.mktemp("server") / "store") as found:
        yield found
