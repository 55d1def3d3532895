"""Traces as records: the steps of a program for one request, and assessments of them."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from eventtrack.projections.tables import Reader
from eventtrack.projections.trace_state import AssessmentState, SpanState, TraceState
from eventtrack.projections.trace_tables import spans_of
from eventtrack.tags import (
    TRACE_COST_KEY,
    TRACE_SESSION_KEY,
    TRACE_SIZE_KEY,
    TRACE_USAGE_KEY,
    TRACE_USER_KEY,
)
from eventtrack.views.entities import EntityReader
from eventtrack.views.records import Record

# MLflow's names (tracing/constant.py) of the sums over spans.
_TOKENS = ("input_tokens", "output_tokens", "total_tokens")
_CACHE_TOKENS = (
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation_input_tokens_above_1hr",
)
_COSTS = ("input_cost", "output_cost", "total_cost")


class TraceStatus:
    """The states of a trace."""

    UNSPECIFIED = "STATE_UNSPECIFIED"
    OK = "OK"
    ERROR = "ERROR"
    IN_PROGRESS = "IN_PROGRESS"
    ALL = (UNSPECIFIED, OK, ERROR, IN_PROGRESS)


class AssessmentFailure(Record):
    """The reason for which an assessment failed."""

    error_code: str
    error_message: str | None = None
    stack_trace: str | None = None


class Assessment(Record):
    """A judgement about a trace or a span of it. Times are milliseconds since 1970.

    Args:
        kind: `feedback`, `expectation` or `issue`.
        value: Any value that JSON can hold.
        valid: False while another assessment overrides this one.
    """

    assessment_id: str
    trace_id: str
    kind: str
    name: str
    value: Any
    source_type: str = "CODE"
    source_id: str | None = None
    create_time_ms: int = 0
    last_update_time_ms: int = 0
    error: AssessmentFailure | None = None
    span_id: str | None = None
    run_id: str | None = None
    rationale: str | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    overrides: str | None = None
    valid: bool = True


class TraceInfo(Record):
    """A trace without its spans. `request_time` and `execution_duration` are milliseconds.

    Args:
        request_time: The begin, since 1970.
        run_ids: The runs that the trace was linked to; its metadata may name a further run.
        span_count: The number of stored spans.
        artifact_uri: The URI of the trace's files.
    """

    trace_id: str
    experiment_id: str
    request_time: int
    execution_duration: int | None
    state: str
    client_request_id: str | None
    request_preview: str | None
    response_preview: str | None
    trace_metadata: dict[str, str]
    tags: dict[str, str]
    assessments: list[Assessment]
    run_ids: list[str]
    span_count: int
    artifact_uri: str

    @property
    def complete(self) -> bool:
        """Whether there are spans, and at least as many as the metadata announce."""
        try:
            due = msgspec.json.decode(self.trace_metadata.get(TRACE_SIZE_KEY, "{}")).get(
                "num_spans", 0
            )
        except (msgspec.DecodeError, AttributeError):
            due = 0
        return self.span_count > 0 and (not isinstance(due, int) or self.span_count >= due)


class Span(Record):
    """A step of a trace. Times are nanoseconds since 1970.

    Args:
        body: The whole span as JSON (docs/format.md, section 9).
        about_trace: Facts about the whole trace that the span carries; only when it is logged.
    """

    trace_id: str
    span_id: str
    parent_id: str | None
    name: str
    kind: str
    status: str
    start_time_ns: int
    end_time_ns: int | None
    body: bytes
    about_trace: dict[str, str] = msgspec.field(default_factory=dict)

    def content(self) -> dict[str, Any]:
        """The whole span, decoded."""
        content: dict[str, Any] = msgspec.json.decode(self.body)
        return content


class Trace(Record):
    """A trace with its spans: the root first, then the others in order of start."""

    info: TraceInfo
    spans: list[Span]


def trace_info(entities: EntityReader, state: TraceState) -> TraceInfo:
    """A trace as a record."""
    return TraceInfo(
        trace_id=state.trace_id,
        experiment_id=state.experiment_id,
        request_time=state.request_ms,
        execution_duration=state.duration_ms,
        state=state.state,
        client_request_id=None if state.report[0] is None else state.report[0].client_request_id,
        request_preview=state.preview("request_preview"),
        response_preview=state.preview("response_preview"),
        trace_metadata=trace_metadata(entities.reader, state),
        tags=state.live_tags(),
        assessments=assessments(state),
        run_ids=linked_runs(state),
        span_count=state.spans,
        artifact_uri=entities.trace_location(state.experiment_id, state.trace_id),
    )


def trace_metadata(reader: Reader, state: TraceState) -> dict[str, str]:
    """The metadata of a trace: reported values, or else values taken from its spans."""
    derived: dict[str, str] = {}
    if "session" in state.from_spans:
        derived[TRACE_SESSION_KEY] = state.from_spans["session"][0]
    if "user" in state.from_spans:
        derived[TRACE_USER_KEY] = state.from_spans["user"][0]
    reported = state.live_metadata()
    if state.sums and not (TRACE_USAGE_KEY in reported and TRACE_COST_KEY in reported):
        spans = spans_of(reader, state.number)
        derived |= {
            key: json.dumps(sums)
            for key, sums in ((TRACE_USAGE_KEY, token_usage(spans)), (TRACE_COST_KEY, cost(spans)))
            if sums
        }
    return derived | reported


def linked_runs(state: TraceState) -> list[str]:
    """The runs that a trace was linked to."""
    return sorted(run_id for run_id, (linked, _) in state.runs.items() if linked)


def assessments(state: TraceState) -> list[Assessment]:
    """The assessments of a trace, oldest first."""
    live = state.live_assessments()
    replaced = {assessment.overrides for assessment in live}
    return [
        _assessment(state, assessment, assessment.assessment_id not in replaced)
        for assessment in live
    ]


def valid_assessments(state: TraceState) -> list[AssessmentState]:
    """The assessments that no other assessment overrides."""
    live = state.live_assessments()
    replaced = {assessment.overrides for assessment in live}
    return [assessment for assessment in live if assessment.assessment_id not in replaced]


def token_usage(spans: Sequence[SpanState]) -> dict[str, float]:
    """The sums of tokens that the spans of a trace used."""
    return _sums(spans, {span.span_id: span.usage for span in spans}, _TOKENS, _CACHE_TOKENS)


def cost(spans: Sequence[SpanState]) -> dict[str, float]:
    """The sums of costs of the spans of a trace, in US dollars."""
    return _sums(spans, {span.span_id: span.cost for span in spans}, _COSTS, ())


def _sums(
    spans: Sequence[SpanState],
    texts: Mapping[str, str],
    keys: Iterable[str],
    optional: Iterable[str],
) -> dict[str, float]:
    """Sums over the tree of spans: the numbers of a span include all spans below it."""
    given = {span_id: numbers for span_id, text in texts.items() if (numbers := _numbers(text))}
    parents = {span.span_id: span.parent_id for span in spans}
    sums: dict[str, float] = dict.fromkeys(keys, 0) if given else {}
    known: dict[str | None, bool] = {None: False}
    for span_id, numbers in given.items():
        if not _is_below(parents.get(span_id), parents, given, known):
            for key in (*keys, *(key for key in optional if key in numbers)):
                sums[key] = sums.get(key, 0) + numbers.get(key, 0)
    return sums


def _is_below(
    span_id: str | None,
    parents: Mapping[str, str | None],
    given: Mapping[str, object],
    known: dict[str | None, bool],
) -> bool:
    """Whether a span or a span above it has numbers; notes the answer for the path in `known`."""
    path: list[str] = []
    while span_id is not None and span_id not in known:
        path.append(span_id)
        known[span_id] = span_id in given  # also ends a ring
        if known[span_id]:
            break
        span_id = parents.get(span_id)
    answer = known[span_id]
    known.update(dict.fromkeys(path, answer))
    return answer


def _numbers(text: str) -> dict[str, float]:
    """The finite numbers of a JSON object; nothing if the text is no JSON object."""
    try:
        content = msgspec.json.decode(text or "{}")
    except msgspec.DecodeError:
        return {}
    if not isinstance(content, dict):
        return {}
    return {
        key: number
        for key, number in content.items()
        if isinstance(number, int | float)
        and not isinstance(number, bool)
        and math.isfinite(number)
    }


def _assessment(trace: TraceState, assessment: AssessmentState, valid: bool) -> Assessment:
    (value, error), _ = assessment.value
    return Assessment(
        assessment_id=assessment.assessment_id,
        trace_id=trace.trace_id,
        kind=assessment.kind,
        name=assessment.name[0],
        value=decoded(value),
        source_type=assessment.source_type,
        source_id=assessment.source_id,
        create_time_ms=assessment.created_ms,
        last_update_time_ms=assessment.updated_ms,
        error=None
        if error is None
        else AssessmentFailure(
            error_code=error.code,
            error_message=error.message,
            stack_trace=error.stack_trace,
        ),
        span_id=assessment.span_id,
        run_id=assessment.run_id,
        rationale=assessment.rationale[0],
        metadata={key: text for key, (text, _) in assessment.metadata.items() if text is not None},
        overrides=assessment.overrides,
        valid=valid,
    )


def decoded(value: str) -> Any:
    """The value of a JSON text; a text of other programs that is no JSON stands as it is."""
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value
