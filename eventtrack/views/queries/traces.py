"""Traces, read: one by one, with their spans, searched."""

import contextlib
from collections.abc import Iterable, Sequence

from eventtrack import limits, validate
from eventtrack.errors import NotFoundError
from eventtrack.projections.tables import Reader
from eventtrack.projections.trace_state import SpanState, TraceState
from eventtrack.projections.trace_tables import span_body, spans_of
from eventtrack.views import paging
from eventtrack.views.blobs import BlobFiles
from eventtrack.views.context import ReadContext
from eventtrack.views.filters.trees import Expression, OrderTerm
from eventtrack.views.queries.artifacts import ArtifactQueries
from eventtrack.views.queries.assessments import AssessmentQueries
from eventtrack.views.queries.trace_metrics import TraceMetrics
from eventtrack.views.queries.trace_sets import TraceSets
from eventtrack.views.records import PagedList
from eventtrack.views.traces.fields import parse_trace_filter, parse_trace_order
from eventtrack.views.traces.lookup import existing_trace, shown_traces
from eventtrack.views.traces.records import (
    Span,
    Trace,
    TraceInfo,
    trace_info,
)
from eventtrack.views.traces.search import TraceSearch


class TraceArtifactQueries(ArtifactQueries):
    """Reads of the files of traces; methods take a trace's id in place of a run's."""

    _kind = "trace"

    def _owner(self, reader: Reader, run_id: str) -> TraceState:
        return existing_trace(reader, run_id)


class TraceQueries:
    """Reads of the traces of a store. `artifacts` has their files, `metrics` figures about them."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context
        self._files = BlobFiles(context.source.path)
        self.assessments = AssessmentQueries(context)
        self.artifacts = TraceArtifactQueries(context)
        self.metrics = TraceMetrics(context)
        self.sets = TraceSets(context)

    def get(self, trace_id: str) -> TraceInfo:
        """A trace without its spans.

        Raises:
            NotFoundError: There is no such trace.
        """
        with self._context.read() as reader:
            return self._info(reader, existing_trace(reader, trace_id))

    def read(self, trace_id: str) -> Trace:
        """A trace with the spans that have come so far (see `TraceInfo.complete`).

        Raises:
            NotFoundError: There is no such trace.
        """
        with self._context.read() as reader:
            return self._trace(reader, existing_trace(reader, trace_id))

    def starting_with(self, prefix: str, limit: int) -> list[str]:
        """At most `limit` ids of traces that begin with `prefix`, sorted."""
        with self._context.read() as reader:
            names = reader.streams(f"trace/{prefix}", limit)
            ids = [name.partition("/")[2] for name in names]
            return [state.trace_id for state in shown_traces(reader, ids, None)]

    def infos(
        self, trace_ids: Iterable[str], experiment_ids: Sequence[str] | None = None
    ) -> list[TraceInfo]:
        """The existing traces of some ids, in that order, without repeats; of some experiments."""
        with self._context.read() as reader:
            return [
                self._info(reader, state)
                for state in shown_traces(reader, trace_ids, experiment_ids)
            ]

    def read_many(
        self, trace_ids: Iterable[str], experiment_ids: Sequence[str] | None = None
    ) -> list[Trace]:
        """The complete traces of some ids, with their spans; see `infos`.

        A trace is not complete if the bytes of a large span are not on this machine.
        """
        traces: list[Trace] = []
        with self._context.read() as reader:
            for state in shown_traces(reader, trace_ids, experiment_ids):
                if self._info(reader, state).complete:
                    with contextlib.suppress(NotFoundError):
                        traces.append(self._trace(reader, state))
        return traces

    def search(
        self,
        experiment_ids: Sequence[str] | None = None,
        filter_string: str | None = None,
        max_results: int = limits.SEARCH_TRACES_RESULTS_DEFAULT,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
    ) -> PagedList[TraceInfo]:
        """One page of traces of some experiments (all by default), newest first.

        Raises:
            FilterSyntaxError: The filter or the order cannot be read.
        """
        validate.max_results(max_results)
        expression = parse_trace_filter(filter_string)
        order = parse_trace_order(order_by)
        where = None if experiment_ids is None else list(map(str, experiment_ids))
        asked = paging.search_of(where, filter_string or "", list(order_by or ()))
        offset = paging.offset_of(page_token, asked)
        infos = self._matches(where, expression, order, offset, offset + max_results + 1)
        return paging.page(infos, offset, max_results, asked)

    def part(
        self, experiment_ids: Sequence[str] | None, filter_string: str, start: int, stop: int
    ) -> list[TraceInfo]:
        """The matches `[start, stop)` of some experiments (all for None), newest first.

        Raises:
            FilterSyntaxError: The filter cannot be read.
        """
        expression = parse_trace_filter(filter_string)
        return self._matches(experiment_ids, expression, (), start, stop)

    def outline(self, trace_id: str) -> list[SpanState]:
        """The spans of a trace without their bodies, the root first.

        Raises:
            NotFoundError: There is no such trace.
        """
        with self._context.read() as reader:
            return spans_of(reader, existing_trace(reader, trace_id).number)

    def span(self, trace_id: str, span_id: str) -> Span:
        """One span of a trace.

        Raises:
            NotFoundError: There is no such trace or span, or its bytes are not on this machine.
        """
        with self._context.read() as reader:
            state = existing_trace(reader, trace_id)
            for span in spans_of(reader, state.number):
                if span.span_id == span_id:
                    return self._span(reader, state, span)
        raise NotFoundError(
            f"the trace {trace_id} has no span {span_id!r}", hint="its page lists its spans"
        )

    def _matches(
        self,
        experiment_ids: Sequence[str] | None,
        expression: Expression | None,
        order: Sequence[OrderTerm],
        start: int,
        stop: int,
    ) -> list[TraceInfo]:
        with self._context.read() as reader:
            if experiment_ids is None:
                experiments = reader.experiments()
            else:
                known = map(reader.experiment, dict.fromkeys(experiment_ids))
                experiments = [state for state in known if state is not None]
            search = TraceSearch(reader, experiments, self._files.read)
            states = search.find(expression, order, start, stop)
            return [self._info(reader, state) for state in states]

    def _info(self, reader: Reader, state: TraceState) -> TraceInfo:
        return trace_info(self._context.over(reader), state)

    def _trace(self, reader: Reader, state: TraceState) -> Trace:
        spans = [self._span(reader, state, span) for span in spans_of(reader, state.number)]
        return Trace(info=self._info(reader, state), spans=spans)

    def _span(self, reader: Reader, state: TraceState, span: SpanState) -> Span:
        body = span_body(reader, state.number, span.span_id) if not span.in_blob else None
        return Span(
            trace_id=state.trace_id,
            span_id=span.span_id,
            parent_id=span.parent_id,
            name=span.name,
            kind=span.kind,
            status=span.status,
            start_time_ns=span.start_ns,
            end_time_ns=span.end_ns,
            body=self._files.read(span.sha256) if span.in_blob else body or b"{}",
        )
