"""Reads from the views the rows that figures about traces are computed from.

The search walks the traces of some experiments. It reads spans only if the figure is about spans,
and bodies of spans only for the names of models, which stand nowhere else.
"""

import contextlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

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
from eventtrack.tags import TRACE_NAME_TAG, TRACE_RUN_KEY, TRACE_SESSION_KEY, TRACE_USAGE_KEY
from eventtrack.views.traces.metric_filters import MetricFilter
from eventtrack.views.traces.metrics import MetricQuery, Row, Value
from eventtrack.views.traces.records import decoded, linked_runs, trace_metadata, valid_assessments

_NS_PER_MS = 1_000_000
_COSTS = ("input_cost", "output_cost", "total_cost")
_MODELS = {"span_model_name": "mlflow.llm.model", "span_model_provider": "mlflow.llm.provider"}
# MLflow (store/tracking/utils/trace_analytics.py).
_MODEL_LENGTH_MAX = 500
_decode_body = msgspec.json.Decoder(dict[str, Any]).decode


class MetricRows:
    """The rows of one query, within one read of the views.

    Args:
        read_blob: Reads the bodies of large spans. A span whose body is not here has no model.
    """

    def __init__(
        self,
        reader: Reader,
        experiments: Iterable[ExperimentState],
        read_blob: Callable[[bytes], bytes],
    ) -> None:
        self._reader = reader
        self._experiments = [state.number for state in experiments]
        self._read_blob = read_blob

    def find(self, query: MetricQuery) -> Iterator[Row]:
        """All rows that count, in no order."""
        of_view = {"TRACES": self._traces, "SPANS": self._spans, "ASSESSMENTS": self._assessments}
        of_trace = [asked for asked in query.filters if asked.of == "trace"]
        # A cost counts at the time of its span, all else at the time of the trace.
        by_span = query.metric in _COSTS
        first, last = (INT64_MIN, INT64_MAX) if by_span else (query.first_ms, query.last_ms)
        for experiment in self._experiments:
            for _, number in newest_traces(self._reader, experiment, first, last):
                state = trace_by_number(self._reader, number)
                if state is not None and all(self._holds(state, asked) for asked in of_trace):
                    yield from of_view[query.view](query, state)

    def _traces(self, query: MetricQuery, state: TraceState) -> Iterator[Row]:
        value = self._trace_value(query.metric, state)
        texts = {"trace_name": state.live_tags().get(TRACE_NAME_TAG), "trace_status": state.state}
        groups = _groups(texts.get, query.dimensions)
        if value is not None and groups is not None:
            yield Row(state.request_ms, value, groups)

    def _trace_value(self, metric: str, state: TraceState) -> Value | None:
        if metric == "trace_count":
            return state.trace_id
        if metric == "session_count":
            return self._metadata(state, TRACE_SESSION_KEY)
        if metric == "latency":
            return state.duration_ms
        usage = decoded(self._metadata(state, TRACE_USAGE_KEY) or "{}")
        return _whole(usage.get(metric)) if isinstance(usage, dict) else None

    def _spans(self, query: MetricQuery, state: TraceState) -> Iterator[Row]:
        by_span = query.metric in _COSTS
        own = [asked for asked in query.filters if asked.of == "span"]
        for span in spans_of(self._reader, state.number):
            time_ms = span.start_ns // _NS_PER_MS
            if by_span and not query.first_ms <= time_ms <= query.last_ms:
                continue
            if not all(_span_field(span, asked.entity) == asked.value for asked in own):
                continue
            value = _span_value(query.metric, span)
            if value is None:
                continue
            groups = self._span_groups(state, span, query.dimensions)
            if groups is not None:
                yield Row(time_ms, value, groups)

    def _span_groups(
        self, state: TraceState, span: SpanState, dimensions: Sequence[str]
    ) -> tuple[str, ...] | None:
        attributes: dict[str, Any] = {}
        if not _MODELS.keys().isdisjoint(dimensions):
            attributes = _decode_body(self._body(state, span)).get("attributes") or {}

        def text_of(dimension: str) -> str | None:
            if dimension not in _MODELS:
                return _span_field(span, dimension.removeprefix("span_"))
            sent = attributes.get(_MODELS[dimension])
            name = decoded(sent) if isinstance(sent, str) else None
            return name[:_MODEL_LENGTH_MAX] if isinstance(name, str) else None

        return _groups(text_of, dimensions)

    def _assessments(self, query: MetricQuery, state: TraceState) -> Iterator[Row]:
        own = [asked for asked in query.filters if asked.of == "assessment"]
        for assessment in valid_assessments(state):
            fields = {"name": assessment.name[0], "type": assessment.kind}
            value = _assessment_value(query.metric, assessment)
            if value is None or any(fields[asked.entity] != asked.value for asked in own):
                continue
            shown = json.dumps(decoded(assessment.value[0][0]))
            named = {"assessment_name": assessment.name[0], "assessment_value": shown}
            groups = _groups(named.get, query.dimensions)
            if groups is not None:
                yield Row(state.request_ms, value, groups)

    def _holds(self, state: TraceState, asked: MetricFilter) -> bool:
        if asked.entity == "status":
            return state.state == asked.value
        if asked.entity == "tag":
            return state.live_tags().get(asked.key) == asked.value
        if asked.key == TRACE_RUN_KEY and asked.value in linked_runs(state):
            return True
        return self._metadata(state, asked.key) == asked.value

    def _metadata(self, state: TraceState, key: str) -> str | None:
        """The metadata under a key; summed up from spans only if none was reported."""
        reported = state.metadata.get(key, (None,))[0]
        return trace_metadata(self._reader, state).get(key) if reported is None else reported

    def _body(self, state: TraceState, span: SpanState) -> bytes:
        if not span.in_blob:
            return span_body(self._reader, state.number, span.span_id) or b"{}"
        with contextlib.suppress(NotFoundError):
            return self._read_blob(span.sha256)
        return b"{}"


def _groups(
    text_of: Callable[[str], str | None], dimensions: Sequence[str]
) -> tuple[str, ...] | None:
    """A text for each dimension; None if a dimension has no text."""
    texts = [text for dimension in dimensions if (text := text_of(dimension)) is not None]
    return tuple(texts) if len(texts) == len(dimensions) else None


def _span_field(span: SpanState, name: str) -> str | None:
    return {"name": span.name, "type": span.kind or None, "status": span.status}[name]


def _span_value(metric: str, span: SpanState) -> Value | None:
    if metric == "span_count":
        return span.span_id
    if metric == "latency":
        return None if span.end_ns is None else (span.end_ns - span.start_ns) // _NS_PER_MS
    cost = decoded(span.cost or "{}")
    return _finite(cost.get(metric)) if isinstance(cost, dict) else None


def _assessment_value(metric: str, assessment: AssessmentState) -> Value | None:
    """A number as it is; 1 for true and yes, 0 for false and no; None for all else."""
    if metric == "assessment_count":
        return assessment.assessment_id
    value = decoded(assessment.value[0][0])
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, str):
        return {"yes": 1.0, "no": 0.0}.get(value.strip().lower())
    return _finite(value)


def _finite(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _whole(value: object) -> int | None:
    """A count of tokens; it may have been sent as a text or as 3.0."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    if not number.is_finite() or not INT64_MIN <= number <= INT64_MAX:
        return None
    return int(number) if number == number.to_integral_value() else None
