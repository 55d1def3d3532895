"""Translation between our records of traces and MLflow's entities, both ways."""

import json
from typing import Any

from mlflow import entities
from mlflow.entities import assessment as assessments
from mlflow.entities.assessment_error import AssessmentError
from mlflow.entities.assessment_source import AssessmentSource
from mlflow.entities.trace_location import TraceLocation
from mlflow.entities.trace_state import TraceState
from mlflow.exceptions import MlflowException

from eventtrack.compat import trace_tags, words
from eventtrack.plugin import versions
from eventtrack.views.traces import records


def trace_info(record: records.TraceInfo, location: str) -> Any:
    """A trace as MLflow's entity.

    Args:
        location: The place of its files; a server and a client show different places.
    """
    return entities.TraceInfo(
        trace_id=record.trace_id,
        trace_location=TraceLocation.from_experiment_id(record.experiment_id),
        request_time=record.request_time,
        execution_duration=record.execution_duration,
        state=TraceState(words.trace_state(record.state)),
        request_preview=record.request_preview,
        response_preview=record.response_preview,
        client_request_id=record.client_request_id,
        trace_metadata=dict(record.trace_metadata),
        tags=trace_tags.shown(record, location),
        assessments=[
            assessment(given)
            for given in record.assessments
            if words.is_assessment(given.kind, given.value)
        ],
    )


def assessment(record: records.Assessment) -> Any:
    """An assessment as MLflow's entity."""
    common: dict[str, Any] = {
        "source": AssessmentSource(words.source_type(record.source_type), record.source_id),
        "trace_id": record.trace_id,
        "metadata": record.metadata or None,
        "span_id": record.span_id,
        "create_time_ms": record.create_time_ms,
        "last_update_time_ms": record.last_update_time_ms,
    }
    made: Any
    if record.kind == "feedback":
        failure = record.error
        error = None
        if failure is not None:
            error = AssessmentError(failure.error_code, failure.error_message, failure.stack_trace)
        made = assessments.Feedback(
            name=record.name,
            value=record.value,
            error=error,
            rationale=record.rationale,
            **common,
        )
    elif record.kind == "expectation":
        made = assessments.Expectation(name=record.name, value=record.value, **common)
    else:
        made = versions.issue_reference(
            issue_id=record.name,
            issue_name=record.value["issue_name"],
            rationale=record.rationale,
            **common,
        )
    made.overrides, made.valid = record.overrides, record.valid
    made.run_id, made.assessment_id = record.run_id, record.assessment_id
    return made


def assessment_record(given: Any, trace_id: str) -> records.Assessment:
    """MLflow's assessment as our record."""
    kind, value, error = "issue", None, None
    if given.feedback is not None:
        kind, value = "feedback", given.feedback.value
        error = failure(given.feedback.error)
    elif given.expectation is not None:
        kind, value = "expectation", given.expectation.value
    else:
        value = given.issue.to_dictionary()
    return records.Assessment(
        assessment_id=given.assessment_id or "",
        trace_id=trace_id,
        kind=kind,
        name=given.name,
        value=plain(value),
        source_type=given.source.source_type,
        source_id=given.source.source_id,
        create_time_ms=given.create_time_ms or 0,
        last_update_time_ms=given.last_update_time_ms or 0,
        error=error,
        span_id=given.span_id,
        run_id=given.run_id,
        rationale=given.rationale,
        metadata={str(key): str(text) for key, text in (given.metadata or {}).items()},
        overrides=given.overrides,
    )


def failure(error: Any) -> records.AssessmentFailure | None:
    """The reason why an assessment could not be made, as our record."""
    if error is None:
        return None
    return records.AssessmentFailure(
        error_code=error.error_code,
        error_message=error.error_message,
        stack_trace=error.stack_trace,
    )


def plain(value: Any) -> Any:
    """A value in a form that JSON can express."""
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError) as error:
        raise MlflowException.invalid_parameter_value(
            f"Failed to serialize value {value!r} to JSON string."
        ) from error
