"""`mlflow gc` finds what is deleted, is told that nothing is erased, and has changed nothing."""

from typing import Any

import pytest

pytest.importorskip("mlflow")

from click.testing import CliRunner
from mlflow.exceptions import MlflowException

from eventtrack.plugin import TrackingStore
from eventtrack.store import open_store


def collect(uri: str) -> BaseException | None:
    """Run `mlflow gc`; returns what it raised."""
    from mlflow.cli import gc  # not while tests are collected: it warns of its own imports

    arguments = ["--backend-store-uri", uri, "--tracking-uri", uri]
    return CliRunner().invoke(gc, arguments).exception


def test_gc_is_refused_before_anything_is_lost(client: Any, uri: str) -> None:
    run_id = client.create_run("0").info.run_id
    client.log_text(run_id, "x", "x.txt")
    client.delete_run(run_id)
    error = collect(uri)
    assert isinstance(error, MlflowException)
    assert error.error_code == "NOT_IMPLEMENTED"
    assert "append-only" in str(error)
    client.restore_run(run_id)
    assert [one.path for one in client.list_artifacts(run_id)] == ["x.txt"]


def test_nothing_deleted_is_nothing_to_do(client: Any, uri: str) -> None:
    client.create_run("0")
    assert collect(uri) is None


def test_runs_are_deleted_by_themselves_or_with_their_experiment(client: Any, uri: str) -> None:
    store = TrackingStore(uri)
    alone = client.create_run("0").info.run_id
    experiment_id = client.create_experiment("gone")
    together = client.create_run(experiment_id).info.run_id
    client.delete_run(alone)
    client.delete_experiment(experiment_id)
    assert set(store._get_deleted_runs()) == {alone, together}
    assert store._get_deleted_runs(older_than=3_600_000) == []
    model_id = client.create_logged_model("0").model_id
    client.delete_logged_model(model_id)
    assert store._get_deleted_logged_models() == [model_id]
    assert store._get_deleted_logged_models(older_than=3_600_000) == []


@pytest.mark.parametrize("what", ["run", "experiment", "logged_model"])
def test_each_erasure_is_refused(uri: str, what: str) -> None:
    with pytest.raises(MlflowException, match="not supported") as caught:
        getattr(TrackingStore(uri), f"_hard_delete_{what}")("1")
    assert caught.value.get_http_status_code() == 501


def test_datasets_of_an_experiment_are_found(client: Any, uri: str) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag

    used = DatasetInput(
        Dataset("d", "1", "http", "{}"), [InputTag("mlflow.data.context", "training")]
    )
    plain = DatasetInput(Dataset("e", "2", "http", "{}"))
    for _ in range(2):
        client.log_inputs(client.create_run("0").info.run_id, [used, plain])
    found = TrackingStore(uri)._search_datasets(["0"])
    assert {(one.name, one.digest, one.context) for one in found} == {
        ("d", "1", "training"),
        ("e", "2", None),
    }
    assert len(found) == 2
    assert open_store(uri).path.is_dir()
