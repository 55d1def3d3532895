"""MLflow's server beside ours."""

import os
from collections.abc import Iterator

import httpx
import pytest

from tests.compat.theirs import mlflow_server
from tests.server.running import Running, running

# A difference between two answers is shown, wherever it is found: before anything imports it.
pytest.register_assert_rewrite("tests.compat.twin")

from tests.compat.twin import Twin  # noqa: E402


@pytest.fixture(scope="session")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Our server over a store of its own."""
    with running(tmp_path_factory.mktemp("ours") / "store") as found:
        yield found


@pytest.fixture(scope="session")
def theirs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of MLflow's server."""
    pytest.importorskip("mlflow")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (
        mlflow_server(shared) as url,
        httpx.Client(base_url=url, timeout=120, trust_env=False) as client,
    ):
        yield client


@pytest.fixture
def twin(ours: Running, theirs: httpx.Client) -> Twin:
    """Both servers, with nothing remembered yet."""
    return Twin(ours.client, theirs)
