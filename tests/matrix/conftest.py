"""MLflow of any version, told to be quiet; `tools/dev.py matrix` runs this folder with several."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

mlflow: Any = pytest.importorskip("mlflow")


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
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")
    monkeypatch.setenv("GIT_PYTHON_REFRESH", "quiet")
    mlflow.tracking.fluent._active_experiment_id = None
    yield
    while mlflow.active_run() is not None:
        mlflow.end_run()
    mlflow.tracking.fluent._active_experiment_id = None
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_ID", "MLFLOW_RUN_ID"):
        os.environ.pop(name, None)
