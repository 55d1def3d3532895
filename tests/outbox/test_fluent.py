"""The fluent API does over HTTP what it does on a path, with both servers."""

import math
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import eventtrack
from eventtrack.errors import (
    AlreadyExistsError,
    InvalidStateError,
    InvalidValueError,
    NotFoundError,
    UsageError,
)
from eventtrack.views.records import Param, Run, RunTag
from tests.contracts.file_names import NAMES

# What servers and stores say each in their own way.
_OWN = ("eventtrack.outbox_id", "mlflow.parentRunId")


def train(mlflow: ModuleType, folder: Path, experiment: str) -> str:
    """Everything that a program may log; returns the id of the outer run."""
    folder.mkdir()
    (folder / "weights.bin").write_bytes(bytes(9))
    (folder / "below").mkdir()
    (folder / "below" / "50% é.txt").write_text("text")
    mlflow.set_experiment(experiment)
    mlflow.set_experiment_tags({"team": "vision", "kept": "yes"})
    with mlflow.start_run(run_name="outer", tags={"a": "1"}, description="words") as outer:
        mlflow.log_params({"lr": 0.1, "depth": 3})
        mlflow.log_metrics({"loss": 0.5, "acc": 0.25}, step=1, timestamp=1000)
        mlflow.log_metric("loss", 0.25, step=2, timestamp=2000)
        mlflow.log_metric("loss", math.nan, step=3, timestamp=3000)
        mlflow.log_metric("loss", 0.125, step=4, timestamp=4000)
        mlflow.set_tags({"b": "2", "gone": "soon"})
        mlflow.set_tag("b", "3")
        mlflow.delete_tag("gone")
        mlflow.log_text("hello", "notes/a b.txt")
        mlflow.log_dict({"x": [1]}, "x.json")
        mlflow.log_artifact(folder / "weights.bin", "model")
        mlflow.log_artifacts(folder, "all")
        data = mlflow.data.from_dict({"x": [1, 2]}, name="numbers", source="https://example.org/n")
        mlflow.log_input(data, context="training", tags={"q": "r"})
        with mlflow.start_run(run_name="inner", nested=True):
            mlflow.log_metric("depth", 1, timestamp=1)
    mlflow.MlflowClient().set_terminated(outer.info.run_id, "FAILED", end_time=99)
    return str(outer.info.run_id)


def facts(mlflow: ModuleType, run_id: str) -> dict[str, Any]:
    """What a run says, less what each server draws for itself."""
    run = mlflow.get_run(run_id)
    client = mlflow.MlflowClient()
    files = {}
    waiting = [None]
    while waiting:
        for one in client.list_artifacts(run_id, waiting.pop()):
            if one.is_dir:
                waiting.append(one.path)
            else:
                files[one.path] = (
                    one.file_size,
                    Path(client.download_artifacts(run_id, one.path)).read_bytes(),
                )
    return {
        "name": run.info.run_name,
        "status": run.info.status,
        "end": run.info.end_time,
        "user": run.info.user_id,
        "metrics": run.data.metrics,
        "params": run.data.params,
        "tags": {key: text for key, text in run.data.tags.items() if key not in _OWN},
        "inputs": run.inputs,
        "history": {
            key: [(one.step, one.timestamp, str(one.value)) for one in points]
            for key in run.data.metrics
            for points in [client.get_metric_history(run_id, key)]
        },
        "files": files,
        "parent": getattr(mlflow.get_parent_run(run_id), "info", None) is not None,
        "experiment": mlflow.get_experiment(run.info.experiment_id).tags.get("team"),
    }


def children(mlflow: ModuleType, run_id: str) -> list[Run]:
    """The runs below a run."""
    experiment_id = mlflow.get_run(run_id).info.experiment_id
    wanted = f"tags.`mlflow.parentRunId` = '{run_id}'"
    found: list[Run] = mlflow.search_runs([experiment_id], wanted, output_format="list")
    return found


def test_a_run_over_http_is_the_run_on_a_path(
    mlflow: ModuleType, tmp_path: Path, experiment: str
) -> None:
    outer_id = train(mlflow, tmp_path / "http", experiment)
    over_http = facts(mlflow, outer_id)
    [inner] = children(mlflow, outer_id)
    inner_over_http = facts(mlflow, inner.info.run_id)
    from eventtrack.fluent import experiments

    experiments.forget_choice()
    eventtrack.set_tracking_uri(tmp_path / "store")
    path_id = train(mlflow, tmp_path / "path", experiment)
    [inner] = children(mlflow, path_id)
    assert over_http == facts(mlflow, path_id)
    assert inner_over_http == facts(mlflow, inner.info.run_id) | {"end": inner_over_http["end"]}
    assert len(over_http["files"]) == 5


