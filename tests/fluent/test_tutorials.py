"""What MLflow's tutorials do, step by step, with `import eventtrack as mlflow`."""

import math
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from eventtrack.entities import Metric, Param, RunTag, ViewType


def test_quickstart(mlflow: ModuleType) -> None:
    params = {"solver": "lbfgs", "max_iter": 1000, "random_state": 8888}
    mlflow.set_experiment("MLflow Quickstart")
    with mlflow.start_run():
        mlflow.log_params(params)
        mlflow.log_metric("accuracy", 0.97)
        mlflow.set_tag("Training Info", "Basic LR model for iris data")
    [run] = mlflow.search_runs(experiment_names=["MLflow Quickstart"], output_format="list")
    assert run.data.params == {key: str(value) for key, value in params.items()}
    assert run.data.metrics == {"accuracy": 0.97}
    assert run.data.tags["Training Info"] == "Basic LR model for iris data"
    assert run.info.status == "FINISHED"


def test_without_a_context_manager(mlflow: ModuleType) -> None:
    mlflow.start_run()
    mlflow.log_param("my", "param")
    mlflow.log_metric("score", 100)
    mlflow.end_run()
    [run] = mlflow.search_runs(output_format="list")
    assert (run.data.params, run.data.metrics) == ({"my": "param"}, {"score": 100.0})


def test_create_experiment(mlflow: ModuleType) -> None:
    experiment_id = mlflow.create_experiment(
        "Social NLP Experiments",
        artifact_location="/tmp/social-nlp",
        tags={"version": "v1", "priority": "P1"},
    )
    experiment = mlflow.get_experiment(experiment_id)
    assert experiment.name == "Social NLP Experiments"
    assert experiment.experiment_id == experiment_id
    assert experiment.artifact_location.endswith("/tmp/social-nlp")
    assert experiment.tags == {"version": "v1", "priority": "P1"}
    assert experiment.lifecycle_stage == "active"
    assert experiment.creation_time > 0


def test_an_experiment_that_may_exist_already(mlflow: ModuleType) -> None:
    def get_or_create(name: str) -> str:
        try:
            created = mlflow.create_experiment(name)
        except mlflow.exceptions.MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
            created = mlflow.get_experiment_by_name(name).experiment_id
        assert isinstance(created, str)
        return created

    assert get_or_create("apples") == get_or_create("apples")


def test_the_client_creates_and_searches_experiments(mlflow: ModuleType) -> None:
    client = mlflow.MlflowClient(tracking_uri=mlflow.get_tracking_uri())
    tags = {
        "project_name": "grocery-forecasting",
        "store_dept": "produce",
        "team": "stores-ml",
        "mlflow.note.content": "This experiment contains the produce models for apples.",
    }
    client.create_experiment(name="Apple_Models", tags=tags)
    [found] = client.search_experiments(filter_string="tags.`project_name` = 'grocery-forecasting'")
    assert found.name == "Apple_Models"
    assert dict(found)["tags"] == tags
    everything = client.search_experiments(order_by=["experiment_id ASC"])
    assert (everything[0].name, everything[0].lifecycle_stage) == ("Default", "active")


def test_start_run(mlflow: ModuleType) -> None:
    experiment_id = mlflow.create_experiment("experiment1")
    with mlflow.start_run(
        run_name="PARENT_RUN",
        experiment_id=experiment_id,
        tags={"version": "v1", "priority": "P1"},
        description="parent",
    ) as parent_run:
        mlflow.log_param("parent", "yes")
        with mlflow.start_run(
            run_name="CHILD_RUN",
            experiment_id=experiment_id,
            description="child",
            nested=True,
        ) as child_run:
            mlflow.log_param("child", "yes")
    assert f"{parent_run.info.run_name}" == "PARENT_RUN"
    results = mlflow.search_runs(
        experiment_ids=[experiment_id],
        filter_string=f"tags.mlflow.parentRunId = '{parent_run.info.run_id}'",
    )
    chosen = results[["run_id", "params.child", "tags.mlflow.runName"]]
    assert chosen.to_numpy().tolist() == [[child_run.info.run_id, "yes", "CHILD_RUN"]]


