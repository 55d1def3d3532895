"""The views' tables of traces: states by number, spans, their bodies, and an order by time.

`traces_by_time` has a row for each shown trace: `experiment number (u32) ‖ request time (u64, the
sign bit flipped) ‖ trace number (u32)`. So a page of the newest traces is a short walk.
"""

from collections.abc import Iterator
from itertools import takewhile
from typing import Any, Protocol

import msgspec

from eventtrack.log.environment import Transaction
from eventtrack.projections import keys
from eventtrack.projections.trace_state import SpanState, TraceState

TRACE_TABLES = ("traces", "traces_by_time", "spans", "span_bodies")

_SIGN = 1 << 63
_encode = msgspec.msgpack.Encoder().encode
_decode_trace = msgspec.msgpack.Decoder(TraceState).decode
_decode_span = msgspec.msgpack.Decoder(SpanState).decode


class Source(Protocol):
    """The views, to read their tables."""

    txn: Transaction
    tables: dict[str, Any]

    def number(self, stream: str) -> int | None:
        """The local number of a stream."""
        ...


class Numbering(Source, Protocol):
    """The views within a fold, to write their tables."""

    def stream_number(self, stream: str) -> int:
        """The local number of a stream; a new number if it has none."""
        ...


def find_trace(source: Source, trace_id: str) -> TraceState | None:
    """A trace by its id, even if deleted or known by hearsay; None if no event names it."""
    number = source.number("trace/" + trace_id)
    return None if number is None else trace_by_number(source, number)


def trace_by_number(source: Source, number: int) -> TraceState | None:
    """A trace by its local number."""
    value = source.txn.get(number.to_bytes(4, "big"), db=source.tables["traces"])
    return None if value is None else _decode_trace(value)


def spans_of(source: Source, trace: int) -> list[SpanState]:
    """The spans of a trace: the root first, the others by start."""
    spans = [_decode_span(value) for _, value in _rows(source, "spans", trace)]
    return sorted(spans, key=_span_order)


def span_body(source: Source, trace: int, span_id: str) -> bytes | None:
    """The JSON of a span; None if it is in a blob."""
    value = source.txn.get(_span_key(trace, span_id), db=source.tables["span_bodies"])
    return None if value is None else bytes(value)


def spans_in_blobs(source: Source) -> Iterator[SpanState]:
    """Every span whose body is in a blob; reads all spans."""
    for value in source.txn.cursor(source.tables["spans"]).iternext(keys=False):
        state = _decode_span(value)
        if state.in_blob:
            yield state


def newest_traces(
    source: Source, experiment: int, first_ms: int, last_ms: int
) -> Iterator[tuple[int, int]]:
    """The shown traces in `[first_ms, last_ms]` as (request time, number), newest first."""
    prefix = experiment.to_bytes(4, "big")
    cursor = source.txn.cursor(source.tables["traces_by_time"])
    beyond = prefix + _ordered(last_ms) + b"\xff" * 5
    first = prefix + _ordered(first_ms)
    if not (cursor.prev() if cursor.set_range(beyond) else cursor.last()):
        return
    for key in takewhile(first.__le__, cursor.iterprev(values=False)):
        yield int.from_bytes(key[4:12], "big") - _SIGN, int.from_bytes(key[12:], "big")


class ChangedTraces:
    """The traces that a fold's batch changes, written when it ends. Spans are written at once."""

    def __init__(self, tables: Numbering) -> None:
        self._tables = tables
        self._traces: dict[int, TraceState] = {}
        self._rows: dict[int, bytes | None] = {}

    def change(self, stream: str) -> TraceState:
        """A trace that is about to change; a new state if no event named it before."""
        number = self._tables.stream_number(stream)
        state = self._traces.get(number)
        if state is None:
            state = trace_by_number(self._tables, number)
            if state is None:
                state = TraceState(number, stream.partition("/")[2])
            self._traces[number] = state
            self._rows[number] = self._row(state)
        return state

    def span(self, trace: int, span_id: str) -> SpanState | None:
        """The state of a span; None for an unknown span."""
        value = self._tables.txn.get(_span_key(trace, span_id), db=self._tables.tables["spans"])
        return None if value is None else _decode_span(value)

    def put_span(self, trace: int, state: SpanState, body: bytes | None) -> None:
        """Store a span and its body in the place of an older one."""
        txn, tables, key = self._tables.txn, self._tables.tables, _span_key(trace, state.span_id)
        txn.put(key, _encode(state), db=tables["spans"])
        if body is None:
            txn.delete(key, db=tables["span_bodies"])
        else:
            txn.put(key, body, db=tables["span_bodies"])

    def flush(self) -> None:
        """Write all changes."""
        txn, tables = self._tables.txn, self._tables.tables
        for number, state in sorted(self._traces.items()):
            txn.put(number.to_bytes(4, "big"), _encode(state), db=tables["traces"])
            before, after = self._rows[number], self._row(state)
            if before != after:
                if before is not None:
                    txn.delete(before, db=tables["traces_by_time"])
                if after is not None:
                    txn.put(after, b"", db=tables["traces_by_time"])
        self._traces.clear()
        self._rows.clear()

    def _row(self, state: TraceState) -> bytes | None:
        """The trace's row in `traces_by_time`; None for a trace that is not shown."""
        if not state.shown:
            return None
        experiment = self._tables.stream_number("experiment/" + state.experiment_id)
        number = state.number.to_bytes(4, "big")
        return experiment.to_bytes(4, "big") + _ordered(state.request_ms) + number


def _rows(source: Source, table: str, trace: int) -> Iterator[tuple[bytes, bytes]]:
    prefix = trace.to_bytes(4, "big")
    cursor = source.txn.cursor(source.tables[table])
    if cursor.set_range(prefix):
        yield from takewhile(lambda row: row[0].startswith(prefix), cursor.iternext())


def _span_key(trace: int, span_id: str) -> bytes:
    return trace.to_bytes(4, "big") + keys.hashed(span_id)[:16]


def _span_order(span: SpanState) -> tuple[bool, int, str]:
    return span.parent_id is not None, span.start_ns, span.span_id


def _ordered(number: int) -> bytes:
    return (number + _SIGN).to_bytes(8, "big")
