"""Figures about traces over HTTP: what the Overview of an experiment draws."""

import math

from eventtrack.compat import checks, trace_requests
from eventtrack.compat.messages import Values
from eventtrack.compat.responses import Json
from eventtrack.server.endpoint import AJAX_3, API_3, Endpoint
from eventtrack.store import Store
from eventtrack.tokens import Role
from eventtrack.views.trace_metrics import Aggregation, MetricPoint


def _query(store: Store, sent: Values) -> Json:
    found = store.traces.metrics.query(
        [checks.experiment_id(one) for one in sent["experiment_ids"]],
        sent["view_type"],
        sent["metric_name"],
        [
            Aggregation(kind=one["aggregation_type"], percentile=one.given("percentile_value"))
            for one in sent["aggregations"]
        ],
        dimensions=sent["dimensions"],
        filters=sent["filters"],
        time_interval_seconds=sent.given("time_interval_seconds"),
        start_time_ms=sent.given("start_time_ms"),
        end_time_ms=sent.given("end_time_ms"),
        max_results=sent["max_results"],
    )
    return {"data_points": [_point(one) for one in found]} if found else {}


def _point(point: MetricPoint) -> Json:
    shown: Json = {"metric_name": point.metric_name, "values": point.values}
    return shown | ({"dimensions": point.dimensions} if point.dimensions else {})


def _correlation(store: Store, sent: Values) -> Json:
    found = store.traces.sets.correlation(
        [checks.experiment_id(one) for one in sent["experiment_ids"]],
        sent["filter_string1"],
        sent["filter_string2"],
        sent.given("base_filter"),
    )
    shares = {"npmi": found.npmi, "npmi_smoothed": found.npmi_smoothed}
    return {
        **{name: share for name, share in shares.items() if not math.isnan(share)},
        "filter1_count": found.first,
        "filter2_count": found.second,
        "joint_count": found.joint,
        "total_count": found.total,
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
