"""A script as users write them, which prints the same on any tracking URI.

Run as a program: `python scripts.py URI`. Names of machines, ids and times are left out.
"""

import logging
import math
import sys
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException

T0 = 1_790_000_000_000


def say(*values: Any) -> None:
    """Print one line of results."""
    sys.stdout.write(" ".join(map(str, values)) + "\n")


def refused(call: Any, *arguments: Any, **named: Any) -> None:
    """Say with which code a call is refused, or that it is not."""
    try:
        call(*arguments, **named)
    except MlflowException as error:
        say(call.__name__, error.error_code)
    else:
        say(call.__name__, "is allowed")


def fluent() -> str:
    """The tutorial: runs, nested ones, params, metrics, tags, artifacts, search."""
    mlflow.set_experiment("tutorial")
    with mlflow.start_run(run_name="parent", tags={"stage": "dev"}) as parent:
        mlflow.log_params({"lr": 0.01, "long": "v" * 7000, "empty": ""})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"acc": 0.5, "up": math.inf, "down": -math.inf, "nan": math.nan}, step=3)
        mlflow.set_tags({"owner": "me", "long": "t" * 9000})
        mlflow.log_text("hello", "notes/a.txt")
        mlflow.log_dict({"a": 1}, "notes/deep/b.json")
        with mlflow.start_run(run_name="child", nested=True):
            mlflow.log_param("lr", 0.1)
            mlflow.log_metric("loss", 9.0)
    run_id: str = parent.info.run_id
    run = mlflow.get_run(run_id)
    say(run.info.status, run.info.lifecycle_stage, run.info.run_name, run.info.end_time is not None)
    say(sorted(run.data.metrics.items()))
    say({key: len(value) for key, value in sorted(run.data.params.items())})
    say(
        {
            key: len(value)
            for key, value in sorted(run.data.tags.items())
            if key in ("owner", "long")
        }
    )
    say([one.path for one in mlflow.artifacts.list_artifacts(run_id=run_id, artifact_path="notes")])
    say(mlflow.artifacts.load_text(f"{run.info.artifact_uri}/notes/a.txt"))
    folder = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path="notes")
    say(sorted(path.name for path in Path(folder).rglob("*")))
    for text in (
        "metrics.loss < 1",
        "params.lr = '0.1'",
        "tags.stage LIKE 'd%'",
        "metrics.nan > 0",
    ):
        found = mlflow.search_runs(filter_string=text, output_format="list")
        say(text, [one.info.run_name for one in found])
    found = mlflow.search_runs(order_by=["metrics.loss DESC"], output_format="list")
    say([one.info.run_name for one in found])
    with mlflow.start_run(run_id=run_id):
        mlflow.log_param("later", 1)
    say(mlflow.get_run(run_id).info.status, mlflow.last_active_run().info.run_name)
    return run_id


def client_calls(run_id: str) -> None:
    """Batches, histories, deletion, experiments, refusals."""
    client = MlflowClient()
    points = [Metric("m", float(value), T0 + value % 3, value) for value in range(10)]
    client.log_batch(run_id, points, [Param("p", "1")], [RunTag("t", "2")])
    say(
        [
            (one.step, one.value, one.timestamp - T0)
            for one in client.get_metric_history(run_id, "m")
        ]
    )
    refused(client.log_param, run_id, "p", "2")
    refused(client.log_metric, run_id, "bad*key", 1.0)
    refused(client.get_run, "0" * 32)
    refused(client.delete_tag, run_id, "absent")
    refused(client.create_experiment, "tutorial")
    client.delete_run(run_id)
    refused(client.log_metric, run_id, "m", 1.0)
    experiment_id = client.get_experiment_by_name("tutorial").experiment_id
    for view in (ViewType.ACTIVE_ONLY, ViewType.DELETED_ONLY, ViewType.ALL):
        say(sorted(one.info.run_name for one in client.search_runs([experiment_id], "", view)))
    client.restore_run(run_id)
    other = client.create_experiment("other", tags={"a": "1"})
    client.set_experiment_tag(other, "b", "2")
    client.rename_experiment(other, "renamed")
    say([(one.name, one.tags.get("b")) for one in client.search_experiments(order_by=["name ASC"])])
    client.delete_experiment(other)
    refused(client.delete_experiment, other)
    refused(client.create_run, other)
    say([one.name for one in client.search_experiments(ViewType.DELETED_ONLY)])
    client.restore_experiment(other)
    page = client.search_runs([experiment_id], max_results=1)
    say(len(page), bool(page.token))
    page = client.search_runs([experiment_id], max_results=1, page_token=page.token)
    say(len(page), page.token)


def inputs() -> None:
    """Datasets, and asynchronous logging."""
    dataset = mlflow.data.meta_dataset.MetaDataset(
        mlflow.data.http_dataset_source.HTTPDatasetSource("http://localhost/x"),
        name="d",
        digest="1",
    )
    with mlflow.start_run(run_name="reads") as run:
        mlflow.log_input(dataset, context="training", tags={"v": "1"})
        mlflow.log_metric("late", 1.0, synchronous=False)
        mlflow.log_params({"a": 1}, synchronous=False)
        mlflow.set_tag("b", 2, synchronous=False)
    mlflow.flush_async_logging()
    known = mlflow.get_run(run.info.run_id)
    say(known.data.metrics, known.data.params, known.data.tags["b"])
    for one in known.inputs.dataset_inputs:
        say(one.dataset.name, one.dataset.digest, sorted((tag.key, tag.value) for tag in one.tags))
    found = mlflow.search_runs(filter_string="datasets.name = 'd'", output_format="list")
    say([one.info.run_name for one in found])


def models() -> None:
    """Logged models: made from a function, loaded, tagged, found, deleted."""
    client = MlflowClient()
    with mlflow.start_run(run_name="writes") as run:
        info = mlflow.pyfunc.log_model(
            name="double",
            python_model=lambda model_input: [2 * one for one in model_input],
            pip_requirements=["mlflow"],
        )
    say(mlflow.pyfunc.load_model(info.model_uri).predict([1, 2]))
    model_id = info.model_id
    say([one.model_id == model_id for one in mlflow.get_run(run.info.run_id).outputs.model_outputs])
    client.set_logged_model_tags(model_id, {"k": "v"})
    model = client.get_logged_model(model_id)
    say(model.name, model.status, model.tags.get("k"), model.source_run_id == run.info.run_id)
    for text in ("name = 'double'", "tags.k = 'v'", "tags.k = 'w'"):
        found = mlflow.search_logged_models(filter_string=text, output_format="list")
        say(text, [one.name for one in found])
    client.delete_logged_model_tag(model_id, "k")
    refused(client.delete_logged_model_tag, model_id, "k")
    client.delete_logged_model(model_id)
    refused(client.get_logged_model, model_id)


def everything(uri: str) -> None:
    """All of the above."""
    logging.getLogger("mlflow").setLevel(logging.ERROR)
    mlflow.set_tracking_uri(uri)
    run_id = fluent()
    client_calls(run_id)
    inputs()
    models()


if __name__ == "__main__":
    everything(sys.argv[1])
