"""Metrics, params and tags of the active run."""

import math
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest

from eventtrack.entities import Metric
from eventtrack.errors import EventtrackError, InvalidValueError, NotFoundError


def points(mlflow: ModuleType, run_id: str, key: str) -> list[tuple[int, float]]:
    """Step and value of each point."""
    history = mlflow.MlflowClient().get_metric_history(run_id, key)
    return [(point.step, point.value) for point in history]


def test_logging_starts_a_run_where_none_is_active(mlflow: ModuleType) -> None:
    mlflow.log_metric("loss", 0.5)
    run = mlflow.active_run()
    assert run is not None
    mlflow.end_run()
    assert mlflow.get_run(run.info.run_id).data.metrics == {"loss": 0.5}


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("log_param", ("lr", 1)),
        ("log_params", ({"lr": 1},)),
        ("log_metrics", ({"loss": 1.0},)),
        ("set_tag", ("a", "b")),
        ("set_tags", ({"a": "b"},)),
        ("log_text", ("hello", "a.txt")),
        ("get_artifact_uri", ()),
    ],
)
def test_every_logging_call_starts_a_run(
    mlflow: ModuleType, call: str, arguments: tuple[object, ...]
) -> None:
    getattr(mlflow, call)(*arguments)
    assert mlflow.active_run() is not None


