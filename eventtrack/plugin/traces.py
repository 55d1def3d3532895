"""MLflow's calls about traces."""

import time
from collections.abc import Sequence
from typing import Any

from mlflow import entities
from mlflow.entities.trace_data import TraceData
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import RESOURCE_DOES_NOT_EXIST
from mlflow.store.entities.paged_list import PagedList

from eventtrack import limits
from eventtrack.compat import spans, trace_tags
from eventtrack.compat.checks import trace_tag
from eventtrack.plugin import versions
from eventtrack.plugin.base import OpenStore
from eventtrack.plugin.trace_entities import assessment_record, trace_info
from eventtrack.views.traces import records
from eventtrack.views.traces.metrics import Aggregation

# Programs send spans and reports in the background, so the rest of a trace may be on its way: the
# time to wait for it, as in MLflow's own store.
_WAIT_S = 3.0
_LOOK_S = 0.05


class TraceCalls(OpenStore):
    """Reports traces, logs their spans, and tags, links, searches and deletes them."""

    def start_trace(self, trace_info: entities.TraceInfo) -> entities.TraceInfo:
        """Record a trace as a whole; MLflow calls this when it has ended."""
        recorded = self.store.traces.record(
            trace_info.trace_id,
            str(trace_info.experiment_id),
            request_time=trace_info.request_time,
            execution_duration=trace_info.execution_duration,
            state=trace_info.state.value,
            client_request_id=trace_info.client_request_id,
            request_preview=trace_info.request_preview,
            response_preview=trace_info.response_preview,
            metadata={key: str(text) for key, text in trace_info.trace_metadata.items()},
            tags=trace_tags.without_ours({key: str(text) for key, text in trace_info.tags.items()}),
            assessments=[
                assessment_record(given, trace_info.trace_id) for given in trace_info.assessments
            ],
        )
        return self._info(recorded)

    def log_spans(
        self, location: str, spans: Sequence[entities.Span], tracking_uri: str | None = None
    ) -> list[entities.Span]:
        """Log spans of one trace or of several."""
        self._log_spans(location, spans)
        return list(spans)

    def get_trace_info(self, trace_id: str) -> entities.TraceInfo:
        """A trace without its spans."""
        return self._info(self.store.traces.get(trace_id))

    def get_trace(self, trace_id: str, *, allow_partial: bool = False) -> entities.Trace:
        """A trace with its spans; without `allow_partial`, waits a little for missing spans."""
        deadline = time.monotonic() + _WAIT_S
        while not (allow_partial or self.store.traces.get(trace_id).complete):
            if time.monotonic() > deadline:
                raise MlflowException(
                    f"Trace with ID {trace_id} is not fully exported yet, please try again later.",
                    error_code=RESOURCE_DOES_NOT_EXIST,
                )
            time.sleep(_LOOK_S)
        return self._trace(self.store.traces.read(trace_id))

    def batch_get_traces(
        self,
        trace_ids: Sequence[str],
        location: str | None = None,
        experiment_ids: Sequence[str] | None = None,
    ) -> list[entities.Trace]:
        """The complete traces of some ids, with their spans."""
        traces = self.store.traces.read_many(trace_ids, experiment_ids)
        return [self._trace(trace) for trace in traces]

    def batch_get_trace_infos(
        self,
        trace_ids: Sequence[str],
        location: str | None = None,
        experiment_ids: Sequence[str] | None = None,
    ) -> list[entities.TraceInfo]:
        """The traces of some ids, without their spans."""
        return [self._info(trace) for trace in self.store.traces.infos(trace_ids, experiment_ids)]

    def search_traces(
        self,
        experiment_ids: Sequence[str] | None = None,
        filter_string: str | None = None,
        max_results: int = limits.SEARCH_TRACES_RESULTS_DEFAULT,
        order_by: Sequence[str] | None = None,
        page_token: str | None = None,
        model_id: str | None = None,
        locations: Sequence[str] | None = None,
    ) -> tuple[list[entities.TraceInfo], str | None]:
        """One page of traces, newest first, and the token of the next page."""
        where = locations if locations is not None else experiment_ids
        page = self.store.traces.search(
            where, filter_string, max_results, order_by, page_token or None
        )
        return [self._info(trace) for trace in page], page.token

    def query_trace_metrics(
        self,
        experiment_ids: Sequence[str],
        view_type: Any,
        metric_name: str,
        aggregations: Sequence[Any],
        dimensions: Sequence[str] | None = None,
        filters: Sequence[str] | None = None,
        time_interval_seconds: int | None = None,
        start_time_ms: int | None = None,
        end_time_ms: int | None = None,
        max_results: int = limits.TRACE_METRICS_RESULTS_DEFAULT,
        page_token: str | None = None,
    ) -> PagedList[Any]:
        """Figures about traces, spans or assessments, all on one page."""
        figures = self.store.traces.metrics.query(
            [str(experiment_id) for experiment_id in experiment_ids],
            view_type.value,
            metric_name,
            [
                Aggregation(
                    kind=aggregation.aggregation_type.value, percentile=aggregation.percentile_value
                )
                for aggregation in aggregations
            ],
            dimensions=dimensions or (),
            filters=filters or (),
            time_interval_seconds=time_interval_seconds,
            start_time_ms=start_time_ms,
            end_time_ms=end_time_ms,
            max_results=max_results,
        )
        return PagedList(
            [
                versions.trace_metric(figure.metric_name, figure.dimensions, figure.values)
                for figure in figures
            ],
            None,
        )

    def calculate_trace_filter_correlation(
        self,
        experiment_ids: Sequence[str],
        filter_string1: str,
        filter_string2: str,
        base_filter: str | None = None,
    ) -> Any:
        """The correlation of two filters: how often the same traces match both."""
        correlation = self.store.traces.sets.correlation(
            experiment_ids, filter_string1, filter_string2, base_filter
        )
        return versions.correlation(correlation)

    def find_completed_sessions(
        self,
        experiment_id: str,
        min_last_trace_timestamp_ms: int,
        max_last_trace_timestamp_ms: int,
        max_results: int | None = None,
        filter_string: str | None = None,
    ) -> list[Any]:
        """The sessions whose last trace began in a span of time, oldest first."""
        sessions = self.store.traces.sets.completed_sessions(
            str(experiment_id),
            min_last_trace_timestamp_ms,
            max_last_trace_timestamp_ms,
            max_results,
            filter_string,
        )
        return [versions.completed_session(session) for session in sessions]

    def set_trace_tag(self, trace_id: str, key: str, value: str) -> None:
        """Set a tag of a trace."""
        tag = trace_tag(key, str(value))
        self.store.traces.set_tag(trace_id, tag.key, tag.value)

    def delete_trace_tag(self, trace_id: str, key: str) -> None:
        """Remove a tag of a trace."""
        self.store.traces.delete_tag(trace_id, key)

    def _delete_traces(
        self,
        experiment_id: str,
        max_timestamp_millis: int | None = None,
        max_traces: int | None = None,
        trace_ids: Sequence[str] | None = None,
    ) -> int:
        return self.store.traces.delete(
            str(experiment_id),
            trace_ids=trace_ids or None,
            max_timestamp_millis=max_timestamp_millis,
            max_traces=max_traces,
        )

    def link_traces_to_run(self, trace_ids: Sequence[str], run_id: str) -> None:
        """Say that traces belong to a run."""
        if trace_ids:
            self.store.traces.link_run(trace_ids, run_id)

    def unlink_traces_from_run(self, trace_ids: Sequence[str], run_id: str) -> None:
        """Say that traces no longer belong to a run."""
        self.store.traces.unlink_run(trace_ids, run_id)

    def link_prompts_to_trace(self, trace_id: str, prompt_versions: Sequence[Any]) -> None:
        """Say which versions of prompts a trace used."""
        named = [(version.name, str(version.version)) for version in prompt_versions]
        if named:
            self.store.traces.link_prompts(trace_id, named)

    def _log_spans(self, location: str, logged: Sequence[entities.Span]) -> None:
        span_records: list[records.Span] = []
        tags: dict[str, dict[str, str]] = {}
        for span in logged:
            content = versions.span_content(span)
            span_records.append(spans.span_record(content))
            own = tags.setdefault(span_records[-1].trace_id, {})
            resource = getattr(span._span, "resource", None)  # noqa: SLF001 - as MLflow's store does
            if resource is not None:
                for key, value in spans.resource_tags(dict(resource.attributes)).items():
                    own.setdefault(key, value)
            own.update(spans.trace_tags(content))
        self.store.traces.log_spans(str(location), span_records, tags=trace_tags.valid(tags))

    def _info(self, record: records.TraceInfo) -> Any:
        return trace_info(record, self.shown(record.artifact_uri))

    def _trace(self, record: records.Trace) -> Any:
        data = TraceData([versions.stored_span(span.body) for span in record.spans])
        return entities.Trace(info=self._info(record.info), data=data)
