"""Figures about traces, their spans and their assessments, as a store answers them."""

from collections.abc import Iterable, Sequence

from eventtrack import limits
from eventtrack.views.blobs import BlobFiles
from eventtrack.views.context import ReadContext
from eventtrack.views.traces.metric_rows import MetricRows
from eventtrack.views.traces.metrics import Aggregation, MetricPoint, metric_points, metric_query


class TraceMetrics:
    """Counts, sums and percentiles over the traces of some experiments."""

    def __init__(self, context: ReadContext) -> None:
        self._context = context
        self._blobs = BlobFiles(context.source.path)

    def query(
        self,
        experiment_ids: Iterable[str],
        view_type: str,
        metric_name: str,
        aggregations: Sequence[Aggregation],
        *,
        dimensions: Sequence[str] = (),
        filters: Sequence[str] = (),
        time_interval_seconds: int | None = None,
        start_time_ms: int | None = None,
        end_time_ms: int | None = None,
        max_results: int = limits.TRACE_METRICS_RESULTS_DEFAULT,
    ) -> list[MetricPoint]:
        """At most `max_results` points in order of time, then of their dimensions.

        Args:
            view_type: `TRACES`, `SPANS` or `ASSESSMENTS`. `views.traces.metrics.OFFERS` lists the
                metrics of each, with their figures and dimensions.
            filters: Comparisons that must all hold, such as `trace.status = 'OK'`.
            time_interval_seconds: Groups by intervals of this length; needs a start and an end.

        Raises:
            InvalidValueError: There is no such metric, figure or dimension.
            FilterSyntaxError: A filter cannot be read.
        """
        asked = metric_query(
            view_type,
            metric_name,
            aggregations,
            dimensions=dimensions,
            filters=filters,
            time_interval_seconds=time_interval_seconds,
            start_time_ms=start_time_ms,
            end_time_ms=end_time_ms,
        )
        with self._context.read() as reader:
            states = [
                reader.experiment(experiment_id) for experiment_id in dict.fromkeys(experiment_ids)
            ]
            known = [state for state in states if state is not None]
            rows = MetricRows(reader, known, self._blobs.read)
            points = metric_points(asked, rows.find(asked))
        return points if max_results < 0 else points[:max_results]
