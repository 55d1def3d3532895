"""Traces: every request is answered as MLflow's own server answers it."""

from typing import Any

import pytest

pytest.importorskip("opentelemetry.proto.trace.v1.trace_pb2")

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service
from opentelemetry.proto.common.v1 import common_pb2 as common
from opentelemetry.proto.trace.v1 import trace_pb2 as proto

from tests.compat.tracing import (
    T0,
    V3,
    again,
    any_value,
    export,
    info,
    new_id,
    place,
    read,
    search,
    span,
    start,
)
from tests.compat.twin import API, Twin


@pytest.fixture(autouse=True)
def an_experiment(twin: Twin) -> None:
    """Every test has an experiment of its own."""
    twin.new_experiment()


def test_a_trace_is_reported_and_read(twin: Twin) -> None:
    trace_id = new_id()
    start(
        twin,
        trace_id,
        client_request_id="mine",
        request_preview="why?",
        response_preview="because",
        trace_metadata={"mlflow.user": "me", "long": "x" * 300},
        tags={"mlflow.traceName": "answer", "long": "y" * 5000},
    )
    read(twin, trace_id)
    again(twin, trace_id, state="ERROR", execution_duration="2s", tags={"more": "1"})
    read(twin, trace_id)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"state": "IN_PROGRESS", "execution_duration": None},
        {"state": 2},
        {"state": "STATE_UNSPECIFIED"},
        {"execution_duration": "0s"},
        {"execution_duration": "0.0015s"},
        {"request_time": "2026-05-03T16:00:00+02:00"},
        {"request_time": "1969-12-31T23:59:59.999Z"},
        {"request_preview": ""},
        {"tags": {}, "trace_metadata": {}},
        {"requestPreview": "camel", "clientRequestId": "c"},
        {"unknown": 1},
    ],
)
def test_reports_of_all_kinds_are_taken(twin: Twin, fields: dict[str, Any]) -> None:
    trace_id = new_id()
    start(twin, trace_id, **fields)
    read(twin, trace_id)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"trace": None},
        {"trace": {"trace_info": info("tr-x", trace_location=place("987654"))}},
        {"trace": {"trace_info": info("tr-x", trace_location=place("abc"))}},
        {"trace": {"trace_info": info("tr-x", tags={"mlflow.traceName": "n" * 5000})}},
        {"trace": {"trace_info": info("tr-x", trace_metadata={"mlflow.trace.session": "s" * 300})}},
    ],
)
def test_reports_that_make_no_sense_are_refused(twin: Twin, body: Any) -> None:
    twin.same("POST", f"{V3}traces", json=body)


def test_a_trace_of_a_deleted_experiment_is_refused(twin: Twin) -> None:
    twin.post("experiments/delete", {"experiment_id": "{experiment}"})
    start(twin, new_id())


@pytest.mark.parametrize(
    ("method", "path", "request_"),
    [
        ("GET", "traces/nope", {}),
        ("GET", "traces/get", {"params": {}}),
        ("GET", "traces/get", {"params": {"trace_id": "nope", "allow_partial": "true"}}),
        ("GET", "traces/get", {"params": {"trace_id": "nope", "allow_partial": "maybe"}}),
        ("GET", "traces/batchGet", {"params": {"trace_ids": "nope"}}),
        ("GET", "traces/batchGet", {"params": {}}),
        ("POST", "traces/batchGetInfos", {"json": {"trace_ids": ["nope"]}}),
        ("POST", "traces/batchGetInfos", {"json": {"trace_ids": "nope"}}),
        ("POST", "traces/batchGetInfos", {"json": {}}),
        ("DELETE", "traces/nope/tags", {"params": {"key": "a"}}),
        ("GET", "traces/nope/assessments/a-1", {}),
        ("DELETE", "traces/nope/assessments/a-1", {}),
        ("POST", "traces/search", {"json": {}}),
        ("POST", "traces/search", {"json": {"locations": []}}),
        ("POST", "traces/search", {"json": {"locations": [place()], "max_results": 501}}),
        ("POST", "traces/search", {"json": {"locations": [place()], "max_results": "x"}}),
        ("POST", "traces/search", {"json": {"locations": [place()], "filter": 1}}),
        ("POST", "traces/search", {"json": {"locations": [place("987654")]}}),
        ("POST", "traces/search", {"json": {"locations": [place(), place()]}}),
        ("POST", "traces/delete-traces", {"json": {}}),
        ("POST", "traces/delete-traces", {"json": {"experiment_id": "{experiment}"}}),
        ("POST", "traces/delete-traces", {"json": {"experiment_id": "9", "request_ids": ["a"]}}),
        ("POST", "traces/link-to-run", {"json": {"trace_ids": ["a"]}}),
    ],
)
def test_what_is_not_there_is_not_found(
    twin: Twin, method: str, path: str, request_: dict[str, Any]
) -> None:
    twin.same(method, f"{V3}{path}", **request_)


