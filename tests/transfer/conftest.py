"""Stores of MLflow's own, filled once, and what the tests of imports share."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.store import Store
from tests.transfer.logs import Logs
from tests.transfer.theirs import fill, mlflow_client


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The other trackers and what they import warn about themselves at any time."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No telemetry, and nothing written to the clone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("GIT_PYTHON_REFRESH", "quiet")


@pytest.fixture(scope="session", params=["mlruns", "sqlite"])
def theirs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URI of a store that MLflow itself filled."""
    folder = tmp_path_factory.mktemp("theirs")
    uri = f"file:{folder}/mlruns" if request.param == "mlruns" else f"sqlite:///{folder}/mlflow.db"
    os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
    with contextlib.chdir(folder):  # where MLflow keeps the files of its runs
        fill(mlflow_client(uri), folder)
    return uri


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A new store, opened to import."""
    store = Store(tmp_path / "store", source="import")
    yield store
    store.close()


@pytest.fixture
def logs(tmp_path: Path, store: Store) -> Logs:
    """An empty folder, and a store."""
    return Logs(tmp_path / "logs", store)
