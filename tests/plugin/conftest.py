"""MLflow's own package, told to be quiet and to keep to a store in a temporary folder."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """MLflow and what it imports warn about themselves at any time: no fault of ours."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """No telemetry, no run or experiment of the test before, nothing written to the clone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("GIT_PYTHON_REFRESH", "quiet")
    mlflow: Any = pytest.importorskip("mlflow")
    # Tests of other folders use MLflow too, in this process.
    mlflow.tracking.fluent._active_experiment_id = None
    yield
    while mlflow.active_run() is not None:
        mlflow.end_run()
    mlflow.tracking.fluent._active_experiment_id = None
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"):
        os.environ.pop(name, None)


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """The tracking URI of a new store, which MLflow's fluent API uses."""
    uri = f"eventtrack:{tmp_path / 'store'}"
    mlflow: Any = pytest.importorskip("mlflow")
    mlflow.set_tracking_uri(uri)
    return uri


@pytest.fixture
def client(uri: str) -> Any:
    """A `MlflowClient` on the new store."""
    mlflow: Any = pytest.importorskip("mlflow")
    return mlflow.MlflowClient(uri)
