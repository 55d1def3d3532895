"""Both servers: eventtrack's own and MLflow's."""

import os
from collections.abc import Iterator

import pytest

from eventtrack.rest import TrackingServer, address_of
from tests.compat.theirs import mlflow_server
from tests.server.running import running


@pytest.fixture(scope="session")
def ours_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of our server."""
    with running(tmp_path_factory.mktemp("ours") / "store") as found:
        yield found.url


@pytest.fixture(scope="session")
def theirs_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of MLflow's server."""
    pytest.importorskip("mlflow")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with mlflow_server(shared) as url:
        yield url


@pytest.fixture(params=["ours", "theirs"])
def server_url(request: pytest.FixtureRequest) -> str:
    """The URL of each of the two."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def server(server_url: str) -> Iterator[TrackingServer]:
    """A client of each of the two."""
    client = TrackingServer(address_of(server_url))
    yield client
    client.close()
