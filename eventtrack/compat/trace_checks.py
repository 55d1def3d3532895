"""Turns requests about traces into calls of the store, and refuses bad ones in MLflow's words."""

import json
from collections.abc import Mapping
from typing import Any

from eventtrack.compat import trace_tags
from eventtrack.compat.checks import refuse
from eventtrack.compat.messages import Values
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.views.traces.records import Assessment, AssessmentFailure

# The format in which clients send an expectation that is no plain value.
_JSON_FORMAT = "JSON_FORMAT"


def experiment_of(location: Values) -> str | None:
    """The experiment that a location names; None if the location is no experiment."""
    if not location.has("mlflow_experiment"):
        return None
    experiment: str = location["mlflow_experiment"]["experiment_id"]
    return experiment


def report(sent: Values) -> dict[str, Any]:
    """The arguments of `Traces.record`, from a request's `trace_info`."""
    return {
        "trace_id": sent["trace_id"],
        "experiment_id": experiment_of(sent["trace_location"]) or "",
        "request_time": sent["request_time"],
        "execution_duration": sent.given("execution_duration"),
        "state": sent["state"],
        "client_request_id": sent.given("client_request_id"),
        "request_preview": sent.given("request_preview"),
        "response_preview": sent.given("response_preview"),
        "metadata": sent["trace_metadata"],
        "tags": trace_tags.without_ours(sent["tags"]),
        "assessments": [assessment(item, sent["trace_id"]) for item in sent["assessments"]],
    }


def assessment(sent: Values, trace_id: str) -> Assessment:
    """An assessment from a request.

    Raises:
        InvalidValueError: The assessment has neither feedback nor an expectation nor an issue.
    """
    kind = next((word for word in ("expectation", "feedback", "issue") if sent.has(word)), None)
    if kind is None:
        refuse("Unknown assessment type: None")
    value: Any = {"issue_name": sent["issue"]["issue_name"]}
    if kind != "issue":
        value = value_of(sent, kind)
    if kind == "expectation" and value is None:
        refuse("The `value` field must be specified.")
    metadata: Mapping[str, str] = sent["metadata"]
    return Assessment(
        assessment_id=sent["assessment_id"],
        trace_id=trace_id,
        kind=kind,
        name=sent["assessment_name"],
        value=value,
        source_type=sent["source"]["source_type"],
        source_id=sent["source"]["source_id"] or None,
        create_time_ms=sent["create_time"],
        last_update_time_ms=sent["last_update_time"],
        error=failure(sent) if kind == "feedback" else None,
        span_id=sent["span_id"] or None,
        rationale=(sent["rationale"] or None) if kind != "expectation" else None,
        metadata=dict(metadata),
        overrides=(sent["overrides"] or None) if kind == "feedback" else None,
    )


def value_of(sent: Values, kind: str) -> Any:
    """The value in an assessment's feedback or expectation."""
    judged: Values = sent[kind]
    if kind == "expectation" and judged.has("serialized_value"):
        serialized = judged["serialized_value"]
        if serialized["serialization_format"] != _JSON_FORMAT:
            refuse(
                f"Unknown serialization format: {serialized['serialization_format']}. "
                "Only JSON_FORMAT is supported."
            )
        try:
            return json.loads(serialized["value"])
        except ValueError as error:
            raise InvalidValueError(f"The serialized value is no JSON: {error}") from error
    return judged.given("value")


def failure(sent: Values) -> AssessmentFailure | None:
    """The reason why an assessment's feedback could not be given."""
    judged: Values = sent["feedback"]
    if not judged.has("error"):
        return None
    error = judged["error"]
    return AssessmentFailure(
        error_code=error["error_code"],
        error_message=error["error_message"] or None,
        stack_trace=error["stack_trace"] or None,
    )


def deletion(sent: Values) -> dict[str, Any]:
    """The arguments of `Traces.delete`: ids, or the oldest traces up to a time, never both."""
    ids, latest, most = sent["request_ids"], sent.given("max_timestamp_millis"), None
    if sent.has("max_traces"):
        most = sent["max_traces"]
    if latest is None and not ids:
        refuse("Either `max_timestamp_millis` or `trace_ids` must be specified.")
    if latest is not None and ids:
        refuse("Only one of `max_timestamp_millis` and `trace_ids` can be specified.")
    if ids and most is not None:
        refuse("`max_traces` can't be specified if `trace_ids` is specified.")
    if most is not None and most <= 0:
        refuse(f"`max_traces` must be a positive integer, received {most}.")
    return {"trace_ids": ids or None, "max_timestamp_millis": latest, "max_traces": most}


def refuse_reserved(key: str, doing: str) -> None:
    """Refuse to change a tag that states the location of spans or files."""
    if trace_tags.is_reserved(key, deleting=doing == "deleted"):
        refuse(f"Tag '{key}' is immutable and cannot be {doing} on a trace.")


def incomplete(trace_id: str) -> NotFoundError:
    """The error for a trace whose spans have not all come yet."""
    return NotFoundError(
        f"Trace with ID {trace_id} is not fully exported yet, please try again later."
    )
