"""Checks of traces, spans and their texts, made before anything is written."""

import re
from collections.abc import Iterable, Iterator, Sequence

from eventtrack import limits, validate
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.events import traces as types
from eventtrack.projections.trace_state import TraceState
from eventtrack.store.blobs import Blobs
from eventtrack.tags import TRACE_NAME_TAG, TRACE_SESSION_KEY
from eventtrack.views.traces.records import Span, TraceStatus

_SPAN_ID = re.compile("[0-9a-f]{16}")
_SPAN_STATES = ("UNSET", "OK", "ERROR")
_NS_MAX = 2**64 - 1


def trace_id_of(value: object) -> str:
    """A trace's id as a caller names it: up to 50 characters."""
    text = validate.text("trace ID", value)
    if not 0 < len(text) <= limits.TRACE_ID_LENGTH_MAX:
        raise InvalidValueError(
            f"Invalid trace ID {text[:80]!r}: it must have 1 to {limits.TRACE_ID_LENGTH_MAX} "
            "characters",
            hint="trace ids are 'tr-' and 32 hex digits",
        )
    return text


def refuse_deleted(state: TraceState | None, trace_id: str) -> None:
    """Refuse to write to a deleted trace; None stands for an unknown trace, which is fine."""
    if state is not None and state.experiment_id and not state.shown:
        raise NotFoundError(
            f"Cannot log to trace '{trace_id}': it was deleted", hint="log a new trace"
        )


def not_linked(state: TraceState | None, run_id: str) -> bool:
    """Whether a link of a trace to a run is new; None stands for a trace that is yet to come."""
    if state is None:
        return True
    hidden = state.experiment_id and not state.shown
    return not hidden and not state.runs.get(run_id, (False,))[0]


def report_event(event: types.TraceRecorded) -> types.TraceRecorded:
    """Check a report; returns it."""
    validate.int64("request_time", event.request_ms)
    if event.duration_ms is not None:
        validate.int64("execution_duration", event.duration_ms)
    validate.status(event.state, TraceStatus.ALL, "trace state")
    _no_longer("Trace name", event.tags.get(TRACE_NAME_TAG), limits.TRACE_NAME_LENGTH_MAX)
    _no_longer("Session ID", event.metadata.get(TRACE_SESSION_KEY), limits.TRACE_SESSION_LENGTH_MAX)
    plain = (event.client_request_id, event.request_preview, event.response_preview)
    check_texts("trace", [*event.tags.items(), *event.metadata.items(), plain])
    return event


def span_event(span: Span, blobs: Blobs) -> types.SpanLogged:
    """The event form of a span; a large body goes into a blob."""
    for name, value in (("span ID", span.span_id), ("parent ID", span.parent_id)):
        if value is not None and _SPAN_ID.fullmatch(value) is None:
            raise InvalidValueError(
                f"Invalid {name} {str(value)[:80]!r} in trace {span.trace_id}",
                hint="span ids are 16 hex digits in small letters",
            )
    for name, moment in (("start time", span.start_time_ns), ("end time", span.end_time_ns)):
        if moment is not None and not 0 <= moment <= _NS_MAX:
            raise InvalidValueError(
                f"Invalid {name} {moment} of span {span.span_id}",
                hint="times of spans are nanoseconds since 1970",
            )
    validate.status(span.status, _SPAN_STATES, "span status")
    check_texts("span", [(span.name, span.kind), *span.about_trace.items()])
    inline = len(span.body) <= limits.SPAN_BODY_INLINE_BYTES_MAX
    return types.SpanLogged(
        span.span_id,
        span.parent_id,
        span.name,
        span.kind,
        span.status,
        span.start_time_ns,
        span.end_time_ns,
        len(span.body),
        b"" if inline else blobs.keep(span.body)[0],
        span.body if inline else None,
        dict(span.about_trace),
    )


def span_portions(spans: Sequence[types.SpanLogged]) -> Iterator[list[types.SpanLogged]]:
    """Split spans into portions, each small enough for an envelope."""
    part: list[types.SpanLogged] = []
    size = 0
    for span in spans:
        weight = len(span.body or b"")
        full = size + weight > limits.SPANS_ENVELOPE_BYTES_MAX
        if part and (full or len(part) >= limits.SPANS_ENVELOPE_MAX):
            yield part
            part, size = [], 0
        part.append(span)
        size += weight
    yield part


def check_texts(what: str, texts: Iterable[tuple[str | None, ...]]) -> None:
    """Refuse texts that together are longer than an event of a trace may be."""
    size = 0
    for pair in texts:
        for text in pair:
            if text is not None:
                size += len(validate.text(what, text).encode())
    if size > limits.TRACE_TEXTS_BYTES_MAX:
        raise InvalidValueError(
            f"the texts of a {what} have {size} bytes together, which exceeds the limit of "
            f"{limits.TRACE_TEXTS_BYTES_MAX}",
            hint="keep long texts in the inputs and outputs of spans, which have no such limit",
        )


def _no_longer(what: str, text: str | None, longest: int) -> None:
    if text is not None and len(text) > longest:
        raise InvalidValueError(
            f"'{what}' exceeds the maximum length of {longest} characters", hint="shorten it"
        )
