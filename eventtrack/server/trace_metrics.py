"""Figures about traces over HTTP, for the Overview of an experiment."""

import math

from eventtrack.compat import checks, trace_requests
from eventtrack.compat.messages import Values
from eventtrack.compat.responses import Json
from eventtrack.server.endpoint import AJAX_3, API_3, Endpoint
from eventtrack.store import Store
from eventtrack.tokens import Role
from eventtrack.views.traces.metrics import Aggregation, MetricPoint


def _query(store: Store, sent: Values) -> Json:
    points = store.traces.metrics.query(
        list(map(checks.experiment_id, sent["experiment_ids"])),
        sent["view_type"],
        sent["metric_name"],
        [
            Aggregation(kind=asked["aggregation_type"], percentile=asked.given("percentile_value"))
            for asked in sent["aggregations"]
        ],
        dimensions=sent["dimensions"],
        filters=sent["filters"],
        time_interval_seconds=sent.given("time_interval_seconds"),
        start_time_ms=sent.given("start_time_ms"),
        end_time_ms=sent.given("end_time_ms"),
        max_results=sent["max_results"],
    )
    return {"data_points": list(map(_point, points))} if points else {}


def _point(point: MetricPoint) -> Json:
    shown: Json = {"metric_name": point.metric_name, "values": point.values}
    return shown | ({"dimensions": point.dimensions} if point.dimensions else {})


def _correlation(store: Store, sent: Values) -> Json:
    correlation = store.traces.sets.correlation(
        list(map(checks.experiment_id, sent["experiment_ids"])),
        sent["filter_string1"],
        sent["filter_string2"],
        sent.given("base_filter"),
    )
    shares = {"npmi": correlation.npmi, "npmi_smoothed": correlation.npmi_smoothed}
    return {
        **{name: share for name, share in shares.items() if not math.isnan(share)},
        "filter1_count": correlation.first,
        "filter2_count": correlation.second,
        "joint_count": correlation.joint,
        "total_count": correlation.total,
    }


ENDPOINTS = (
    Endpoint(
        *("POST", "traces/calculate-filter-correlation", trace_requests.CORRELATION, _correlation),
        prefixes=(API_3, AJAX_3),
        role=Role.READ,
    ),
    Endpoint(
        *("POST", "traces/metrics", trace_requests.METRICS, _query),
        prefixes=(API_3, AJAX_3),
        role=Role.READ,
    ),
)
