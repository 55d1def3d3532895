"""The views' tables of traces: states by number, spans, their bodies, and an order by time.

`traces_by_time` has a row for each shown trace: `experiment number (u32) ‖ request time (u64, the
sign bit flipped) ‖ trace number (u32)`. So a page of the newest traces is a short walk.
"""

from collections.abc import Iterator

import msgspec

from eventtrack.projections import keys
from eventtrack.projections.rows import Rows, View, Writer, below
from eventtrack.projections.trace_state import SpanState, TraceState

_SIGN = 1 << 63
_encode = msgspec.msgpack.Encoder().encode
_decode_trace = msgspec.msgpack.Decoder(TraceState).decode
_decode_span = msgspec.msgpack.Decoder(SpanState).decode


def find_trace(view: View, trace_id: str) -> TraceState | None:
    """A trace by its id, even if deleted or known by hearsay; None if no event names it."""
    number = view.number("trace/" + trace_id)
    return None if number is None else trace_by_number(view, number)


def trace_by_number(view: View, number: int) -> TraceState | None:
    """A trace by its local number."""
    return _trace_by_number(view.rows, number)


def spans_of(view: View, trace: int) -> list[SpanState]:
    """The spans of a trace: the root first, the others by start."""
    spans = [
        _decode_span(value) for _, value in below(view.rows, "spans", trace.to_bytes(4, "big"))
    ]
    return sorted(spans, key=_span_order)


def span_body(view: View, trace: int, span_id: str) -> bytes | None:
    """The JSON of a span; None if it is in a blob."""
    value = view.rows.get("span_bodies", _span_key(trace, span_id))
    return None if value is None else bytes(value)


def spans_in_blobs(view: View) -> Iterator[SpanState]:
    """Every span whose body is in a blob; reads all spans."""
    for _, value in view.rows.scan("spans"):
        state = _decode_span(value)
        if state.in_blob:
            yield state


def newest_traces(
    view: View, experiment: int, first_ms: int, last_ms: int
) -> Iterator[tuple[int, int]]:
    """The shown traces in `[first_ms, last_ms]` as (request time, number), newest first."""
    prefix = experiment.to_bytes(4, "big")
    beyond = prefix + _ordered(last_ms) + b"\xff" * 5
    first = prefix + _ordered(first_ms)
    for key in view.rows.keys("traces_by_time", first, beyond, reverse=True):
        yield int.from_bytes(key[4:12], "big") - _SIGN, int.from_bytes(key[12:], "big")


class ChangedTraces:
    """The traces that a fold's batch changes, written when it ends. Spans are written at once."""

    def __init__(self, tables: Writer) -> None:
        self._tables = tables
        self._traces: dict[int, TraceState] = {}
        self._rows: dict[int, bytes | None] = {}

    def change(self, stream: str) -> TraceState:
        """A trace that is about to change; a new state if no event named it before."""
        number = self._tables.stream_number(stream)
        state = self._traces.get(number)
        if state is None:
            state = _trace_by_number(self._tables.rows, number)
            if state is None:
                state = TraceState(number, stream.partition("/")[2])
            self._traces[number] = state
            self._rows[number] = self._row(state)
        return state

    def span(self, trace: int, span_id: str) -> SpanState | None:
        """The state of a span; None for an unknown span."""
        value = self._tables.rows.get("spans", _span_key(trace, span_id))
        return None if value is None else _decode_span(value)

    def put_span(self, trace: int, state: SpanState, body: bytes | None) -> None:
        """Store a span and its body in the place of an older one."""
        rows, key = self._tables.rows, _span_key(trace, state.span_id)
        rows.put("spans", key, _encode(state))
        if body is None:
            rows.delete("span_bodies", key)
        else:
            rows.put("span_bodies", key, body)

    def flush(self) -> None:
        """Write all changes."""
        rows = self._tables.rows
        for number, state in sorted(self._traces.items()):
            rows.put("traces", number.to_bytes(4, "big"), _encode(state))
            before, after = self._rows[number], self._row(state)
            if before != after:
                if before is not None:
                    rows.delete("traces_by_time", before)
                if after is not None:
                    rows.put("traces_by_time", after, b"")
        self._traces.clear()
        self._rows.clear()

    def _row(self, state: TraceState) -> bytes | None:
        """The trace's row in `traces_by_time`; None for a trace that is not shown."""
        if not state.shown:
            return None
        experiment = self._tables.stream_number("experiment/" + state.experiment_id)
        number = state.number.to_bytes(4, "big")
        return experiment.to_bytes(4, "big") + _ordered(state.request_ms) + number


def _trace_by_number(rows: Rows, number: int) -> TraceState | None:
    value = rows.get("traces", number.to_bytes(4, "big"))
    return None if value is None else _decode_trace(value)


def _span_key(trace: int, span_id: str) -> bytes:
    return trace.to_bytes(4, "big") + keys.hashed(span_id)[:16]


def _span_order(span: SpanState) -> tuple[bool, int, str]:
    return span.parent_id is not None, span.start_ns, span.span_id


def _ordered(number: int) -> bytes:
    return (number + _SIGN).to_bytes(8, "big")
