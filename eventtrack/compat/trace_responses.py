"""Traces and assessments in MLflow's JSON."""

import json
from datetime import UTC, datetime
from typing import Any

from eventtrack.compat import spans, trace_tags
from eventtrack.compat.responses import OWN_SCHEME, PROXY_SCHEME
from eventtrack.views.traces import Assessment, AssessmentFailure, Trace, TraceInfo

Json = dict[str, Any]

# MLflow (entities/trace_info_v2.py) cuts what it answers.
_METADATA_LENGTH_MAX = 250
_TAG_KEY_LENGTH_MAX, _TAG_VALUE_LENGTH_MAX = 250, 4096
_STACK_LENGTH_MAX = 10_000
_STACK_CUT = "[Stack trace is truncated]\n...\n"


def trace_location(info: TraceInfo) -> str:
    """Where a client sends a trace's files."""
    if info.artifact_uri.startswith(OWN_SCHEME):
        return f"{PROXY_SCHEME}{info.experiment_id}/traces/{info.trace_id}/artifacts"
    return info.artifact_uri


def trace_info(info: TraceInfo) -> Json:
    """A trace without its spans."""
    found: Json = {
        "trace_id": info.trace_id,
        "trace_location": {
            "type": "MLFLOW_EXPERIMENT",
            "mlflow_experiment": {"experiment_id": info.experiment_id},
        },
        "request_time": timestamp(info.request_time),
        "state": info.state,
        "tags": {
            key[:_TAG_KEY_LENGTH_MAX]: value[:_TAG_VALUE_LENGTH_MAX]
            for key, value in trace_tags.shown(info, trace_location(info)).items()
        },
    }
    for name, value in (
        ("client_request_id", info.client_request_id),
        ("request_preview", info.request_preview),
        ("response_preview", info.response_preview),
    ):
        if value is not None:
            found[name] = value
    if info.execution_duration is not None:
        found["execution_duration"] = duration(info.execution_duration)
    if info.trace_metadata:
        found["trace_metadata"] = {
            key[:_METADATA_LENGTH_MAX]: value[:_METADATA_LENGTH_MAX]
            for key, value in info.trace_metadata.items()
        }
    if info.assessments:
        found["assessments"] = [assessment(one) for one in info.assessments]
    return found


def trace(record: Trace) -> Json:
    """A trace with its spans."""
    found: Json = {"trace_info": trace_info(record.info)}
    if record.spans:
        found["spans"] = [spans.otlp_json(one.body) for one in record.spans]
    return found


def trace_data(record: Trace) -> bytes:
    """The spans of a trace as MLflow's file `traces.json`."""
    return b'{"spans":[' + b",".join(one.body for one in record.spans) + b"]}"


def assessment(one: Assessment) -> Json:
    """An assessment."""
    found: Json = {
        "assessment_id": one.assessment_id,
        "assessment_name": one.name,
        "trace_id": one.trace_id,
        "source": {"source_type": one.source_type},
        "create_time": timestamp(one.create_time_ms),
        "last_update_time": timestamp(one.last_update_time_ms),
        one.kind: _value(one),
        "valid": one.valid,
    }
    if one.source_id is not None:
        found["source"]["source_id"] = one.source_id
    for name, value in (
        ("span_id", one.span_id),
        ("rationale", one.rationale),
        ("metadata", one.metadata or None),
        ("overrides", one.overrides or None),
    ):
        if value is not None:
            found[name] = value
    return found


def timestamp(milliseconds: int) -> str:
    """A moment as protobuf's JSON writes it."""
    seconds, part = divmod(milliseconds, 1000)
    moment = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{moment}.{part:03}Z" if part else f"{moment}Z"


def duration(milliseconds: int) -> str:
    """A length of time as protobuf's JSON writes it."""
    sign, (seconds, part) = ("-" if milliseconds < 0 else ""), divmod(abs(milliseconds), 1000)
    return f"{sign}{seconds}.{part:03}s" if part else f"{sign}{seconds}s"


def _value(one: Assessment) -> Json:
    if one.kind == "issue":
        return dict(one.value)
    if one.kind == "expectation":
        if isinstance(one.value, int | float | bool | str):
            return {"value": _number(one.value)}
        serialized = {"serialization_format": "JSON_FORMAT", "value": json.dumps(one.value)}
        return {"serialized_value": serialized}
    found: Json = {"value": _number(one.value)}
    if one.error is not None:
        found["error"] = _failure(one.error)
    return found


def _failure(error: AssessmentFailure) -> Json:
    found: Json = {"error_code": error.error_code}
    if error.error_message:
        found["error_message"] = error.error_message
    if error.stack_trace:
        stack = error.stack_trace
        if len(stack) > _STACK_LENGTH_MAX:
            stack = _STACK_CUT + stack[len(_STACK_CUT) - _STACK_LENGTH_MAX :]
        found["stack_trace"] = stack
    return found


def _number(value: Any) -> Any:
    """Protobuf knows floats only: whole ones are written without a fraction, it adds one."""
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return float(value)
