"""The plugin with this version of MLflow, from 3.5 on."""

import warnings
from pathlib import Path
from typing import Any

import pytest

from tests.matrix import program

mlflow: Any = pytest.importorskip("mlflow", minversion="3.5")


@pytest.fixture(autouse=True)
def store(tmp_path: Path) -> str:
    """A new store, which MLflow logs to."""
    uri = f"eventtrack:{tmp_path / 'store'}"
    mlflow.set_tracking_uri(uri)
    return uri


def test_the_plugin_is_found_without_a_warning(store: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        assert [one.name for one in mlflow.search_experiments()] == ["Default"]


def test_a_program_logs_searches_and_registers(tmp_path: Path) -> None:
    program.check_all(mlflow, tmp_path)


def test_models_are_logged_and_found() -> None:
    client = mlflow.MlflowClient()
    made = mlflow.initialize_logged_model(name="net", params={"p": "1"}, tags={"t": "1"})
    mlflow.finalize_logged_model(made.model_id, "READY")
    with mlflow.start_run() as run:
        mlflow.log_metric("loss", 0.5, step=1, model_id=made.model_id)
    found = client.get_logged_model(made.model_id)
    assert (found.name, found.params, found.tags["t"]) == ("net", {"p": "1"}, "1")
    assert [(one.key, one.value, one.run_id) for one in found.metrics] == [
        ("loss", 0.5, run.info.run_id)
    ]
    [one] = client.search_logged_models(["0"], filter_string="metrics.loss > 0.1")
    assert one.model_id == made.model_id


def traced() -> str:
    """A trace of two spans, made with MLflow's decorator; returns its id."""

    @mlflow.trace(span_type="TOOL")  # type: ignore[untyped-decorator]
    def inner(number: int) -> int:
        return number + 1

    @mlflow.trace(name="outer")  # type: ignore[untyped-decorator]
    def outer(number: int) -> int:
        mlflow.update_current_trace(tags={"kind": "test"})
        return int(inner(number)) * 2

    assert outer(2) == 6
    if hasattr(mlflow, "flush_trace_async_logging"):
        mlflow.flush_trace_async_logging()
    return str(mlflow.get_last_active_trace_id())


def test_traces_come_back_with_their_spans() -> None:
    trace_id = traced()
    found = mlflow.get_trace(trace_id)
    assert [one.name for one in found.data.spans] == ["outer", "inner"]
    outer, inner = found.data.spans
    assert (outer.inputs, outer.outputs, outer.parent_id) == ({"number": 2}, 6, None)
    assert (inner.outputs, inner.parent_id, inner.span_type) == (3, outer.span_id, "TOOL")
    assert (found.info.state.value, found.info.tags["kind"]) == ("OK", "test")
    [one] = mlflow.search_traces(return_type="list", filter_string="tags.kind = 'test'")
    assert one.info.trace_id == trace_id
    assert [span.name for span in one.data.spans] == ["outer", "inner"]


def test_spans_are_kept_once_and_read_from_the_store_by_every_version() -> None:
    """Old versions send spans, then a file of them; and they read traces from that file."""
    from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

    location = mlflow.get_trace(traced()).info.tags["mlflow.artifactLocation"]
    repository = get_artifact_repository(location)
    assert repository.list_artifacts() == []
    assert [one["name"] for one in repository.download_trace_data()["spans"]] == ["outer", "inner"]


def test_traces_are_tagged_assessed_and_deleted() -> None:
    trace_id, client = traced(), mlflow.MlflowClient()
    client.set_trace_tag(trace_id, "later", "yes")
    mlflow.log_feedback(trace_id=trace_id, name="good", value=True, rationale="it is")
    mlflow.log_expectation(trace_id=trace_id, name="answer", value={"n": 6})
    info = client.get_trace(trace_id).info
    assert info.tags["later"] == "yes"
    assert sorted(one.name for one in info.assessments) == ["answer", "good"]
    client.delete_trace_tag(trace_id, "later")
    assert "later" not in client.get_trace(trace_id).info.tags
    assert client.delete_traces("0", trace_ids=[trace_id]) == 1
    assert mlflow.search_traces(return_type="list") == []


def test_a_trace_of_a_run_is_found_by_it() -> None:
    with mlflow.start_run() as run:
        trace_id = traced()
    [one] = mlflow.search_traces(run_id=run.info.run_id, return_type="list")
    assert one.info.trace_id == trace_id
