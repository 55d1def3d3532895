"""The folds of the events of traces.

A report of the whole trace and each of its spans meet by their own rules: of two reports the later
counts, of two bodies of one span the later, and what spans tell of their trace (where it belongs,
its session, its previews) the first of them decides. Deletion hides, and nothing else.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from eventtrack.events import traces as types
from eventtrack.facts.trace import TraceReport
from eventtrack.projections.runs import keep_artifacts, remove_artifacts
from eventtrack.projections.state import NEVER, OptionalText, Stamp, latest, merge_tags
from eventtrack.projections.tables import Tables
from eventtrack.projections.trace_state import (
    AssessmentState,
    SpanState,
    TraceState,
)

TraceFold = Callable[[Tables, TraceState, Any, Stamp], None]

# What a span may tell of its trace: sums over the whole tree, made when they are read, ...
USAGE, COST = "usage", "cost"
# ... and the rest, where the first span to tell it counts.
_TOLD = ("session", "user", "request_preview", "response_preview")


def recorded(tables: Tables, trace: TraceState, event: types.TraceRecorded, stamp: Stamp) -> None:
    """A report of the trace as a whole."""
    report = TraceReport(
        event.experiment_id,
        event.request_ms,
        event.duration_ms,
        event.state,
        event.client_request_id,
    )
    trace.report = latest(trace.report, report, stamp)
    if event.request_preview is not None:
        trace.request_preview = latest(trace.request_preview, event.request_preview, stamp)
    if event.response_preview is not None:
        trace.response_preview = latest(trace.response_preview, event.response_preview, stamp)
    merge_tags(trace.metadata, event.metadata, stamp)
    merge_tags(trace.tags, event.tags, stamp)


def spans_logged(tables: Tables, trace: TraceState, event: types.SpansLogged, stamp: Stamp) -> None:
    """More spans, or later bodies of known ones."""
    trace.placed = min(trace.placed, (event.experiment_id, stamp), key=_claim_order)
    for place, span in enumerate(event.spans):
        _take_span(tables, trace, span, stamp + place.to_bytes(4, "big"))


def tell_of_span(trace: TraceState, span: types.SpanLogged, stamp: Stamp) -> None:
    """Take what a span tells of its whole trace."""
    trace.first_ns = _least(trace.first_ns, span.start_ns)
    if span.end_ns is not None:
        trace.last_ns = max(trace.last_ns or 0, span.end_ns)
    if span.parent_id is None:
        trace.root_status = latest(trace.root_status, span.status, stamp)
    for name in _TOLD:
        text = span.about_trace.get(name)
        if text is not None and (span.parent_id is None or not name.endswith("_preview")):
            trace.told[name] = min(
                trace.told.get(name, (text, stamp)), (text, stamp), key=_claim_order
            )
    if span.about_trace.get(USAGE) or span.about_trace.get(COST):
        trace.sums = True


def _take_span(tables: Tables, trace: TraceState, span: types.SpanLogged, stamp: Stamp) -> None:
    tell_of_span(trace, span, stamp)
    usage, cost = span.about_trace.get(USAGE, ""), span.about_trace.get(COST, "")
    state = SpanState(
        span.span_id,
        span.parent_id,
        span.name,
        span.kind,
        span.status,
        span.start_ns,
        span.end_ns,
        span.size,
        span.sha256 if span.body is None else hashlib.sha256(span.body).digest(),
        span.body is None,
        usage,
        cost,
        stamp,
    )
    known = tables.traces.span(trace.number, span.span_id)
    trace.spans += known is None
    if known is None or _span_rank(state) > _span_rank(known):
        tables.traces.put_span(trace.number, state, span.body)


def tags_set(tables: Tables, trace: TraceState, event: types.TraceTagsSet, stamp: Stamp) -> None:
    """Tags take new values."""
    merge_tags(trace.tags, event.tags, stamp)


def tag_deleted(
    tables: Tables, trace: TraceState, event: types.TraceTagDeleted, stamp: Stamp
) -> None:
    """A tag goes away."""
    merge_tags(trace.tags, {event.key: None}, stamp)


def runs_linked(
    tables: Tables, trace: TraceState, event: types.TraceRunsLinked, stamp: Stamp
) -> None:
    """The trace belongs to more runs."""
    _link(trace, dict.fromkeys(event.run_ids, True), stamp)


def runs_unlinked(
    tables: Tables, trace: TraceState, event: types.TraceRunsUnlinked, stamp: Stamp
) -> None:
    """The trace belongs to some runs no longer."""
    _link(trace, dict.fromkeys(event.run_ids, False), stamp)


def _link(trace: TraceState, changes: Mapping[str, bool], stamp: Stamp) -> None:
    for run_id, linked in changes.items():
        known = trace.runs.get(run_id, (False, NEVER))
        trace.runs[run_id] = max(known, (linked, stamp), key=_link_order)


def prompts_linked(
    tables: Tables, trace: TraceState, event: types.TracePromptsLinked, stamp: Stamp
) -> None:
    """The trace used more prompts."""
    for prompt in event.prompts:
        trace.prompts[prompt] = min(trace.prompts.get(prompt, stamp), stamp)


def assessment_created(
    tables: Tables, trace: TraceState, event: types.AssessmentCreated, stamp: Stamp
) -> None:
    """The birth of an assessment; should one be recorded twice, the earliest counts."""
    one = _assessment(trace, event.assessment_id)
    if stamp < one.born:
        one.born = stamp
        one.kind, one.overrides = event.kind, event.overrides
        one.source_type, one.source_id = event.source_type, event.source_id
        one.created_ms, one.span_id, one.run_id = event.created_ms, event.span_id, event.run_id
    one.updated_ms = max(one.updated_ms, event.updated_ms)
    one.name = latest(one.name, event.name, stamp)
    one.value = latest(one.value, (event.value, event.error), stamp)
    if event.rationale is not None:
        one.rationale = latest(one.rationale, event.rationale, stamp)
    merge_tags(one.metadata, event.metadata, stamp)


def assessment_updated(
    tables: Tables, trace: TraceState, event: types.AssessmentUpdated, stamp: Stamp
) -> None:
    """Some fields of an assessment take new values."""
    one = _assessment(trace, event.assessment_id)
    one.updated_ms = max(one.updated_ms, event.at_ms)
    if event.name is not None:
        one.name = latest(one.name, event.name, stamp)
    if event.value is not None:
        one.value = latest(one.value, (event.value, event.error), stamp)
    if event.rationale is not None:
        one.rationale = latest(one.rationale, event.rationale, stamp)
    merge_tags(one.metadata, event.metadata, stamp)


def assessment_deleted(
    tables: Tables, trace: TraceState, event: types.AssessmentDeleted, stamp: Stamp
) -> None:
    """An assessment goes away, for good."""
    _assessment(trace, event.assessment_id).deleted = True


def artifacts_logged(
    tables: Tables, trace: TraceState, event: types.TraceArtifactsLogged, stamp: Stamp
) -> None:
    """Files appear, or are replaced."""
    keep_artifacts(tables, trace.number, event.files, stamp)


def artifacts_deleted(
    tables: Tables, trace: TraceState, event: types.TraceArtifactsDeleted, stamp: Stamp
) -> None:
    """Files go away from the list."""
    remove_artifacts(tables, trace.number, event.paths, stamp)


def deleted(tables: Tables, trace: TraceState, event: types.TraceDeleted, stamp: Stamp) -> None:
    """The trace is not shown any more."""
    trace.lifecycle = latest(trace.lifecycle, "deleted", stamp)


def restored(tables: Tables, trace: TraceState, event: types.TraceRestored, stamp: Stamp) -> None:
    """The trace is shown again."""
    trace.lifecycle = latest(trace.lifecycle, "active", stamp)


def _assessment(trace: TraceState, assessment_id: str) -> AssessmentState:
    return trace.assessments.setdefault(assessment_id, AssessmentState(assessment_id))


def _least(known: int | None, number: int) -> int:
    return number if known is None else min(known, number)


def _claim_order(claim: OptionalText) -> tuple[Stamp, str]:
    return claim[1], claim[0] or ""


def _link_order(link: tuple[bool, Stamp]) -> tuple[Stamp, bool]:
    return link[1], link[0]


def _span_rank(span: SpanState) -> tuple[Stamp, str]:
    return span.stamp, repr(span)


TRACE_FOLDS: dict[str, TraceFold] = {
    "trace.recorded": recorded,
    "trace.spans_logged": spans_logged,
    "trace.tags_set": tags_set,
    "trace.tag_deleted": tag_deleted,
    "trace.runs_linked": runs_linked,
    "trace.runs_unlinked": runs_unlinked,
    "trace.prompts_linked": prompts_linked,
    "trace.assessment_created": assessment_created,
    "trace.assessment_updated": assessment_updated,
    "trace.assessment_deleted": assessment_deleted,
    "trace.artifacts_logged": artifacts_logged,
    "trace.artifacts_deleted": artifacts_deleted,
    "trace.deleted": deleted,
    "trace.restored": restored,
}