def test_a_run_has_the_servers_id_at_once(mlflow: ModuleType, server: Any) -> None:
    with mlflow.start_run() as run:
        assert server.get_run(run.info.run_id).info.status == "RUNNING"
        assert mlflow.active_run().info.run_id == run.info.run_id
    assert mlflow.last_active_run().info.status == "FINISHED"
    assert server.get_run(run.info.run_id).info.status == "FINISHED"


def test_a_run_can_be_resumed_by_its_id(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 1, step=1)
    with mlflow.start_run(run_id=run.info.run_id, tags={"again": "yes"}):
        mlflow.log_metric("loss", 2, step=2)
        assert mlflow.get_run(run.info.run_id).info.status == "RUNNING"
    found = mlflow.get_run(run.info.run_id)
    assert (found.info.status, found.data.tags["again"]) == ("FINISHED", "yes")
    assert len(mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")) == 2


def test_a_run_that_another_ended_is_running_again_when_it_is_resumed(
    mlflow: ModuleType, server: Any
) -> None:
    with mlflow.start_run() as run:
        pass
    mlflow.flush()
    server.update_run(run.info.run_id, status="KILLED")
    server.set_tag(run.info.run_id, "a", "theirs")
    with mlflow.start_run(run_id=run.info.run_id):
        mlflow.set_tag("a", "ours")
        found = mlflow.get_run(run.info.run_id)
        assert (found.info.status, found.data.tags["a"]) == ("RUNNING", "ours")


def test_runs_and_experiments_are_deleted_and_restored(mlflow: ModuleType, experiment: str) -> None:
    experiment_id = mlflow.create_experiment(experiment, tags={"t": "u"})
    with pytest.raises(AlreadyExistsError):
        mlflow.create_experiment(experiment)
    with mlflow.start_run(experiment_id=experiment_id) as run:
        pass
    run_id = run.info.run_id
    mlflow.delete_run(run_id)
    assert mlflow.search_runs([experiment_id], output_format="list") == []
    with pytest.raises(InvalidValueError):
        mlflow.start_run(run_id=run_id)
    with pytest.raises(InvalidValueError, match="active"):
        mlflow.log_metrics({"loss": 1}, run_id=run_id)
    mlflow.restore_run(run_id)
    mlflow.log_metrics({"loss": 1}, run_id=run_id)
    assert mlflow.get_run(run_id).data.metrics == {"loss": 1}
    mlflow.delete_experiment(experiment_id)
    assert mlflow.get_experiment(experiment_id).lifecycle_stage == "deleted"
    mlflow.restore_experiment(experiment_id)
    mlflow.MlflowClient().rename_experiment(experiment_id, f"{experiment}!")
    [found] = mlflow.search_experiments(filter_string=f"name = '{experiment}!'")
    assert found.experiment_id == experiment_id
    mlflow.set_experiment(experiment_id=experiment_id)
    mlflow.set_experiment_tag("a", "b")
    mlflow.delete_experiment_tag("a")
    assert "a" not in mlflow.get_experiment_by_name(f"{experiment}!").tags


def test_what_is_wrong_is_said_at_once(mlflow: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        mlflow.get_run("f" * 32)
    with pytest.raises(NotFoundError):
        mlflow.log_metrics({"loss": 1}, run_id="e" * 32)
    with pytest.raises(NotFoundError):
        mlflow.set_experiment(experiment_id="123456")
    with mlflow.start_run():
        with pytest.raises(InvalidValueError):
            mlflow.log_metric("loss", "much")
        mlflow.log_param("lr", 1)
        with pytest.raises(InvalidValueError, match="Changing param values"):
            mlflow.log_param("lr", 2)
        with pytest.raises(NotFoundError):
            mlflow.log_artifact(tmp_path / "missing")
        with pytest.raises(InvalidStateError):
            mlflow.start_run()
        with pytest.raises(UsageError):
            mlflow.artifacts.load_text(mlflow.get_artifact_uri("missing.txt"))


def test_the_client_names_runs_itself(mlflow: ModuleType, proxy: Any) -> None:
    client = mlflow.MlflowClient(proxy.url)
    assert client.tracking_uri == proxy.url
    run = client.create_run("0", tags={"a": "b"}, run_name="mine")
    client.log_metric(run.info.run_id, "loss", 1.0, step=3)
    client.log_param(run.info.run_id, "lr", 1)
    client.log_batch(run.info.run_id, tags=[mlflow.entities.RunTag(key="c", value="d")])
    client.update_run(run.info.run_id, name="yours")
    found = client.get_run(run.info.run_id)
    assert (found.info.run_name, found.data.params) == ("yours", {"lr": "1"})
    assert found.data.tags["c"] == "d"
    assert client.search_runs("0", "attributes.run_name = 'yours'")


def test_a_figure_an_image_and_a_table_arrive(mlflow: ModuleType, experiment: str) -> None:
    import numpy as np

    mlflow.set_experiment(experiment)
    with mlflow.start_run() as run:
        mlflow.log_image(np.zeros((4, 4), "uint8"), "zero.png")
        mlflow.log_table({"a": [1]}, "table.json")
        mlflow.log_table({"a": [2]}, "table.json")
    assert mlflow.load_table("table.json")["a"].tolist() == [1, 2]
    assert mlflow.artifacts.load_image(f"runs:/{run.info.run_id}/zero.png").size == (4, 4)
    frame = mlflow.search_runs()
    assert frame["run_id"].tolist() == [run.info.run_id]


def log_names(mlflow: ModuleType) -> dict[str, str]:
    """Log a file under each name; what is read back, by the name in the list."""
    client = mlflow.MlflowClient()
    with mlflow.start_run() as run:
        for name in NAMES:
            mlflow.log_text(f"text of {name}", name)
    run_id = run.info.run_id
    found, waiting = {}, [None]
    while waiting:
        for one in client.list_artifacts(run_id, waiting.pop()):
            if one.is_dir:
                waiting.append(one.path)
            else:
                local = Path(client.download_artifacts(run_id, one.path))
                found[one.path] = local.read_text()
    return found


def test_a_name_means_one_file_on_a_server_as_on_a_path(
    tmp_path: Path, ours_url: str, experiment: str
) -> None:
    mlflow, found = eventtrack, []
    for place in (ours_url, tmp_path / "store"):
        mlflow.set_tracking_uri(place)
        mlflow.set_experiment(experiment)
        found.append(log_names(mlflow))
    assert found[0] == found[1]
    assert sorted(found[0].values()) == sorted(f"text of {name}" for name in NAMES)


def long_values(mlflow: ModuleType) -> dict[str, int]:
    """What is left of values that are too long, by the call that logged them."""
    cut = 9000 * "é"
    client = mlflow.MlflowClient()
    with mlflow.start_run(run_name=cut, tags={"start": cut}, description=cut) as run:
        mlflow.log_param("log_param", cut)
        mlflow.log_params({"log_params": cut, "short": 1})
        mlflow.set_tag("set_tag", cut)
        mlflow.set_tags({"set_tags": cut})
        client.log_param(run.info.run_id, "client.log_param", cut)
        client.set_tag(run.info.run_id, "client.set_tag", cut)
        client.log_batch(
            run.info.run_id,
            params=[Param("batch", cut)],
            tags=[RunTag("batch", cut)],
        )
    data = mlflow.get_run(run.info.run_id).data
    return {
        name: len(value)
        for name, value in [*data.params.items(), *data.tags.items()]
        if name not in ("mlflow.source.name", "mlflow.source.git.commit", "mlflow.user", *_OWN)
    }


def test_long_values_are_cut_as_on_a_path(
    mlflow: ModuleType, tmp_path: Path, experiment: str, caplog: pytest.LogCaptureFixture
) -> None:
    mlflow.set_experiment(experiment)
    there = long_values(mlflow)
    assert len(caplog.messages) >= 10
    mlflow.set_tracking_uri(tmp_path / "store")
    mlflow.set_experiment(experiment)
    here = long_values(mlflow)
    assert there == here
    assert sorted(set(here.values())) == [1, 5, 6000, 8000]


def test_a_long_tag_of_an_experiment_is_refused_as_on_a_path(
    mlflow: ModuleType, tmp_path: Path, experiment: str
) -> None:
    said = []
    for place in (None, tmp_path / "store"):
        if place is not None:
            mlflow.set_tracking_uri(place)
        mlflow.set_experiment(experiment)
        with pytest.raises(InvalidValueError) as refused:
            mlflow.set_experiment_tag("note", "x" * 20001)
        said.append(refused.value.message)
    assert said == ["'value' exceeds the maximum length of 20000 characters"] * 2
