"""Search over traces: walks the traces of some experiments from the newest on and tests each.

A page of the newest matches costs only the traces that the walk passes. A filter by time bounds
the walk; any other order reads all traces. Spans and bodies are read only if a filter asks.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import groupby, islice

import msgspec

from eventtrack.errors import NotFoundError
from eventtrack.limits import INT64_MAX, INT64_MIN
from eventtrack.projections.state import ExperimentState
from eventtrack.projections.tables import Reader
from eventtrack.projections.trace_state import AssessmentState, SpanState, TraceState
from eventtrack.projections.trace_tables import (
    newest_traces,
    span_body,
    spans_of,
    trace_by_number,
)
from eventtrack.tags import TRACE_NAME_TAG, TRACE_RUN_KEY
from eventtrack.views.filters.trees import And, Comparison, Expression, Not, Or, OrderTerm
from eventtrack.views.search.matching import compare_number
from eventtrack.views.search.values import text_test
from eventtrack.views.traces.fields import SPAN_ATTRIBUTE_PREFIX, SPAN_CONTENT
from eventtrack.views.traces.records import decoded, linked_runs, trace_metadata, valid_assessments

Test = Callable[[TraceState], bool]
SpanTest = Callable[[TraceState, SpanState], bool]
# The bytes of a blob by its SHA-256.
ReadBlob = Callable[[bytes], bytes]
_NUMBERS = ("timestamp_ms", "execution_time_ms", "end_time_ms")
_TIME = "timestamp_ms"


class TraceSearch:
    """One search, within one read of the views.

    Args:
        experiments: The experiments to search; no other traces are read.
        read_blob: Reads the bodies of large spans.
    """

    def __init__(
        self, reader: Reader, experiments: Sequence[ExperimentState], read_blob: ReadBlob
    ) -> None:
        self._reader = reader
        self._experiments = [state.number for state in experiments]
        self._read_blob = read_blob

    def find(
        self, expression: Expression | None, order: Sequence[OrderTerm], start: int, stop: int
    ) -> list[TraceState]:
        """The matches `[start, stop)`, ordered as asked, then newest first, then by trace id."""
        test = self._test(expression) if expression is not None else None
        states: Iterator[TraceState] = (
            state for state in self._newest(*_times(expression)) if test is None or test(state)
        )
        if order and not _is_natural(order):
            states = iter(self._sorted(list(states), order))
        return list(islice(states, start, stop))

    def _newest(self, first_ms: int, last_ms: int) -> Iterator[TraceState]:
        walks = [
            newest_traces(self._reader, number, first_ms, last_ms) for number in self._experiments
        ]
        rows = walks[0] if len(walks) == 1 else merge(*walks, reverse=True)
        for _, same in groupby(rows, key=lambda row: row[0]):
            states = [trace_by_number(self._reader, number) for _, number in same]
            known = [state for state in states if state is not None]
            yield from sorted(known, key=lambda state: state.trace_id)

    def _sorted(self, states: list[TraceState], order: Sequence[OrderTerm]) -> list[TraceState]:
        for term in reversed(order):
            keys = {
                state.number: self._value(state, term.field.kind, term.field.key)
                for state in states
            }
            # A field has numbers or texts, never both. Traces without a value come last.
            states.sort(key=lambda state: _sort_key(keys[state.number]), reverse=not term.ascending)
            states.sort(key=lambda state: keys[state.number] is None)
        return states

    # Filters: every expression is a test of one trace.

    def _test(self, expression: Expression) -> Test:
        if isinstance(expression, And):
            return self._all(expression.parts)
        if isinstance(expression, Or):
            tests = [self._test(part) for part in expression.parts]
            return lambda state: any(test(state) for test in tests)
        if isinstance(expression, Not):
            inner = self._test(expression.part)
            return lambda state: not inner(state)
        if _is_of_spans(expression):
            return self._all((expression,))
        return self._compare(expression)

    def _all(self, parts: Sequence[Expression]) -> Test:
        """A test that all parts hold; the parts about spans have to hold for the same span."""
        tests = [self._test(part) for part in parts if not _is_of_spans(part)]
        of_span = [self._span_test(part) for part in parts if _is_of_spans(part)]

        def holds(state: TraceState) -> bool:
            if not all(test(state) for test in tests):
                return False
            return not of_span or any(
                all(test(state, span) for test in of_span)
                for span in spans_of(self._reader, state.number)
            )

        return holds

    def _compare(self, comparison: Comparison) -> Test:
        kind, key = comparison.field.kind, comparison.field.key
        operator, wanted = comparison.operator, comparison.value
        if kind in ("feedback", "expectation", "issue"):
            return _assessment_test(comparison)
        if kind == "attribute" and key == "prompt":
            return lambda state: wanted in state.prompts
        if kind == "attribute" and key == "run_id" and operator in ("=", "IN"):
            runs = set(wanted) if isinstance(wanted, tuple) else {wanted}
            return lambda state: (
                not runs.isdisjoint({*linked_runs(state), state.live_metadata().get(TRACE_RUN_KEY)})
            )
        if operator == "IS NULL":
            return lambda state: self._value(state, kind, key) is None
        if operator == "IS NOT NULL":
            return lambda state: self._value(state, kind, key) is not None
        if kind == "attribute" and key in _NUMBERS:
            return lambda state: _compare_number(self._value(state, kind, key), operator, wanted)
        test = text_test(operator, wanted)
        return lambda state: _passes(test, self._value(state, kind, key))

    def _value(self, state: TraceState, kind: str, key: str) -> str | int | None:
        """The value of a trace under a field; None without a value."""
        if kind == "tag":
            return state.tags.get(key, (None,))[0]
        if kind == "metadata":
            return trace_metadata(self._reader, state).get(key)
        if key == "name":
            return state.tags.get(TRACE_NAME_TAG, (None,))[0]
        if key == "run_id":
            return state.live_metadata().get(TRACE_RUN_KEY)
        if key == "end_time_ms":
            return state.request_ms + (state.duration_ms or 0)
        report = state.report[0]
        values: dict[str, str | int | None] = {
            "request_id": state.trace_id,
            "timestamp_ms": state.request_ms,
            "execution_time_ms": state.duration_ms,
            "status": state.state,
            "client_request_id": None if report is None else report.client_request_id,
            "experiment_id": state.experiment_id,
        }
        return values.get(key)

    def _span_test(self, expression: Expression) -> SpanTest:
        assert isinstance(expression, Comparison)
        key, operator = expression.field.key, expression.operator
        absent = operator == "IS NULL"
        if operator in ("IS NULL", "IS NOT NULL"):
            return lambda state, span: (self._span_value(state, span, key) is None) == absent
        test = text_test(operator, expression.value)
        return lambda state, span: _passes(test, self._span_value(state, span, key))

    def _span_value(self, state: TraceState, span: SpanState, key: str) -> str | None:
        if key == "name":
            return span.name
        if key == "type":
            return span.kind
        if key == "status":
            return span.status
        body = self._body(state, span)
        if key in ("text", SPAN_CONTENT):
            return body.decode("utf-8", "replace")
        attributes = msgspec.json.decode(body).get("attributes", {})
        sent = attributes.get(key.removeprefix(SPAN_ATTRIBUTE_PREFIX))
        value = decoded(sent) if isinstance(sent, str) else sent
        if value is None or isinstance(value, str):
            return value
        return msgspec.json.encode(value).decode()

    def _body(self, state: TraceState, span: SpanState) -> bytes:
        """The JSON of a span; an empty object if its bytes are not on this machine."""
        if not span.in_blob:
            return span_body(self._reader, state.number, span.span_id) or b"{}"
        with contextlib.suppress(NotFoundError):
            return self._read_blob(span.sha256)
        return b"{}"


def _assessment_test(comparison: Comparison) -> Test:
    kind, name = comparison.field.kind, comparison.field.key
    operator, wanted = comparison.operator, comparison.value
    if kind == "issue":
        return lambda state: any(
            assessment.kind == kind and assessment.name[0] == wanted
            for assessment in state.live_assessments()
        )

    def named(state: TraceState) -> list[AssessmentState]:
        return [
            assessment
            for assessment in valid_assessments(state)
            if assessment.kind == kind and assessment.name[0] == name
        ]

    if operator == "IS NULL":
        return lambda state: not named(state)
    if operator == "IS NOT NULL":
        return lambda state: bool(named(state))
    if operator[0] in "<>":
        return lambda state: any(
            _compare_number(_number(assessment), operator, wanted) for assessment in named(state)
        )
    test = text_test(operator, wanted)
    # `= 'true'` means the boolean as well as the text.
    either = any if operator != "!=" else all
    return lambda state: any(
        either(map(test, {str(assessment.value[0][0]), str(decoded(assessment.value[0][0]))}))
        for assessment in named(state)
    )


def _number(assessment: AssessmentState) -> float | None:
    value = decoded(assessment.value[0][0])
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def _compare_number(value: object, operator: str, wanted: object) -> bool:
    return isinstance(value, int | float) and compare_number(value, operator, wanted)


def _passes(test: Callable[[str], bool], value: object) -> bool:
    return isinstance(value, str) and test(value)


def _is_of_spans(expression: Expression) -> bool:
    if not isinstance(expression, Comparison):
        return False
    field = expression.field
    return field.kind == "span" or (field.kind == "attribute" and field.key == "text")


def _is_natural(order: Sequence[OrderTerm]) -> bool:
    """Whether an order is the order of the walk."""
    term = order[0]
    return (
        term.field.kind == "attribute"
        and term.field.key == _TIME
        and not term.ascending
        and len(order) == 1
    )


def _times(expression: Expression | None) -> tuple[int, int]:
    """The least and the greatest time of a trace that can match."""
    first, last = INT64_MIN, INT64_MAX
    parts = expression.parts if isinstance(expression, And) else (expression,)
    for part in parts:
        if not isinstance(part, Comparison) or part.field.kind != "attribute":
            continue
        value = part.value
        if part.field.key != _TIME or not isinstance(value, int):
            continue
        if part.operator in (">", ">=", "="):
            first = max(first, value)
        if part.operator in ("<", "<=", "="):
            last = min(last, value)
    return max(first, INT64_MIN), min(last, INT64_MAX)


def _sort_key(value: str | int | None) -> tuple[int, bytes]:
    if isinstance(value, int):
        return value, b""
    return 0, (value or "").encode("utf-8", "surrogatepass")
