"""Traces as records: what a program did for one request, step by step, and how it was judged."""

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

# MLflow's names (tracing/constant.py) for what is known of a trace beside its fields.

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
    """Why an assessment could not be made."""

    error_code: str
    error_message: str | None = None
    stack_trace: str | None = None


class Assessment(Record):
    """What somebody says of a trace, or of one of its spans. Times are milliseconds since 1970.

    Args:
        kind: `feedback`, `expectation` or `issue`.
        value: Anything that JSON can say.
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
    """A trace without its spans. Times are milliseconds, the first one since 1970.

    Args:
        run_ids: The runs it was linked to, beside the one that its metadata may name.
        span_count: How many spans are there.
        artifact_uri: Where its files are.
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
        """Whether there are spans, and as many as its program said it made."""
        try:
            due = msgspec.json.decode(self.trace_metadata.get(TRACE_SIZE_KEY, "{}")).get(
                "num_spans", 0
            )
        except (msgspec.DecodeError, AttributeError):
            due = 0
        return self.span_count > 0 and (not isinstance(due, int) or self.span_count >= due)


class Span(Record):
    """One step of a trace. Times are nanoseconds since 1970.

    Args:
        body: The whole span as JSON (docs/format.md, section 9).
        about_trace: What it tells of its whole trace; only when it is logged.
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
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found


class Trace(Record):
    """A trace with its spans: the root first, then in order of their starts."""

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
    """What was reported of a trace, and where nothing was, what its spans tell."""
    found: dict[str, str] = {}
    if "session" in state.told:
        found[TRACE_SESSION_KEY] = state.told["session"][0]
    if "user" in state.told:
        found[TRACE_USER_KEY] = state.told["user"][0]
    reported = state.live_metadata()
    if state.sums and not (TRACE_USAGE_KEY in reported and TRACE_COST_KEY in reported):
        spans = spans_of(reader, state.number)
        found |= {
            key: json.dumps(sums)
            for key, sums in ((TRACE_USAGE_KEY, token_usage(spans)), (TRACE_COST_KEY, cost(spans)))
            if sums
        }
    return found | reported


def linked_runs(state: TraceState) -> list[str]:
    """The runs that a trace was linked to."""
    return sorted(run_id for run_id, (linked, _) in state.runs.items() if linked)


def assessments(state: TraceState) -> list[Assessment]:
    """The assessments of a trace, oldest first."""
    live = state.live_assessments()
    replaced = {one.overrides for one in live}
    return [_assessment(state, one, one.assessment_id not in replaced) for one in live]


def valid_assessments(state: TraceState) -> list[AssessmentState]:
    """The assessments that no other one overrides."""
    live = state.live_assessments()
    replaced = {one.overrides for one in live}
    return [one for one in live if one.assessment_id not in replaced]


def token_usage(spans: Sequence[SpanState]) -> dict[str, float]:
    """The tokens that the spans of a trace used together."""
    return _sums(spans, {one.span_id: one.usage for one in spans}, _TOKENS, _CACHE_TOKENS)


def cost(spans: Sequence[SpanState]) -> dict[str, float]:
    """What the spans of a trace cost together, in US dollars."""
    return _sums(spans, {one.span_id: one.cost for one in spans}, _COSTS, ())


def _sums(
    spans: Sequence[SpanState],
    texts: Mapping[str, str],
    keys: Iterable[str],
    optional: Iterable[str],
) -> dict[str, float]:
    """Sums over the tree: a span that tells a sum speaks for all spans below it."""
    told = {span_id: found for span_id, text in texts.items() if (found := _numbers(text))}
    parents = {one.span_id: one.parent_id for one in spans}
    sums: dict[str, float] = dict.fromkeys(keys, 0) if told else {}
    spoken_for: dict[str | None, bool] = {None: False}
    for span_id, found in told.items():
        if not _is_below(parents.get(span_id), parents, told, spoken_for):
            for key in (*keys, *(one for one in optional if one in found)):
                sums[key] = sums.get(key, 0) + found.get(key, 0)
    return sums


def _is_below(
    span_id: str | None,
    parents: Mapping[str, str | None],
    told: Mapping[str, object],
    known: dict[str | None, bool],
) -> bool:
    """Whether a span or one above it tells a sum; what is found out is noted for the path."""
    path: list[str] = []
    while span_id is not None and span_id not in known:
        path.append(span_id)
        known[span_id] = span_id in told  # also ends a ring
        if known[span_id]:
            break
        span_id = parents.get(span_id)
    answer = known[span_id]
    known.update(dict.fromkeys(path, answer))
    return answer


def _numbers(text: str) -> dict[str, float]:
    """The finite numbers of a JSON object; nothing for a text that is none."""
    try:
        found = msgspec.json.decode(text or "{}")
    except msgspec.DecodeError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {
        key: number
        for key, number in found.items()
        if isinstance(number, int | float)
        and not isinstance(number, bool)
        and math.isfinite(number)
    }


def _assessment(trace: TraceState, one: AssessmentState, valid: bool) -> Assessment:
    (value, error), _ = one.value
    return Assessment(
        assessment_id=one.assessment_id,
        trace_id=trace.trace_id,
        kind=one.kind,
        name=one.name[0],
        value=decoded(value),
        source_type=one.source_type,
        source_id=one.source_id,
        create_time_ms=one.created_ms,
        last_update_time_ms=one.updated_ms,
        error=None
        if error is None
        else AssessmentFailure(
            error_code=error.code,
            error_message=error.message,
            stack_trace=error.stack_trace,
        ),
        span_id=one.span_id,
        run_id=one.run_id,
        rationale=one.rationale[0],
        metadata={key: text for key, (text, _) in one.metadata.items() if text is not None},
        overrides=one.overrides,
        valid=valid,
    )


def decoded(value: str) -> Any:
    """The value of a JSON text; a text of others that is no JSON stands for itself."""
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value