def test_points_keep_their_steps_and_the_run_shows_the_last(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
    assert points(mlflow, run.info.run_id, "loss") == [(s, 1 / (s + 1)) for s in range(5)]
    assert mlflow.get_run(run.info.run_id).data.metrics == {"loss": 0.2}


def test_a_point_without_a_step_has_step_zero(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 1.0, timestamp=1000)
    [point] = mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")
    assert (point.step, point.timestamp) == (0, 1000)


def test_metrics_go_to_the_innermost_run(mlflow: ModuleType) -> None:
    with mlflow.start_run() as parent:
        mlflow.log_metric("loss", 1.0)
        with mlflow.start_run(nested=True) as child:
            mlflow.log_metric("loss", 2.0)
        mlflow.log_metric("accuracy", 3.0)
    assert mlflow.get_run(parent.info.run_id).data.metrics == {"loss": 1.0, "accuracy": 3.0}
    assert mlflow.get_run(child.info.run_id).data.metrics == {"loss": 2.0}


def test_several_metrics_share_step_and_time(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        mlflow.log_metrics({"loss": 0.5, "accuracy": 0.9}, step=7)
    assert points(mlflow, run.info.run_id, "loss") == [(7, 0.5)]
    assert points(mlflow, run.info.run_id, "accuracy") == [(7, 0.9)]


def test_lines_of_text_go_to_the_active_run_and_are_read_back(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        mlflow.log_text_line("epoch 1", step=1, timestamp=10)
        mlflow.log_text_line("once upon a time", key="samples", step=2)
    client = mlflow.MlflowClient()
    client.log_text_line(run.info.run_id, "epoch 2", step=2, timestamp=20)
    lines = client.get_series(run.info.run_id, "log")
    assert [(one.text, one.step, one.timestamp) for one in lines] == [
        ("epoch 1", 1, 10),
        ("epoch 2", 2, 20),
    ]
    [sample] = client.get_series(run.info.run_id, "samples", start=-1)
    assert sample.text == "once upon a time"


def test_a_metric_may_go_to_another_run(mlflow: ModuleType) -> None:
    with mlflow.start_run() as other:
        pass
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 1.0, run_id=other.info.run_id)
        mlflow.log_metrics({"accuracy": 2.0}, run_id=other.info.run_id)
        mlflow.log_params({"lr": 1}, run_id=other.info.run_id)
    logged = mlflow.get_run(other.info.run_id).data
    assert logged.metrics == {"loss": 1.0, "accuracy": 2.0}
    assert logged.params == {"lr": "1"}
    assert mlflow.get_run(run.info.run_id).data.metrics == {}


@pytest.mark.parametrize("value", [3, True, np.float32(0.5), np.int64(2), np.array(1.5)], ids=repr)
def test_anything_that_is_a_number_can_be_logged(mlflow: ModuleType, value: object) -> None:
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", value)
    assert mlflow.get_run(run.info.run_id).data.metrics == {"loss": float(value)}  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [math.inf, -math.inf])
def test_infinities_are_kept(mlflow: ModuleType, value: float) -> None:
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", value)
    assert mlflow.get_run(run.info.run_id).data.metrics == {"loss": value}


def test_nan_is_kept(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", math.nan)
    assert math.isnan(mlflow.get_run(run.info.run_id).data.metrics["loss"])


def not_waiting(mlflow: ModuleType, key: object, value: object, step: object) -> None:
    """Log without waiting, then wait."""
    with pytest.warns(RuntimeWarning, match="logging failed"):
        outcome = mlflow.log_metric(key, value, step, synchronous=False)
    outcome.wait()


@pytest.mark.parametrize(
    ("key", "value", "step"),
    [
        ("", 1.0, 0),
        (None, 1.0, 0),
        (3, 1.0, 0),
        ("../up", 1.0, 0),
        ("a//b", 1.0, 0),
        ("x" * 251, 1.0, 0),
        ("loss", "high", 0),
        ("loss", None, 0),
        ("loss", [1.0], 0),
        ("loss", 1.0, math.nan),
        ("loss", 1.0, "first"),
        ("loss", 1.0, 2**63),
    ],
    ids=lambda value: repr(value)[:20],
)
@pytest.mark.parametrize("call", ["log_metric", "log_metrics", "other run", "not waiting"])
def test_a_bad_point_is_refused_and_nothing_is_written(
    mlflow: ModuleType, call: str, key: object, value: object, step: object
) -> None:
    with mlflow.start_run() as run:
        pass
    client = mlflow.MlflowClient()
    calls: dict[str, Callable[[], object]] = {
        "log_metric": lambda: mlflow.log_metric(key, value, step),
        "log_metrics": lambda: mlflow.log_metrics({"fine": 1.0, key: value}, step),
        "other run": lambda: client.log_metric(run.info.run_id, key, value, step=step),
        "not waiting": lambda: not_waiting(mlflow, key, value, step),
    }
    with mlflow.start_run(run_id=run.info.run_id), pytest.raises(EventtrackError):
        calls[call]()
    assert mlflow.get_run(run.info.run_id).data.metrics == {}


def test_an_unknown_run_takes_no_metric(mlflow: ModuleType) -> None:
    with pytest.raises(NotFoundError):
        mlflow.log_metric("loss", 1.0, run_id="0" * 32)
    assert mlflow.active_run() is None


@pytest.mark.parametrize("call", ["log_metrics", "log_params", "set_tags"])
@pytest.mark.parametrize("value", ["a", ["a"], None, 3])
def test_what_is_no_mapping_is_refused(mlflow: ModuleType, call: str, value: object) -> None:
    with pytest.raises(InvalidValueError, match="expected a dictionary"):
        getattr(mlflow, call)(value)
    assert mlflow.active_run() is None


def test_params_are_kept_as_text_and_returned_as_given(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        assert mlflow.log_param("lr", 0.1) == 0.1
        mlflow.log_params({"layers": [1, 2], "name": None, "deep": True})
    params = mlflow.get_run(run.info.run_id).data.params
    assert params == {"lr": "0.1", "layers": "[1, 2]", "name": "None", "deep": "True"}


def test_a_param_may_be_repeated_but_not_changed(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        mlflow.log_param("lr", 0.1)
        mlflow.log_param("lr", 0.1)
        with pytest.raises(InvalidValueError, match="Changing param values is not allowed"):
            mlflow.log_param("lr", 0.2)
        with pytest.raises(InvalidValueError):
            mlflow.log_params({"new": 1, "lr": 0.2})
    assert mlflow.get_run(run.info.run_id).data.params == {"lr": "0.1"}


def test_tags_are_kept_as_text_and_can_be_changed_and_deleted(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        mlflow.set_tag("stage", "draft")
        mlflow.set_tag("stage", "final")
        mlflow.set_tags({"round": 3, "good": True})
        mlflow.delete_tag("good")
        with pytest.raises(NotFoundError):
            mlflow.delete_tag("good")
    tags = mlflow.get_run(run.info.run_id).data.tags
    assert {key: tags.get(key) for key in ("stage", "round", "good")} == {
        "stage": "final",
        "round": "3",
        "good": None,
    }


@pytest.mark.parametrize(
    ("call", "arguments"),
    [
        ("log_metric", ("loss", 1.0)),
        ("log_metrics", ({"loss": 1.0},)),
        ("log_param", ("lr", 1)),
        ("log_params", ({"lr": 1},)),
        ("set_tag", ("a", "b")),
        ("set_tags", ({"a": "b"},)),
    ],
)
def test_a_call_that_does_not_wait_returns_what_can_be_waited_for(
    mlflow: ModuleType, call: str, arguments: tuple[object, ...]
) -> None:
    with mlflow.start_run() as run:
        outcome = getattr(mlflow, call)(*arguments, synchronous=False)
        outcome.wait()
        mlflow.flush_async_logging()
    data = mlflow.get_run(run.info.run_id).data
    assert data.metrics or data.params or "a" in data.tags


def test_a_failure_of_a_call_that_does_not_wait_is_told_and_raised_by_waiting(
    mlflow: ModuleType,
) -> None:
    with mlflow.start_run():
        mlflow.log_param("lr", 1)
        with pytest.warns(RuntimeWarning, match="logging failed"):
            outcome = mlflow.log_param("lr", 2, synchronous=False)
        with pytest.raises(mlflow.MlflowException, match="failures occurred"):
            outcome.wait()


def test_a_metric_may_name_its_dataset_and_model(mlflow: ModuleType) -> None:
    dataset = mlflow.data.from_dict({"x": [1, 2, 3]}, name="train")
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 1.0, step=1, dataset=dataset, model_id="m-1")
        mlflow.log_metrics({"loss": 0.5}, step=2, dataset=dataset, model_id="m-1")
    client = mlflow.MlflowClient()
    inputs = client.get_run(run.info.run_id).inputs
    assert [entry.dataset.name for entry in inputs.dataset_inputs] == ["train"]
    assert [entry.model_id for entry in inputs.model_inputs] == ["m-1"]
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(1, 1.0), (2, 0.5)]
    assert all(isinstance(point, Metric) for point in history)


def test_flush_without_a_store_in_use_makes_none(mlflow: ModuleType) -> None:
    mlflow.flush()
    mlflow.flush_async_logging()
