"""The real `mlflow` package, unchanged, on our server: what its tutorials and users do."""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.server.running import Running

mlflow: Any = pytest.importorskip("mlflow")
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def on_our_server(
    ours: Running, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[None]:
    """The fluent API on our server, in an experiment named after the test."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(ours.url)
    mlflow.set_experiment(request.node.name)
    yield
    while mlflow.active_run():
        mlflow.end_run()
    mlflow.set_tracking_uri(before)


def test_the_fluent_tutorial() -> None:
    with mlflow.start_run(run_name="first", tags={"team": "a"}) as run:
        mlflow.log_param("lr", 0.1)
        mlflow.log_params({"depth": 3, "note": "é" * 7000})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"acc": 0.5, "nan": math.nan, "inf": math.inf}, step=7)
        mlflow.set_tag("stage", "dev")
    found = mlflow.get_run(run.info.run_id)
    assert found.info.status == "FINISHED"
    assert found.info.run_name == "first"
    assert found.data.params["lr"] == "0.1"
    assert len(found.data.params["note"]) == 6000
    assert found.data.metrics["loss"] == 0.2
    assert math.isnan(found.data.metrics["nan"])
    assert found.data.metrics["inf"] == 1.7976931348623157e308
    assert found.data.tags["stage"] == "dev"


def test_a_run_that_fails_is_marked_so() -> None:
    with pytest.raises(ZeroDivisionError), mlflow.start_run() as run:
        raise ZeroDivisionError
    assert mlflow.get_run(run.info.run_id).info.status == "FAILED"


def test_a_run_is_resumed_and_params_cannot_change() -> None:
    with mlflow.start_run() as run:
        mlflow.log_param("p", 1)
    with mlflow.start_run(run_id=run.info.run_id):
        mlflow.log_metric("more", 1)
        with pytest.raises(mlflow.exceptions.MlflowException, match="Changing param values"):
            mlflow.log_param("p", 2)


def test_nested_runs_and_search() -> None:
    with mlflow.start_run(run_name="parent") as parent:
        for number in range(3):
            with mlflow.start_run(run_name=f"child{number}", nested=True):
                mlflow.log_metric("score", number)
                mlflow.log_param("n", number)
    frame = mlflow.search_runs(filter_string="metrics.score >= 1", order_by=["metrics.score DESC"])
    assert list(frame["params.n"]) == ["2", "1"]
    assert set(frame["tags.mlflow.parentRunId"]) == {parent.info.run_id}
    found = mlflow.search_runs(
        filter_string=f"tags.mlflow.parentRunId = '{parent.info.run_id}'", output_format="list"
    )
    assert len(found) == 3


def test_artifacts_go_up_and_come_down(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "b.bin").write_bytes(bytes(range(256)) * 5000)
    (folder / "a b.txt").write_text("spaced")
    with mlflow.start_run() as run:
        mlflow.log_artifact(str(folder / "a b.txt"), "texts")
        mlflow.log_artifacts(str(folder), "all")
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_dict({"a": [1, 2]}, "config.json")
        mlflow.log_table({"x": [1, 2], "y": ["a", "b"]}, "table.json")
        uri = mlflow.get_artifact_uri()
    run_id = run.info.run_id
    assert uri == f"mlflow-artifacts:/{run.info.experiment_id}/{run_id}/artifacts"
    client = mlflow.MlflowClient()
    names = [one.path for one in client.list_artifacts(run_id)]
    assert names == ["all", "config.json", "notes", "table.json", "texts"]
    assert [one.path for one in client.list_artifacts(run_id, "all/deep")] == ["all/deep/b.bin"]
    local = Path(mlflow.artifacts.download_artifacts(run_id=run_id, dst_path=str(tmp_path / "to")))
    assert (local / "all/deep/b.bin").read_bytes() == (folder / "deep" / "b.bin").read_bytes()
    assert (local / "texts" / "a b.txt").read_text() == "spaced"
    assert mlflow.artifacts.load_text(f"{uri}/notes/hello.txt") == "hello"
    assert json.loads((local / "config.json").read_text()) == {"a": [1, 2]}
    assert list(mlflow.load_table("table.json", run_ids=[run_id])["x"]) == [1, 2]
    repository = mlflow.store.artifact.artifact_repository_registry.get_artifact_repository(uri)
    repository.delete_artifacts("texts")
    assert "texts" not in [one.path for one in client.list_artifacts(run_id)]


def test_inputs_are_logged(tmp_path: Path) -> None:
    dataset = mlflow.data.from_numpy(__import__("numpy").arange(4.0), name="numbers")
    with mlflow.start_run() as run:
        mlflow.log_input(dataset, context="training")
    [used] = mlflow.get_run(run.info.run_id).inputs.dataset_inputs
    assert used.dataset.name == "numbers"
    assert used.tags[0].value == "training"


def test_the_client_does_what_it_says(tmp_path: Path) -> None:
    client = mlflow.MlflowClient()
    experiment_id = client.create_experiment("client's own", tags={"a": "b"})
    client.set_experiment_tag(experiment_id, "c", "d")
    client.rename_experiment(experiment_id, "renamed")
    found = client.get_experiment_by_name("renamed")
    assert found.tags == {"a": "b", "c": "d"}
    assert [one.name for one in client.search_experiments(filter_string="name = 'renamed'")]
    run_id = client.create_run(experiment_id, run_name="r").info.run_id
    metrics = [mlflow.entities.Metric("m", step / 7, 1000 + step, step) for step in range(2500)]
    client.log_batch(run_id, metrics=metrics, params=[mlflow.entities.Param("p", "1")])
    history = client.get_metric_history(run_id, "m")
    assert [(one.step, one.value) for one in history] == [(n, n / 7) for n in range(2500)]
    client.set_tag(run_id, "t", 1)
    client.delete_tag(run_id, "t")
    client.update_run(run_id, name="other")
    client.set_terminated(run_id, "KILLED")
    run = client.get_run(run_id)
    assert (run.info.status, run.info.run_name) == ("KILLED", "other")
    assert "t" not in run.data.tags
    client.delete_run(run_id)
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    client.restore_run(run_id)
    client.delete_experiment(experiment_id)
    assert client.get_experiment(experiment_id).lifecycle_stage == "deleted"
    client.restore_experiment(experiment_id)
    pages = client.search_runs([experiment_id], max_results=1)
    assert [one.info.run_id for one in pages] == [run_id]
    with pytest.raises(mlflow.exceptions.RestException, match="not found") as refused:
        client.get_run("0" * 32)
    assert refused.value.error_code == "RESOURCE_DOES_NOT_EXIST"


def test_what_is_not_served_is_said_at_once() -> None:
    client = mlflow.MlflowClient()
    with pytest.raises(mlflow.exceptions.MlflowException, match="not served by eventtrack yet"):
        client.create_webhook(
            "w",
            "https://example.org",
            [mlflow.entities.webhook.WebhookEvent.from_str("prompt.created")],
        )
