"""Traces and assessments in MLflow's JSON."""

import json
from typing import Any

from eventtrack.compat import spans, trace_tags
from eventtrack.compat.responses import OWN_SCHEME, PROXY_SCHEME
from eventtrack.compat.words import duration, is_assessment, source_type, timestamp, trace_state
from eventtrack.views.traces.records import Assessment, AssessmentFailure, Trace, TraceInfo

Json = dict[str, Any]

# MLflow (entities/trace_info_v2.py) cuts the texts of its answers to these lengths.
_METADATA_LENGTH_MAX = 250
_TAG_KEY_LENGTH_MAX, _TAG_VALUE_LENGTH_MAX = 250, 4096
_STACK_LENGTH_MAX = 10_000
_STACK_CUT = "[Stack trace is truncated]\n...\n"


def trace_location(info: TraceInfo) -> str:
    """The location to which a client sends a trace's files."""
    if info.artifact_uri.startswith(OWN_SCHEME):
        return f"{PROXY_SCHEME}{info.experiment_id}/traces/{info.trace_id}/artifacts"
    return info.artifact_uri


def trace_info(info: TraceInfo) -> Json:
    """A trace without its spans."""
    answer: Json = {
        "trace_id": info.trace_id,
        "trace_location": {
            "type": "MLFLOW_EXPERIMENT",
            "mlflow_experiment": {"experiment_id": info.experiment_id},
        },
        "request_time": timestamp(info.request_time),
        "state": trace_state(info.state),
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
            answer[name] = value
    if info.execution_duration is not None:
        answer["execution_duration"] = duration(info.execution_duration)
    if info.trace_metadata:
        answer["trace_metadata"] = {
            key[:_METADATA_LENGTH_MAX]: value[:_METADATA_LENGTH_MAX]
            for key, value in info.trace_metadata.items()
        }
    shown = [each for each in info.assessments if is_assessment(each.kind, each.value)]
    if shown:
        answer["assessments"] = [assessment(record) for record in shown]
    return answer


def trace(record: Trace) -> Json:
    """A trace with its spans."""
    answer: Json = {"trace_info": trace_info(record.info)}
    if record.spans:
        answer["spans"] = [spans.otlp_json(span.body) for span in record.spans]
    return answer


def trace_data(record: Trace) -> bytes:
    """The spans of a trace as MLflow's file `traces.json`."""
    return b'{"spans":[' + b",".join(span.body for span in record.spans) + b"]}"


def assessment(record: Assessment) -> Json:
    """An assessment."""
    answer: Json = {
        "assessment_id": record.assessment_id,
        "assessment_name": record.name,
        "trace_id": record.trace_id,
        "source": {"source_type": source_type(record.source_type)},
        "create_time": timestamp(record.create_time_ms),
        "last_update_time": timestamp(record.last_update_time_ms),
        record.kind: _value(record),
        "valid": record.valid,
    }
    if record.source_id is not None:
        answer["source"]["source_id"] = record.source_id
    for name, value in (
        ("span_id", record.span_id),
        ("rationale", record.rationale),
        ("metadata", record.metadata or None),
        ("overrides", record.overrides or None),
    ):
        if value is not None:
            answer[name] = value
    return answer


def _value(record: Assessment) -> Json:
    if record.kind == "issue":
        return {"issue_name": record.value["issue_name"]}
    if record.kind == "expectation":
        if isinstance(record.value, int | float | bool | str):
            return {"value": _number(record.value)}
        serialized = {"serialization_format": "JSON_FORMAT", "value": json.dumps(record.value)}
        return {"serialized_value": serialized}
    answer: Json = {"value": _number(record.value)}
    if record.error is not None:
        answer["error"] = _failure(record.error)
    return answer


def _failure(error: AssessmentFailure) -> Json:
    answer: Json = {"error_code": error.error_code}
    if error.error_message:
        answer["error_message"] = error.error_message
    if error.stack_trace:
        stack = error.stack_trace
        if len(stack) > _STACK_LENGTH_MAX:
            stack = _STACK_CUT + stack[len(_STACK_CUT) - _STACK_LENGTH_MAX :]
        answer["stack_trace"] = stack
    return answer


def _number(value: Any) -> Any:
    """A number as protobuf writes it: protobuf knows only floats, and adds `.0` to integers."""
    if isinstance(value, bool) or not isinstance(value, int):
        return value
    return float(value)
