"""Spans come as OpenTelemetry's own exporter sends them, in all its ways."""

import gzip
import json
import secrets
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from eventtrack.store import Store
from tests.server.running import Running, running

HEADER = "x-mlflow-experiment-id"
ROOT, CHILD = "b7ad6b7169203331", "00f067aa0ba902b7"
JSON = {"content-type": "application/json", HEADER: "0"}


def in_json(*spans: dict[str, Any], resource: Sequence[dict[str, Any]] = ()) -> bytes:
    """An export in OpenTelemetry's JSON, where ids are in hex and large numbers texts."""
    bundle = {"resource": {"attributes": resource}, "scopeSpans": [{"spans": list(spans)}]}
    return json.dumps({"resourceSpans": [bundle]}).encode()


@pytest.fixture
def trace() -> str:
    """OpenTelemetry's id of a trace of the test's own."""
    return secrets.token_hex(16)


def span(trace: str = "a" * 32, span_id: str = ROOT, **fields: Any) -> dict[str, Any]:
    """A span of a second in JSON."""
    return {
        "traceId": trace,
        "spanId": span_id,
        "name": "step",
        "startTimeUnixNano": "1700000000000000000",
        "endTimeUnixNano": "1700000001000000000",
        **fields,
    }


def spans_of(server: Running, trace: str) -> list[dict[str, Any]]:
    """The spans of a trace as MLflow's pages read them."""
    path = "/ajax-api/3.0/mlflow/get-trace-artifact"
    response = server.client.get(path, params={"request_id": f"tr-{trace}"})
    assert response.status_code == 200, response.text
    found: list[dict[str, Any]] = response.json()["spans"]
    return found


def test_json_is_taken_as_it_is_specified(server: Running, trace: str) -> None:
    attributes = [
        {"key": "model", "value": {"stringValue": "gpt"}},
        {"key": "tokens", "value": {"intValue": "12"}},
        {"key": "mlflow.spanType", "value": {"stringValue": "LLM"}},
    ]
    link = {"traceId": "1" * 32, "spanId": "2" * 16}
    body = in_json(
        span(
            trace, attributes=attributes, links=[link], status={"code": 2, "message": "went wrong"}
        ),
        span(trace, CHILD, parentSpanId=ROOT),
        resource=[{"key": "service.name", "value": {"stringValue": "shop"}}],
    )
    response = server.client.post("/v1/traces", content=body, headers=JSON)
    assert (response.status_code, response.content) == (200, b"")
    root, child = spans_of(server, trace)
    assert root["attributes"]["model"] == '"gpt"'
    assert root["attributes"]["tokens"] == "12"
    assert root["status"] == {"code": "STATUS_CODE_ERROR", "message": "went wrong"}
    assert root["links"] == [
        {"trace_id": f"tr-{'1' * 32}", "span_id": "2" * 16, "attributes": None}
    ]
    assert child["parent_span_id"] == root["span_id"]
    info = server.client.get(f"/api/3.0/mlflow/traces/tr-{trace}").json()["trace"]["trace_info"]
    assert (info["state"], info["tags"]["service.name"]) == ("ERROR", "shop")


def test_a_packed_body_is_unpacked(server: Running, trace: str) -> None:
    headers = {**JSON, "content-encoding": "gzip"}
    response = server.client.post(
        "/v1/traces", content=gzip.compress(in_json(span(trace))), headers=headers
    )
    assert response.status_code == 200
    assert len(spans_of(server, trace)) == 1


@pytest.mark.parametrize(
    ("headers", "body", "message"),
    [
        ({"content-type": "application/json"}, in_json(span()), HEADER),
        ({"content-type": "text/plain", HEADER: "0"}, b"", "Content-Type"),
        (JSON, b"[]", "Invalid OpenTelemetry format"),
        (JSON, b'{"resourceSpans": [{"scopeSpans": 1}]}', "Invalid OpenTelemetry format"),
        (JSON, in_json(span("xyz")), "Invalid OpenTelemetry format"),
        (JSON, in_json(span("")), "Cannot convert"),
        (JSON, in_json(span(span_id="ab" * 9)), "Cannot convert"),
        ({**JSON, HEADER: "987654"}, in_json(span()), "No Experiment with id=987654"),
        ({**JSON, HEADER: "mine"}, in_json(span()), "Invalid experiment ID"),
    ],
)
def test_what_is_no_export_is_refused_in_words(
    server: Running, headers: dict[str, str], body: bytes, message: str
) -> None:
    response = server.client.post("/v1/traces", content=body, headers=headers)
    assert response.status_code in (400, 404)
    assert message in response.json()["message"]


