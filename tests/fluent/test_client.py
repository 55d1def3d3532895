"""The client under MlflowClient's names."""

import inspect
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

import eventtrack
from eventtrack.entities import Metric, Param, RunTag
from eventtrack.errors import EventtrackError, InvalidValueError, NotFoundError

# Names and order of MlflowClient's arguments (mlflow 3.17.2).
SIGNATURES = {
    "search_experiments": "view_type max_results filter_string order_by page_token",
    "get_experiment": "experiment_id",
    "get_experiment_by_name": "name",
    "create_experiment": "name artifact_location tags",
    "delete_experiment": "experiment_id",
    "restore_experiment": "experiment_id",
    "rename_experiment": "experiment_id new_name",
    "set_experiment_tag": "experiment_id key value",
    "delete_experiment_tag": "experiment_id key",
    "get_run": "run_id",
    "get_parent_run": "run_id",
    "create_run": "experiment_id start_time tags run_name",
    "update_run": "run_id status name",
    "set_terminated": "run_id status end_time",
    "delete_run": "run_id",
    "restore_run": "run_id",
    "search_runs": "experiment_ids filter_string run_view_type max_results order_by page_token",
    "get_metric_history": "run_id key",
    "log_metric": "run_id key value timestamp step synchronous "
    "dataset_name dataset_digest model_id",
    "log_param": "run_id key value synchronous",
    "log_batch": "run_id metrics params tags synchronous",
    "set_tag": "run_id key value synchronous",
    "delete_tag": "run_id key",
    "log_inputs": "run_id datasets models",
    "log_outputs": "run_id models",
    "log_artifact": "run_id local_path artifact_path",
    "log_artifacts": "run_id local_dir artifact_path",
    "log_text": "run_id text artifact_file",
    "log_dict": "run_id dictionary artifact_file",
    "log_stream": "run_id stream artifact_file",
    "log_figure": "run_id figure artifact_file save_kwargs key step caption timestamp",
    "log_image": "run_id image artifact_file key step timestamp synchronous",
    "log_table": "run_id data artifact_file",
    "load_table": "experiment_id artifact_file run_ids extra_columns",
    "list_artifacts": "run_id path",
    "download_artifacts": "run_id path dst_path",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_arguments_have_mlflows_names_and_order(name: str) -> None:
    parameters = list(inspect.signature(getattr(eventtrack.EventtrackClient, name)).parameters)
    assert parameters[1:] == SIGNATURES[name].split()


def test_it_has_several_names_and_is_one_class() -> None:
    assert (
        eventtrack.MlflowClient
        is eventtrack.EventtrackClient
        is eventtrack.tracking.MlflowClient
        is eventtrack.client.MlflowClient
    )


def test_a_client_needs_no_active_run(mlflow: ModuleType) -> None:
    client = mlflow.MlflowClient()
    run = client.create_run("0", tags={"a": 1}, run_name="by client", start_time=1000)
    run_id = run.info.run_id
    client.log_metric(run_id, "loss", 0.5, timestamp=2000, step=3)
    assert client.log_param(run_id, "lr", 0.1) == 0.1
    client.set_tag(run_id, "b", 2)
    client.delete_tag(run_id, "b")
    client.set_terminated(run_id, end_time=5000)
    assert mlflow.active_run() is None
    run = client.get_run(run_id)
    assert run.info.run_name == "by client"
    assert (run.info.start_time, run.info.end_time, run.info.status) == (1000, 5000, "FINISHED")
    assert run.data.metrics == {"loss": 0.5}
    assert run.data.params == {"lr": "0.1"}
    assert run.data.tags["a"] == "1"
    assert "b" not in run.data.tags
    [point] = client.get_metric_history(run_id, "loss")
    assert (point.key, point.value, point.timestamp, point.step) == ("loss", 0.5, 2000, 3)


def test_a_batch_is_written_whole_or_not_at_all(mlflow: ModuleType) -> None:
    client = mlflow.MlflowClient()
    run_id = client.create_run("0").info.run_id
    client.log_batch(
        run_id,
        metrics=[Metric("loss", value, 1000 + value, value) for value in range(1500)],
        params=[Param(f"p{number}", str(number)) for number in range(150)],
        tags=[RunTag(f"t{number}", str(number)) for number in range(150)],
    )
    client.log_batch(run_id)
    data = client.get_run(run_id).data
    assert len(client.get_metric_history(run_id, "loss")) == 1500
    assert len(data.params) == 150
    assert data.tags["t149"] == "149"
    with pytest.raises(EventtrackError):
        client.log_batch(run_id, [Metric("new", 1.0, 1, 1)], [Param("p0", "changed")])
    assert "new" not in client.get_run(run_id).data.metrics


def test_a_run_is_updated(mlflow: ModuleType) -> None:
    client = mlflow.MlflowClient()
    run_id = client.create_run("0", run_name="old").info.run_id
    client.update_run(run_id)
    client.update_run(run_id, name="new")
    assert client.get_run(run_id).info.status == "RUNNING"
    client.update_run(run_id, status="KILLED")
    info = client.get_run(run_id).info
    assert (info.run_name, info.status) == ("new", "KILLED")
    with pytest.raises(EventtrackError):
        client.update_run(run_id, status="DONE")


def test_experiments_are_renamed_and_tagged(mlflow: ModuleType) -> None:
    client = mlflow.MlflowClient()
    experiment_id = client.create_experiment("old", tags={"a": 1})
    client.rename_experiment(experiment_id, "new")
    client.set_experiment_tag(experiment_id, "b", 2)
    client.delete_experiment_tag(experiment_id, "a")
    experiment = client.get_experiment(experiment_id)
    assert experiment.name == "new"
    assert experiment.tags == {"b": "2"}
    with pytest.raises(NotFoundError):
        client.delete_experiment_tag(experiment_id, "a")


def test_pages_follow_each_other(mlflow: ModuleType) -> None:
    client = mlflow.MlflowClient()
    made = {client.create_run("0").info.run_id for _ in range(5)}
    first = client.search_runs("0", max_results=3)
    second = client.search_runs(["0"], max_results=3, page_token=first.token)
    assert second.token is None
    assert {run.info.run_id for run in [*first, *second]} == made
    assert len(first) == 3


def test_a_client_may_have_a_store_of_its_own(mlflow: ModuleType, tmp_path: Path) -> None:
    other = mlflow.MlflowClient(str(tmp_path / "other"))
    assert other.tracking_uri == str(tmp_path / "other")
    assert not (tmp_path / "other").exists()
    other.create_experiment("there")
    assert mlflow.get_experiment_by_name("there") is None
    assert mlflow.MlflowClient().tracking_uri == mlflow.get_tracking_uri()


def test_parents_are_found(mlflow: ModuleType) -> None:
    client = mlflow.MlflowClient()
    parent_id = client.create_run("0").info.run_id
    child_id = client.create_run("0", tags={"mlflow.parentRunId": parent_id}).info.run_id
    assert client.get_parent_run(child_id).info.run_id == parent_id
    assert client.get_parent_run(parent_id) is None


def test_a_deleted_run_takes_nothing(mlflow: ModuleType) -> None:
    client = mlflow.MlflowClient()
    run_id = client.create_run("0").info.run_id
    client.delete_run(run_id)
    calls: list[Callable[[], object]] = [
        lambda: client.log_metric(run_id, "loss", 1.0),
        lambda: client.log_param(run_id, "lr", 1),
        lambda: client.set_tag(run_id, "a", "b"),
        lambda: client.log_text(run_id, "a", "a.txt"),
    ]
    for call in calls:
        with pytest.raises(InvalidValueError, match="must be in the 'active' state"):
            call()
    client.restore_run(run_id)
    client.log_metric(run_id, "loss", 1.0)
    assert client.get_run(run_id).data.metrics == {"loss": 1.0}