def test_resume_a_run(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        run_id = run.info.run_id
        mlflow.log_metric("loss", 0.9, step=0)
    with mlflow.start_run(run_id=run_id):
        mlflow.log_metric("loss", 0.1, step=1)
    steps = [point.step for point in mlflow.MlflowClient().get_metric_history(run_id, "loss")]
    assert steps == [0, 1]


def test_active_run(mlflow: ModuleType) -> None:
    mlflow.start_run()
    run = mlflow.active_run()
    assert run.info.run_id
    mlflow.end_run()
    assert mlflow.active_run() is None


def test_last_active_run(mlflow: ModuleType) -> None:
    with mlflow.start_run():
        mlflow.log_params({"n_estimators": 100, "max_depth": 6})
        mlflow.log_metric("training_score", 0.93)
    autolog_run = mlflow.last_active_run()
    assert autolog_run.data.params == {"n_estimators": "100", "max_depth": "6"}


def test_get_parent_run(mlflow: ModuleType) -> None:
    with mlflow.start_run(), mlflow.start_run(nested=True) as child_run:
        child_run_id = child_run.info.run_id
    parent_run = mlflow.get_parent_run(child_run_id)
    assert parent_run.info.run_id != child_run_id


def test_a_sweep_below_one_parent(mlflow: ModuleType) -> None:
    mlflow.set_experiment("Nested Child Association")

    def log_run(run_name: str, depth: int, parent_tag: str) -> None:
        with mlflow.start_run(run_name=run_name, nested=True):
            mlflow.log_param("max_depth", depth)
            mlflow.log_metrics({"mse": 10.0 - depth, "mae": 1.0})
            for step in range(3):
                mlflow.log_metric("loss", math.exp(-step), step=step)
            mlflow.set_tag("test_identifier", parent_tag)

    with mlflow.start_run(run_name="test_1") as parent:
        mlflow.log_param("completely_empty", "no")
        mlflow.set_tag("test_identifier", "parent")
        for depth in range(4):
            log_run(f"child {depth}", depth, "test_1")
    best = mlflow.search_runs(
        filter_string=(
            "tags.test_identifier = 'test_1' "
            f"and tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
        ),
        order_by=["metrics.mse ASC"],
        max_results=1,
    )
    assert best["params.max_depth"].tolist() == ["3"]


def test_log_batch(mlflow: ModuleType) -> None:
    client = mlflow.tracking.MlflowClient()
    run = client.create_run(experiment_id="0")
    client.log_batch(
        run.info.run_id,
        metrics=[Metric("m", 1.0, 1_600_000_000_000, 1)],
        params=[Param("p", "p")],
        tags=[RunTag("t", "t")],
    )
    client.set_terminated(run.info.run_id)
    run = client.get_run(run.info.run_id)
    assert (run.data.metrics, run.data.params) == ({"m": 1.0}, {"p": "p"})
    assert run.data.tags["t"] == "t"
    assert run.info.status == "FINISHED"


def test_artifacts(mlflow: ModuleType, tmp_path: object) -> None:
    with mlflow.start_run() as run:
        mlflow.log_text("text1", "file1.txt")
        mlflow.log_text("text2", "dir/file2.txt")
        mlflow.log_text("<h1>header</h1>", "index.html")
        mlflow.log_dict({"k": "v"}, "data.json")
        mlflow.log_dict({"k": "v"}, "dir/data")
    listed = mlflow.MlflowClient().list_artifacts(run.info.run_id)
    assert [entry.path for entry in listed] == ["data.json", "dir", "file1.txt", "index.html"]
    file_content = mlflow.artifacts.load_text(run.info.artifact_uri + "/file1.txt")
    assert file_content == "text1"
    assert mlflow.artifacts.load_dict(run.info.artifact_uri + "/dir/data") == {"k": "v"}


def test_figures_images_and_tables(mlflow: ModuleType) -> None:
    figure = Figure()
    figure.subplots().plot([0, 1], [2, 3])
    with mlflow.start_run() as run:
        mlflow.log_figure(figure, "figure.png")
        mlflow.log_image(np.zeros((8, 8, 3), dtype=np.uint8), "image.png")
        mlflow.log_image(np.zeros((8, 8, 3), dtype=np.uint8), key="dogs", step=3)
        mlflow.log_table(
            data={"inputs": ["What is MLflow?"], "toxicity": [0.0]},
            artifact_file="qabot_eval_results.json",
        )
    table = mlflow.load_table("qabot_eval_results.json", extra_columns=["run_id"])
    assert table["run_id"].tolist() == [run.info.run_id]


def test_track_a_dataset(mlflow: ModuleType) -> None:
    raw_data = pd.DataFrame({"fixed acidity": [7.0, 6.3], "quality": [6.0, 6.0]})
    dataset = mlflow.data.from_pandas(
        raw_data, source="https://example.org/wine.csv", name="wine", targets="quality"
    )
    assert dataset.profile == {"num_rows": 2, "num_elements": 4}
    with mlflow.start_run():
        mlflow.log_input(dataset, context="training")
    logged_run = mlflow.get_run(mlflow.last_active_run().info.run_id)
    dataset_info = logged_run.inputs.dataset_inputs[0].dataset
    assert (dataset_info.name, dataset_info.digest) == ("wine", dataset.digest)
    assert mlflow.data.get_source(dataset_info).uri == "https://example.org/wine.csv"


def test_delete_and_restore(mlflow: ModuleType) -> None:
    client = mlflow.MlflowClient()
    experiment_id = client.create_experiment("New Experiment")
    client.delete_experiment(experiment_id)
    assert client.get_experiment(experiment_id).lifecycle_stage == "deleted"
    client.restore_experiment(experiment_id)
    run = client.create_run(experiment_id)
    client.delete_run(run.info.run_id)
    deleted = client.search_runs([experiment_id], run_view_type=ViewType.DELETED_ONLY)
    assert [entry.info.run_id for entry in deleted] == [run.info.run_id]


def test_overwriting_a_param(mlflow: ModuleType) -> None:
    with mlflow.start_run():
        mlflow.log_param("depth", 3)
        with pytest.raises(mlflow.MlflowException):
            mlflow.log_param("depth", 5)
    with mlflow.start_run():
        with mlflow.start_run(nested=True):
            mlflow.log_param("depth", 3)
        with mlflow.start_run(nested=True):
            mlflow.log_param("depth", 5)
