"""Traces as clients report them, to both servers at once."""

import secrets
from typing import Any

from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as service
from opentelemetry.proto.common.v1 import common_pb2 as common
from opentelemetry.proto.trace.v1 import trace_pb2 as proto

from tests.compat.twin import Twin

V3 = "/api/3.0/mlflow/"
T0 = 1_700_000_000


def new_id() -> str:
    """An id that no other test has."""
    return f"tr-{secrets.token_hex(16)}"


def place(experiment: str = "{experiment}") -> dict[str, Any]:
    """Where a trace belongs."""
    return {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}


def info(trace_id: str, **fields: Any) -> dict[str, Any]:
    """A trace as clients report it."""
    return {
        "trace_id": trace_id,
        "trace_location": place(),
        "request_time": "2026-05-03T14:00:00.250Z",
        "execution_duration": "1.5s",
        "state": "OK",
        **fields,
    }


def start(twin: Twin, trace_id: str, **fields: Any) -> Any:
    """Report a trace to both servers."""
    return twin.same(
        "POST", f"{V3}traces", json={"trace": {"trace_info": info(trace_id, **fields)}}
    )


def again(twin: Twin, trace_id: str, **fields: Any) -> None:
    """Report a known trace; MLflow's answer then lacks what the report has just added."""
    body = {"trace": {"trace_info": info(trace_id, **fields)}}
    pair = twin._ask("POST", f"{V3}traces", json=body)
    assert [one.status_code for one in pair] == [200, 200]


def read(twin: Twin, trace_id: str) -> Any:
    """A trace as both servers show it."""
    return twin.same("GET", f"{V3}traces/{trace_id}")


def span(trace_id: str, span_id: int, parent: int = 0, **fields: Any) -> proto.Span:
    """A span in protobuf; `at` is its start in milliseconds after `T0`."""
    begin = T0 * 10**9 + fields.pop("at", 0) * 10**6
    attributes = fields.pop("attributes", {})
    made = proto.Span(
        trace_id=bytes.fromhex(trace_id.removeprefix("tr-")),
        span_id=span_id.to_bytes(8, "big"),
        parent_span_id=parent.to_bytes(8, "big") if parent else b"",
        name=fields.pop("name", f"span {span_id}"),
        start_time_unix_nano=begin,
        end_time_unix_nano=fields.pop("end", begin + 10**9),
        **fields,
    )
    for key, value in attributes.items():
        made.attributes.append(common.KeyValue(key=key, value=any_value(value)))
    return made


def any_value(value: Any) -> common.AnyValue:
    """A value of an attribute in protobuf."""
    if value is None:
        return common.AnyValue()
    if isinstance(value, bool):
        return common.AnyValue(bool_value=value)
    if isinstance(value, int):
        return common.AnyValue(int_value=value)
    if isinstance(value, float):
        return common.AnyValue(double_value=value)
    if isinstance(value, list):
        return common.AnyValue(array_value=common.ArrayValue(values=map(any_value, value)))
    if isinstance(value, dict):
        pairs = [common.KeyValue(key=key, value=any_value(one)) for key, one in value.items()]
        return common.AnyValue(kvlist_value=common.KeyValueList(values=pairs))
    return common.AnyValue(string_value=value)


def export(twin: Twin, *spans: proto.Span, resource: dict[str, Any] | None = None) -> None:
    """Send spans to both servers."""
    request = service.ExportTraceServiceRequest()
    bundle = request.resource_spans.add()
    for key, value in (resource or {}).items():
        bundle.resource.attributes.append(common.KeyValue(key=key, value=any_value(value)))
    bundle.scope_spans.add().spans.extend(spans)
    headers = {"content-type": "application/x-protobuf", "x-mlflow-experiment-id": "{experiment}"}
    pair = twin._ask("POST", "/v1/traces", content=request.SerializeToString(), headers=headers)
    assert [one.status_code for one in pair] == [200, 200], [one.text for one in pair]


def search(twin: Twin, filter_string: str, **fields: Any) -> Any:
    """A search in both servers."""
    body = {"locations": [place()], "filter": filter_string, **fields}
    return twin.same("POST", f"{V3}traces/search", json=body)
