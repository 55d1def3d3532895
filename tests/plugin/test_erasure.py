"""`mlflow gc` erases what is deleted, and nothing else."""

from typing import Any

import pytest

pytest.importorskip("mlflow")

from click.testing import CliRunner
from mlflow.exceptions import MlflowException

from eventtrack.plugin import TrackingStore
from eventtrack.store import open_store


def collect(uri: str, *words: str) -> BaseException | None:
    """Run `mlflow gc`; returns what it raised."""
    from mlflow.cli import gc  # not while tests are collected: it warns of its own imports

    arguments = ["--backend-store-uri", uri, "--tracking-uri", uri, *words]
    return CliRunner().invoke(gc, arguments).exception


def leaks(uri: str, secret: str) -> list[str]:
    """Files of a store's folder that hold a text."""
    store = open_store(uri)
    return [
        str(path.relative_to(store.path))
        for path in store.path.rglob("*")
        if path.is_file() and secret.encode() in path.read_bytes()
    ]


def test_gc_erases_deleted_runs_and_only_those(client: Any, uri: str) -> None:
    secrets = [f"deleted-{number}-" * 8 for number in range(3)]
    runs = []
    for secret in (*secrets, "living-" * 8):
        run_id = client.create_run("0").info.run_id
        client.log_param(run_id, "note", secret)
        client.log_text(run_id, secret, "note.txt")
        runs.append(run_id)
    for run_id in runs[:3]:
        client.delete_run(run_id)
    assert collect(uri) is None
    for run_id, secret in zip(runs, secrets, strict=False):
        with pytest.raises(MlflowException, match="not found"):
            client.get_run(run_id)
        assert leaks(uri, secret[:24]) == []
    assert [one.path for one in client.list_artifacts(runs[3])] == ["note.txt"]
    assert [run.info.run_id for run in client.search_runs(["0"], run_view_type=3)] == runs[3:]
    store = open_store(uri)
    assert store.maintenance.check().problems == []
    assert store.maintenance.verify()[0]
    [*orders] = store.events.read(types=["payloads.redacted"])
    assert {one.body["reason"] for one in orders} == {"gc"}
    head = store.events.head()
    assert collect(uri) is None
    assert store.events.head() == head


def test_gc_of_named_runs_leaves_the_others(client: Any, uri: str) -> None:
    first, second, active = [client.create_run("0").info.run_id for _ in range(3)]
    client.delete_run(first)
    client.delete_run(second)
    assert collect(uri, "--run-ids", first) is None
    assert open_store(uri).runs.get(second).info.lifecycle_stage == "deleted"
    error = collect(uri, "--run-ids", active)
    assert "lifecycle stage" in str(error)
    assert "not older" in str(collect(uri, "--run-ids", second, "--older-than", "1d"))
    assert collect(uri, "--older-than", "1d") is None
    assert client.get_run(second).info.run_id == second


def test_gc_erases_experiments_and_models(client: Any, uri: str) -> None:
    experiment_id = client.create_experiment("gone")
    run_id = client.create_run(experiment_id).info.run_id
    inside = client.create_logged_model(experiment_id).model_id
    alone = client.create_logged_model("0").model_id
    kept = client.create_logged_model("0").model_id
    client.delete_experiment(experiment_id)
    client.delete_logged_model(alone)
    assert collect(uri) is None
    store = open_store(uri)
    assert store.experiments.get_by_name("gone") is None
    assert [one.model_id for one in store.models.list()] == [kept]
    assert store.feeds.of_stream(f"model/{inside}")[0].payload == b""
    assert store.feeds.of_stream(f"run/{run_id}")[0].payload == b""
    assert client.create_experiment("gone") == experiment_id
    assert client.search_runs([experiment_id], run_view_type=3) == []


def test_what_a_registered_version_needs_is_not_erased(client: Any, uri: str) -> None:
    run_id = client.create_run("0").info.run_id
    client.log_text(run_id, "weights", "model/weights.txt")
    client.create_registered_model("served")
    client.create_model_version("served", f"runs:/{run_id}/model", run_id)
    client.delete_run(run_id)
    assert collect(uri) is None
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    assert "served" in str(collect(uri, "--run-ids", run_id))
    client.delete_model_version("served", "1")
    assert collect(uri) is None
    with pytest.raises(MlflowException, match="not found"):
        client.get_run(run_id)


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
def test_what_is_not_deleted_is_not_erased(client: Any, uri: str, what: str) -> None:
    known = {
        "run": client.create_run("0").info.run_id,
        "experiment": "0",
        "logged_model": client.create_logged_model("0").model_id,
    }
    with pytest.raises(MlflowException, match="is not deleted"):
        getattr(TrackingStore(uri), f"_hard_delete_{what}")(known[what])


def test_a_call_outside_of_the_command_erases_at_once(client: Any, uri: str) -> None:
    run_id = client.create_run("0").info.run_id
    client.delete_run(run_id)
    TrackingStore(uri)._hard_delete_run(run_id)
    with pytest.raises(MlflowException, match="not found"):
        client.get_run(run_id)


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