def test_spans_that_were_answered_survive_the_end_of_the_server(tmp_path: Path, trace: str) -> None:
    large = [{"key": "text", "value": {"stringValue": "x" * 200_000}}]
    with running(tmp_path / "store") as server:
        for number in range(20):
            body = in_json(span(trace, f"{number + 1:016x}", attributes=large))
            answer = server.client.post("/v1/traces", content=body, headers=JSON)
            assert answer.status_code == 200
        server.kill()
    store = Store(tmp_path / "store")
    assert store.traces.get(f"tr-{trace}").span_count == 20
    assert store.maintenance.check().ok
    store.close()


def test_many_exporters_at_once_lose_nothing(server: Running, trace: str) -> None:
    def send(worker: int) -> None:
        for number in range(10):
            body = in_json(
                span(trace, f"{worker:08x}{number:08x}"),
                span(trace, f"{worker + 100:08x}{number:08x}"),
            )
            assert server.client.post("/v1/traces", content=body, headers=JSON).status_code == 200

    threads = [threading.Thread(target=send, args=(worker,)) for worker in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(spans_of(server, trace)) == 160


_PROGRAM = """
import sys
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
exporter = OTLPSpanExporter(
    sys.argv[1] + "/v1/traces",
    headers={"x-mlflow-experiment-id": "0"},
    compression=Compression.Gzip,
)
provider = TracerProvider(resource=Resource.create({"service.name": "shop"}))
provider.add_span_processor(BatchSpanProcessor(exporter))
tracer = provider.get_tracer("test")
with tracer.start_as_current_span("request") as root:
    root.set_attribute("session.id", "s-1")
    for number in range(3):
        with tracer.start_as_current_span("step", attributes={"number": number}) as step:
            step.add_event("done", {"after": 0.5})
    print(format(root.get_span_context().trace_id, "032x"))
provider.shutdown()
"""


def test_opentelemetrys_own_exporter_works(server: Running) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.http")
    command = [sys.executable, "-c", _PROGRAM, server.url]
    trace = subprocess.check_output(command, text=True, timeout=60).strip()
    spans = spans_of(server, trace)
    assert [one["name"] for one in spans] == ["request", "step", "step", "step"]
    assert spans[1]["events"][0]["attributes"] == {"after": 0.5}
    info = server.client.get(f"/api/3.0/mlflow/traces/tr-{trace}").json()["trace"]["trace_info"]
    assert info["trace_metadata"]["mlflow.trace.session"] == "s-1"
    assert (info["state"], info["tags"]["service.name"]) == ("OK", "shop")


def test_without_the_package_it_says_which_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "__init__.py").write_text("raise ImportError('not installed')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with running(tmp_path / "store") as server:
        answer = server.client.post("/v1/traces", content=in_json(span()), headers=JSON)
        assert answer.status_code == 501
        assert "eventtrack[traces]" in answer.json()["hint"]


def test_files_of_a_trace_go_through_the_proxy(server: Running, trace: str) -> None:
    server.client.post("/v1/traces", content=in_json(span(trace)), headers=JSON)
    place = f"/api/2.0/mlflow-artifacts/artifacts/0/traces/tr-{trace}/artifacts/attachments/one"
    assert server.client.put(place, content=b"png").status_code == 200
    assert server.client.get(place).content == b"png"
    query = {"request_id": f"tr-{trace}", "path": "one"}
    shown = server.client.get("/ajax-api/2.0/mlflow/get-trace-artifact", params=query)
    assert shown.content == b"png"
    for query in ({}, {"request_id": "nope"}, {"request_id": f"tr-{trace}", "path": "../x"}):
        path = "/ajax-api/3.0/mlflow/get-trace-artifact"
        assert server.client.get(path, params=query).status_code in (400, 404)
