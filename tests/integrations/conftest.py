"""Real frameworks on tiny data; only `tools/dev.py integrations` collects this folder.

The frameworks are large, so they live in an environment of their own: pyproject.toml keeps the
folder out of all other collections. Nothing here is skipped: a framework that is absent fails.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import eventtrack
from eventtrack.plugin.artifacts import StoreArtifactRepository
from eventtrack.plugin.tracking import TrackingStore

# Keras asks for TensorFlow otherwise, as soon as it is imported.
os.environ["KERAS_BACKEND"] = "torch"

# Launchers set these; a test that trains in one process has none.
RANKS = ("RANK", "LOCAL_RANK", "WORLD_SIZE", "SLURM_PROCID")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Frameworks warn about themselves and each other at any time: no fault of ours."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.filterwarnings("ignore"))


@pytest.fixture(autouse=True)
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new store, which the fluent API logs to; frameworks write beside it and send nothing."""
    monkeypatch.chdir(tmp_path)
    for name in RANKS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    eventtrack.set_tracking_uri(tmp_path / "store")
    return tmp_path / "store"


@pytest.fixture
def mlflow(tmp_path: Path) -> Iterator[Any]:
    """MLflow with a store of its own, for its loggers to write what ours are compared with."""
    import mlflow
    from mlflow.store.artifact import artifact_repository_registry
    from mlflow.tracking import _tracking_service

    # The package is not installed here, so its entry points are not seen.
    _tracking_service.utils._tracking_store_registry.register("eventtrack", TrackingStore)
    artifact_repository_registry._artifact_repository_registry.register(
        "eventtrack", StoreArtifactRepository
    )
    mlflow.set_tracking_uri(f"eventtrack:{tmp_path / 'theirs'}")
    yield mlflow
    while mlflow.active_run() is not None:
        mlflow.end_run()
    os.environ.pop("MLFLOW_TRACKING_URI", None)