def test_what_mlflow_lets_slip_is_refused(twin: Twin) -> None:
    """A tag of a trace that is not there, and a link to a run that is not there."""
    trace_id = new_id()
    start(twin, trace_id)
    for method, path, body, theirs in (
        ("PATCH", f"{V3}traces/nope/tags", {"key": "a", "value": "b"}, 400),
        ("POST", f"{API}traces/link-to-run", {"trace_ids": [trace_id], "run_id": "f" * 32}, 200),
    ):
        pair = twin._ask(method, path, json=body)
        assert [one.status_code for one in pair] == [404, theirs]


def test_deletions_that_contradict_themselves_are_refused(twin: Twin) -> None:
    for fields in (
        {"max_timestamp_millis": 1, "request_ids": ["a"]},
        {"max_traces": 1, "request_ids": ["a"]},
        {"max_timestamp_millis": 1, "max_traces": 0},
        {"max_timestamp_millis": "x"},
        {"request_ids": "a"},
        {"max_timestamp_millis": 0},
    ):
        body = {"experiment_id": "{experiment}", **fields}
        twin.same("POST", f"{V3}traces/delete-traces", json=body)


def test_tags_are_set_and_deleted(twin: Twin) -> None:
    trace_id = new_id()
    start(twin, trace_id)
    for prefix in (V3, API):
        path = f"{prefix}traces/{trace_id}/tags"
        for body in (
            {"key": "a", "value": "1"},
            {"key": "a", "value": "2"},
            {"key": "long", "value": "x" * 9000},
            {"key": "k" * 251, "value": "1"},
            {"key": "bad?key", "value": "1"},
            {"key": "..", "value": "1"},
            {"key": "mlflow.trace.spansLocation", "value": "1"},
            {"key": "mlflow.traceName", "value": "n" * 5000},
            {"key": "mlflow.traceName", "value": "named"},
            {"key": "", "value": "1"},
            {"value": "1"},
            {"key": "b"},
            {"key": "b", "value": 1},
        ):
            twin.same("PATCH", path, json=body)
        read(twin, trace_id)
        for key in ("a", "a", "mlflow.traceName", "mlflow.trace.spansLocation"):
            twin.same("DELETE", path, json={"key": key})
        read(twin, trace_id)


def test_traces_are_linked_to_runs(twin: Twin) -> None:
    twin.new_run()
    trace_id, other = new_id(), new_id()
    start(twin, trace_id)
    start(twin, other)
    twin.post("traces/link-to-run", {"trace_ids": [trace_id, "nope"], "run_id": "{run}"})
    twin.post("traces/link-to-run", {"trace_ids": [trace_id], "run_id": "{run}"})
    twin.post("traces/link-to-run", {"trace_ids": [], "run_id": "{run}"})
    many = [str(number) for number in range(101)]
    twin.post("traces/link-to-run", {"trace_ids": many, "run_id": "{run}"})
    search(twin, "run_id = '{run}'")
    prompts = [{"name": "greeting", "version": "1"}]
    twin.post("traces/link-prompts", {"trace_id": trace_id, "prompt_versions": prompts})
    twin.post("traces/link-prompts", {"trace_id": "nope", "prompt_versions": prompts})
    search(twin, "prompt = 'greeting/1'")
    search(twin, "prompt = 'greeting/2'")


def test_traces_are_deleted(twin: Twin) -> None:
    ids = sorted(new_id() for _ in range(5))
    for second, trace_id in enumerate(ids):
        start(twin, trace_id, request_time=f"2026-05-03T14:00:0{second}Z")
    moment = 1_777_816_802_000
    path = f"{V3}traces/delete-traces"
    body = {"experiment_id": "{experiment}"}
    twin.same("POST", path, json={**body, "max_timestamp_millis": moment, "max_traces": 1})
    twin.same("POST", path, json={**body, "max_timestamp_millis": moment})
    twin.same("POST", path, json={**body, "request_ids": [ids[3], ids[3], "nope"]})
    read(twin, ids[3])
    search(twin, "")


