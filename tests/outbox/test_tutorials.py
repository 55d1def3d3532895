"""MLflow's tutorials, as they are tested on a path, on a server."""

from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import eventtrack
from tests.fluent import test_tutorials
from tests.server.running import running

pytestmark = pytest.mark.slow


@pytest.fixture
def mlflow(tmp_path: Path) -> Iterator[ModuleType]:
    """`import eventtrack as mlflow`, logging to a new server: the tutorials expect to be alone."""
    with running(tmp_path / "store") as server:
        eventtrack.set_tracking_uri(server.url)
        yield eventtrack


# The same functions, which find this module's `mlflow`.
for _name, _test in vars(test_tutorials).items():
    if _name.startswith("test_"):
        globals()[_name] = _test


def test_create_experiment(mlflow: ModuleType) -> None:
    """The one that asks for a folder: it would be one of the server's machine."""
    with pytest.raises(eventtrack.MlflowException, match="only a user of the server's machine"):
        mlflow.create_experiment("Social NLP Experiments", artifact_location="/tmp/social-nlp")
    assert mlflow.create_experiment("Social NLP Experiments", tags={"version": "v1"})
