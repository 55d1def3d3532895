"""What a program does with MLflow, in calls that versions from 2.9 on have."""

import math
from pathlib import Path
from typing import Any

import pytest


def train(mlflow: Any, folder: Path) -> str:
    """Log a run and one nested in it; returns the id of the outer."""
    (folder / "files").mkdir()
    (folder / "files" / "weights.bin").write_bytes(bytes(9))
    mlflow.set_experiment("digits")
    with mlflow.start_run(run_name="outer", tags={"a": "1"}, description="words") as outer:
        mlflow.log_params({"lr": 0.1, "long": "x" * 501})
        mlflow.log_metric("loss", 0.5, step=1)
        mlflow.log_metric("loss", 0.25, step=2)
        mlflow.log_metrics({"acc": 0.75, "nan": math.nan}, step=2)
        mlflow.set_tags({"b": "2", "gone": "soon"})
        mlflow.delete_tag("gone")
        mlflow.log_text("hello", "notes/a b.txt")
        mlflow.log_dict({"x": [1]}, "x.json")
        mlflow.log_artifacts(str(folder / "files"), "all")
        for number in range(3):
            with mlflow.start_run(run_name=f"inner {number}", nested=True):
                mlflow.log_metric("number", number)
    return str(outer.info.run_id)


def check_run(mlflow: Any, run_id: str) -> None:
    """What `train` logged is there, by every way of asking."""
    client = mlflow.MlflowClient()
    run = client.get_run(run_id)
    assert (run.info.run_name, run.info.status) == ("outer", "FINISHED")
    assert (run.data.params["lr"], len(run.data.params["long"])) == ("0.1", 501)
    assert (run.data.metrics["loss"], run.data.metrics["acc"]) == (0.25, 0.75)
    assert math.isnan(run.data.metrics["nan"])
    assert (run.data.tags["b"], run.data.tags["mlflow.note.content"]) == ("2", "words")
    assert "gone" not in run.data.tags
    points = client.get_metric_history(run_id, "loss")
    assert [(one.step, one.value) for one in points] == [(1, 0.5), (2, 0.25)]
    assert {one.path for one in client.list_artifacts(run_id)} == {"all", "notes", "x.json"}
    assert mlflow.artifacts.load_text(f"runs:/{run_id}/notes/a b.txt") == "hello"
    local = mlflow.artifacts.download_artifacts(f"runs:/{run_id}/all")
    assert (Path(local) / "weights.bin").read_bytes() == bytes(9)


def check_search(mlflow: Any, run_id: str) -> None:
    """Runs are found by filter, order and page; experiments too."""
    client = mlflow.MlflowClient()
    experiment = mlflow.get_experiment_by_name("digits")
    wanted = f"tags.`mlflow.parentRunId` = '{run_id}' AND metrics.number >= 1"
    found = client.search_runs([experiment.experiment_id], wanted, order_by=["metrics.number DESC"])
    assert [one.info.run_name for one in found] == ["inner 2", "inner 1"]
    first = client.search_runs([experiment.experiment_id], max_results=3)
    rest = client.search_runs([experiment.experiment_id], max_results=3, page_token=first.token)
    assert len({one.info.run_id for one in [*first, *rest]}) == 4
    assert [one.name for one in mlflow.search_experiments(filter_string="name LIKE 'dig%'")] == [
        "digits"
    ]


def check_life(mlflow: Any, run_id: str) -> None:
    """A run and an experiment are deleted and restored, what is not there is refused."""
    client = mlflow.MlflowClient()
    client.delete_run(run_id)
    assert client.get_run(run_id).info.lifecycle_stage == "deleted"
    client.restore_run(run_id)
    other = client.create_experiment("other", tags={"t": "1"})
    client.rename_experiment(other, "renamed")
    client.delete_experiment(other)
    client.restore_experiment(other)
    assert client.get_experiment(other).name == "renamed"
    with pytest.raises(mlflow.exceptions.MlflowException) as missing:
        client.get_run("f" * 32)
    assert missing.value.error_code == "RESOURCE_DOES_NOT_EXIST"
    with pytest.raises(mlflow.exceptions.MlflowException) as changed:
        client.log_param(run_id, "lr", "0.2")
    assert changed.value.error_code == "INVALID_PARAMETER_VALUE"


def check_registry(mlflow: Any, run_id: str) -> None:
    """A model of a run is registered, named, found and deleted."""
    client = mlflow.MlflowClient()
    client.create_registered_model("net", tags={"a": "1"}, description="words")
    source = f"{client.get_run(run_id).info.artifact_uri}/all"
    version = client.create_model_version("net", source, run_id)
    assert (version.name, str(version.version), version.run_id) == ("net", "1", run_id)
    client.set_registered_model_alias("net", "best", "1")
    client.set_model_version_tag("net", "1", "t", "v")
    found = client.get_model_version_by_alias("net", "best")
    assert (str(found.version), found.tags) == ("1", {"t": "v"})
    assert [one.name for one in client.search_registered_models("name = 'net'")] == ["net"]
    [one] = client.search_model_versions(f"run_id = '{run_id}'")
    assert one.source == source
    assert client.get_registered_model("net").aliases in ({"best": "1"}, {"best": 1})
    client.delete_model_version("net", "1")
    client.delete_registered_model("net")
    assert list(client.search_registered_models()) == []


def check_all(mlflow: Any, folder: Path) -> None:
    """Everything above, in order."""
    run_id = train(mlflow, folder)
    check_run(mlflow, run_id)
    check_search(mlflow, run_id)
    check_life(mlflow, run_id)
    check_registry(mlflow, run_id)