def test_spans_make_a_trace(twin: Twin) -> None:
    trace_id = new_id()
    usage = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3}
    child = span(
        trace_id,
        2,
        1,
        at=10,
        attributes={"mlflow.chat.tokenUsage": usage, "session.id": "s", "user.id": "u"},
    )
    export(twin, child)
    read(twin, trace_id)
    root = span(
        trace_id,
        1,
        attributes={
            "mlflow.spanInputs": {"messages": [{"role": "user", "content": "why?"}]},
            "mlflow.spanOutputs": {"choices": [{"message": {"role": "a", "content": "so"}}]},
            "mlflow.traceTag.mine": "1",
            "mlflow.traceTag.bad?": "1",
            "text": "plain",
            "number": 5,
            "float": 2.5,
            "yes": True,
            "list": [1, "a", None],
            "object": {"a": {"b": [1]}},
            "empty": [],
            "json": '{"a": 1}',
            "digits": "12",
        },
        status=proto.Status(code=proto.Status.STATUS_CODE_ERROR, message="went wrong"),
    )
    event = root.events.add(name="exception", time_unix_nano=T0 * 10**9 + 5)
    event.attributes.append(common.KeyValue(key="type", value=any_value("ValueError")))
    root.links.add(trace_id=bytes(range(16)), span_id=bytes(range(8)))
    export(twin, root, resource={"service.name": "shop", "telemetry.sdk.name": "x", "n": 3})
    read(twin, trace_id)
    whole(twin, trace_id)


def whole(twin: Twin, trace_id: str) -> None:
    """A trace with its spans is the same in all the ways to ask for it."""
    query = {"trace_id": trace_id, "allow_partial": "true"}
    twin.same("GET", f"{V3}traces/get", params=query)
    twin.same("GET", f"{V3}traces/batchGet", params={"trace_ids": [trace_id, trace_id]})
    infos = {"trace_ids": [trace_id], "experiment_ids": ["{experiment}"]}
    twin.same("POST", f"{V3}traces/batchGetInfos", json=infos)
    path = "/ajax-api/3.0/mlflow/get-trace-artifact"
    pair = twin._ask("GET", path, params={"request_id": trace_id})
    ours, theirs = (one.json() for one in pair)
    for one in (*ours["spans"], *theirs["spans"]):
        one["status"]["message"] = one["status"].get("message") or ""
    assert ours == theirs


def test_spans_that_come_again_replace_themselves(twin: Twin) -> None:
    trace_id = new_id()
    export(twin, span(trace_id, 1, name="draft", end=T0 * 10**9 + 5))
    read(twin, trace_id)
    export(twin, span(trace_id, 1, name="final"), span(trace_id, 2, 1))
    read(twin, trace_id)
    whole(twin, trace_id)


def test_a_report_comes_before_its_spans(twin: Twin) -> None:
    trace_id = new_id()
    stats = '{"num_spans": 1}'
    times = {"request_time": "2023-11-14T22:13:20Z", "execution_duration": "1s"}
    start(twin, trace_id, trace_metadata={"mlflow.trace.sizeStats": stats}, **times)
    export(twin, span(trace_id, 1, attributes={"mlflow.spanInputs": "in"}))
    read(twin, trace_id)
    whole(twin, trace_id)


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({"content-type": "application/x-protobuf"}, b""),
        ({"content-type": "application/x-protobuf"}, b"\xff\xff\xff"),
        ({"content-type": "application/json"}, b"{}"),
        ({"content-type": "application/json"}, b"no json"),
        ({"content-type": "text/plain"}, b"{}"),
        ({"content-type": "application/x-protobuf", "content-encoding": "gzip"}, b"no gzip"),
        ({"content-type": "application/x-protobuf", "content-encoding": "br"}, b""),
    ],
)
def test_exports_that_make_no_sense_are_refused(
    twin: Twin, headers: dict[str, str], content: bytes
) -> None:
    headers = {"x-mlflow-experiment-id": "{experiment}", **headers}
    pair = twin._ask("POST", "/v1/traces", content=content, headers=headers)
    assert [one.status_code for one in pair] == [400, 400]


def test_an_export_needs_an_experiment(twin: Twin) -> None:
    request = service.ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.append(span(new_id(), 1))
    body, kind = request.SerializeToString(), {"content-type": "application/x-protobuf"}
    pair = twin._ask("POST", "/v1/traces", content=body, headers=kind)
    assert [one.status_code for one in pair] == [400, 422]
    headers = {**kind, "x-mlflow-experiment-id": "987654"}
    pair = twin._ask("POST", "/v1/traces", content=body, headers=headers)
    assert [one.status_code for one in pair] == [404, 404]
