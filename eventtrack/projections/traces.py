"""Folds traces into the views: reports of whole traces, spans, and assessments.

Reports and spans merge by their own rules. Of two reports the later counts; so does the later of
two bodies of one span. Facts of the whole trace that spans report (its experiment, its session, its
previews) are decided by the first span. A deletion only hides.
"""

import hashlib
from collections.abc import Sequence

from eventtrack.events import traces as types
from eventtrack.events.envelope import Envelope
from eventtrack.events.types import Event
from eventtrack.facts.trace import ARTIFACT, SPAN, TRACE
from eventtrack.projections.files import take_file
from eventtrack.projections.merging import MERGES, bear
from eventtrack.projections.state import OptionalText, Stamp, latest, stamp_of
from eventtrack.projections.tables import Tables
from eventtrack.projections.trace_state import AssessmentState, SpanState, TraceState
from eventtrack.projections.trace_tables import ChangedTraces

# Facts of the whole trace that a span may report. These are summed over the whole tree by reads ...
USAGE, COST = "usage", "cost"
# ... and of these the first report counts.
_OF_TRACE = ("session", "user", "request_preview", "response_preview")


def fold(tables: Tables, envelope: Envelope, events: Sequence[Event], offset: int) -> None:
    """Fold events of one trace."""
    trace = _changed(tables).change(envelope.header.stream)
    for place, event in enumerate(events, offset):
        stamp = stamp_of(envelope, place)
        if isinstance(event, types.AssessmentCreated):
            bear(_assessment(trace, event), event, stamp)
        for fact, key, value in TRACE.says[type(event)](event):
            if fact is SPAN:
                number, span = value
                _take_span(tables, trace, span, stamp + number.to_bytes(4, "big"))
            elif fact is ARTIFACT:
                take_file(tables, trace.number, key, value, stamp)
            else:
                MERGES[fact](_assessment(trace, event) if fact.part else trace, key, value, stamp)


def tell_of_span(trace: TraceState, span: types.SpanLogged, stamp: Stamp) -> None:
    """Take the facts that a span reports of its whole trace."""
    trace.first_ns = _least(trace.first_ns, span.start_ns)
    if span.end_ns is not None:
        trace.last_ns = max(trace.last_ns or 0, span.end_ns)
    if span.parent_id is None:
        trace.root_status = latest(trace.root_status, span.status, stamp)
    for name in _OF_TRACE:
        text = span.about_trace.get(name)
        if text is not None and (span.parent_id is None or not name.endswith("_preview")):
            trace.from_spans[name] = min(
                trace.from_spans.get(name, (text, stamp)), (text, stamp), key=_claim_order
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
    traces = _changed(tables)
    known = traces.span(trace.number, span.span_id)
    trace.spans += known is None
    if known is None or _span_rank(state) > _span_rank(known):
        traces.put_span(trace.number, state, span.body)


def _changed(tables: Tables) -> ChangedTraces:
    if tables.traces is None:
        tables.traces = ChangedTraces(tables)
    return tables.traces


def _assessment(trace: TraceState, event: Event) -> AssessmentState:
    name = TRACE.part_of(event)
    return trace.assessments.setdefault(name, AssessmentState(name))


def _least(known: int | None, number: int) -> int:
    return number if known is None else min(known, number)


def _claim_order(claim: OptionalText) -> tuple[Stamp, str]:
    return claim[1], claim[0] or ""


def _span_rank(span: SpanState) -> tuple[Stamp, str]:
    return span.stamp, repr(span)
