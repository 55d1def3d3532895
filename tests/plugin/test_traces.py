"""The real mlflow traces on our store, through our server, and on its own store: all the same."""

import contextlib
import json
import threading
from collections.abc import Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

from eventtrack.store import open_store
from tests.server.running import running

mlflow: Any = pytest.importorskip("mlflow")


@pytest.fixture(scope="module", params=["plugin", "server", "mlflow"])
def address(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Where traces go: our store, our server, and MLflow's own store for comparison."""
    folder = tmp_path_factory.mktemp("tracked")
    if request.param == "server":
        with running(folder / "store") as server:
            yield server.url
    elif request.param == "plugin":
        yield f"eventtrack:{folder}/store"
    else:
        yield f"sqlite:///{folder}/mlflow.db"


@pytest.fixture
def experiment(
    address: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> str:
    """An experiment of the test's own, and mlflow set on it.

    Traces are sent by the calls themselves: to flush MLflow's queue takes a second each time.
    """
    monkeypatch.setenv("MLFLOW_ENABLE_ASYNC_TRACE_LOGGING", "false")
    mlflow.set_tracking_uri(address)
    mlflow.tracing.reset()
    found = mlflow.set_experiment(f"{request.node.name}")
    return str(found.experiment_id)


@mlflow.trace(span_type="TOOL")  # type: ignore[untyped-decorator]
def double(number: int) -> int:
    """An inner step."""
    return number * 2


@mlflow.trace  # type: ignore[untyped-decorator]
def fail() -> None:
    """A step that goes wrong."""
    raise ValueError("went wrong")


@mlflow.trace(name="answer", attributes={"stop": ["a", None]})  # type: ignore[untyped-decorator]
def answer(number: int) -> int:
    """A request with steps inside, one of which fails."""
    mlflow.update_current_trace(
        tags={"team": "ä"}, metadata={"mlflow.trace.session": "s-1", "version": "2"}
    )
    with mlflow.start_span("model", span_type="LLM") as span:
        span.set_inputs({"messages": [{"role": "user", "content": "why?"}]})
        span.set_outputs({"text": "because", "parts": [1, 2.5, True, None]})
        usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
        span.set_attribute("mlflow.chat.tokenUsage", usage)
    with contextlib.suppress(ValueError):
        fail()
    return int(double(number))


def traced(number: int = 4) -> Any:
    """The trace of one request, from where it was stored."""
    answer(number)
    mlflow.flush_trace_async_logging()
    return mlflow.get_trace(mlflow.get_last_active_trace_id())


def ids(**search: Any) -> list[str]:
    """The ids of the traces that a search finds."""
    mlflow.flush_trace_async_logging()
    return [one.info.trace_id for one in mlflow.search_traces(return_type="list", **search)]


def test_nested_functions_are_spans_of_one_trace(experiment: str) -> None:
    trace = traced()
    assert (trace.info.state, trace.info.experiment_id) == ("OK", experiment)
    assert trace.info.tags["team"] == "ä"
    assert trace.info.tags["mlflow.traceName"] == "answer"
    metadata = trace.info.trace_metadata
    assert (metadata["mlflow.trace.session"], metadata["version"]) == ("s-1", "2")
    assert trace.info.token_usage["total_tokens"] == 3
    assert (trace.info.request_preview, trace.info.response_preview) == ('{"number": 4}', "8")
    spans = {span.name: span for span in trace.data.spans}
    root, model, failed, inner = (spans[name] for name in ("answer", "model", "fail", "double"))
    assert trace.data.spans[0].name == "answer"
    assert root.parent_id is None
    assert {one.parent_id for one in (model, failed, inner)} == {root.span_id}
    assert (root.inputs, root.outputs) == ({"number": 4}, 8)
    assert root.attributes["stop"] == ["a", None]
    assert model.outputs == {"text": "because", "parts": [1, 2.5, True, None]}
    assert (model.span_type, inner.span_type) == ("LLM", "TOOL")
    assert failed.status.status_code == "ERROR"
    [event] = failed.events
    assert event.name == "exception"
    assert event.attributes["exception.message"] == "went wrong"


def test_a_request_that_fails_is_a_trace_that_failed(experiment: str) -> None:
    with pytest.raises(ValueError, match="went wrong"):
        fail()
    mlflow.flush_trace_async_logging()
    trace = mlflow.get_trace(mlflow.get_last_active_trace_id())
    assert trace.info.state == "ERROR"
    assert ids(filter_string="status = 'ERROR'") == [trace.info.trace_id]
    assert ids(filter_string="status = 'OK'") == []


def test_threads_have_traces_of_their_own_or_share_one(experiment: str) -> None:
    threads = [threading.Thread(target=double, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids()) == 8
    with mlflow.start_span("fan out"):
        inside = [
            threading.Thread(target=copy_context().run, args=(double, number))
            for number in range(4)
        ]
        for thread in inside:
            thread.start()
        for thread in inside:
            thread.join()
    assert len(ids()) == 9
    trace = mlflow.get_trace(mlflow.get_last_active_trace_id())
    assert sorted(one.name for one in trace.data.spans) == ["double"] * 4 + ["fan out"]


def test_traces_inside_a_run_are_found_by_it(experiment: str) -> None:
    outside = traced().info.trace_id
    with mlflow.start_run() as run:
        inside = traced().info.trace_id
    assert ids(run_id=run.info.run_id) == [inside]
    mlflow.MlflowClient().link_traces_to_run([outside], run.info.run_id)
    assert set(ids(run_id=run.info.run_id)) == {inside, outside}


def test_traces_are_searched_and_paged(experiment: str) -> None:
    made = [traced(number).info.trace_id for number in range(3)]
    assert ids() == made[::-1]
    assert ids(order_by=["timestamp ASC"], max_results=2) == made[:2]
    assert ids(filter_string="tags.team = 'ä' AND span.name = 'fail'") == made[::-1]
    assert ids(filter_string="span.type = 'LLM' AND span.name = 'double'") == []
    assert ids(filter_string="trace.text LIKE '%because%'", max_results=1) == made[2:]
    assert ids(filter_string="metadata.version != '2'") == []
    frame = mlflow.search_traces()
    assert list(frame["trace_id"]) == made[::-1]
    assert list(frame["response"]) == [4, 2, 0]
    with pytest.raises(mlflow.exceptions.MlflowException):
        ids(filter_string="nonsense")


def test_tags_are_set_and_deleted(experiment: str) -> None:
    trace_id = traced().info.trace_id
    mlflow.set_trace_tag(trace_id, "reviewed", "yes")
    assert mlflow.get_trace(trace_id).info.tags["reviewed"] == "yes"
    mlflow.delete_trace_tag(trace_id, "reviewed")
    assert "reviewed" not in mlflow.get_trace(trace_id).info.tags
    with pytest.raises(mlflow.exceptions.MlflowException, match="No trace tag"):
        mlflow.delete_trace_tag(trace_id, "reviewed")


def test_feedback_and_expectations(experiment: str) -> None:
    trace_id = traced().info.trace_id
    human = mlflow.entities.AssessmentSource("HUMAN", "ada")
    good = mlflow.log_feedback(
        trace_id=trace_id, name="good", value=True, rationale="it is", source=human
    )
    mlflow.log_feedback(trace_id=trace_id, name="slow", error=TimeoutError("3 s"))
    expected = mlflow.log_expectation(trace_id=trace_id, name="facts", value={"city": ["Paris"]})
    mlflow.override_feedback(trace_id=trace_id, assessment_id=good.assessment_id, value=False)
    mlflow.update_assessment(
        trace_id,
        expected.assessment_id,
        mlflow.entities.Expectation(name="facts", value="Paris", metadata={"from": "book"}),
    )
    found = mlflow.get_trace(trace_id).info.assessments
    by_name = {(one.name, one.value): one for one in found}
    assert by_name["good", True].valid is False
    assert by_name["good", True].source.source_id == "ada"
    assert by_name["good", False].overrides == good.assessment_id
    assert by_name["slow", None].error.error_message == "3 s"
    assert by_name["facts", "Paris"].metadata == {"from": "book"}
    assert ids(filter_string="feedback.good = 'false'") == [trace_id]
    assert ids(filter_string="feedback.good = 'true'") == []
    mlflow.delete_assessment(trace_id, by_name["good", False].assessment_id)
    assert mlflow.get_assessment(trace_id, good.assessment_id).valid is True
    mlflow.delete_assessment(trace_id, expected.assessment_id)
    with pytest.raises(mlflow.exceptions.MlflowException, match="not found"):
        mlflow.get_assessment(trace_id, expected.assessment_id)


def test_traces_are_deleted(experiment: str) -> None:
    client = mlflow.MlflowClient()
    first, second, third = (traced(number).info for number in range(3))
    assert client.delete_traces(experiment, trace_ids=[first.trace_id]) == 1
    assert client.delete_traces(experiment, max_timestamp_millis=second.request_time) == 1
    assert ids() == [third.trace_id]
    assert mlflow.get_trace(first.trace_id, silent=True) is None


def test_a_large_span_comes_back_whole(experiment: str) -> None:
    text = "ü" * 500_000
    with mlflow.start_span("large") as span:
        span.set_inputs(text)
    mlflow.flush_trace_async_logging()
    trace = mlflow.get_trace(mlflow.get_last_active_trace_id())
    assert trace.data.spans[0].inputs == text


def test_attachments_lie_with_the_trace(experiment: str, address: str) -> None:
    attachment = mlflow.tracing.attachments.Attachment(
        content_type="image/png", content_bytes=b"\x89PNG"
    )
    with mlflow.start_span("look") as span:
        span.set_inputs({"image": attachment})
    mlflow.flush_trace_async_logging()
    trace = mlflow.get_trace(mlflow.get_last_active_trace_id())
    assert "mlflow-attachment://" in json.dumps(trace.data.spans[0].inputs)
    if address.startswith("eventtrack:"):
        store = open_store(address)
        [file] = store.traces.artifacts.entries(trace.info.trace_id)
        assert file.path.startswith("attachments/")


def test_what_is_sent_in_the_background_is_in_the_log(tmp_path: Path) -> None:
    uri = f"eventtrack:{tmp_path}/store"
    mlflow.set_tracking_uri(uri)
    mlflow.tracing.reset()
    mlflow.set_experiment("logged")
    traced()
    store = open_store(uri)
    types = {event.type for event in store.events.read()}
    assert types >= {"trace.spans_logged", "trace.recorded"}
    assert store.maintenance.check().ok


def test_figures_about_traces(experiment: str) -> None:
    from mlflow.entities.trace_metrics import AggregationType, MetricAggregation, MetricViewType
    from mlflow.tracking._tracking_service.utils import _get_store

    traced()
    count, median = (
        MetricAggregation(AggregationType.COUNT),
        MetricAggregation(AggregationType.PERCENTILE, 50.0),
    )
    ask = _get_store().query_trace_metrics
    found = ask([experiment], MetricViewType.TRACES, "trace_count", [count], ["trace_name"])
    assert [(one.dimensions, one.values) for one in found] == [
        ({"trace_name": "answer"}, {"COUNT": 1})
    ]
    (tokens,) = ask([experiment], MetricViewType.TRACES, "total_tokens", [median])
    assert tokens.values == {"P50.0": 3}
    with pytest.raises(mlflow.MlflowException, match="metric_name must be one of"):
        ask([experiment], MetricViewType.TRACES, "nothing", [count])
