"""The quick way reads points as the slow way does, or leaves them to the slow way."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventtrack.compat import checks, quick, requests
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.views.records import Metric

PLAIN = {"run_id": "r", "metrics": [{"key": "m", "value": 1, "timestamp": 2, "step": -3}]}
POINT = {"run_id": "a" * 32, "key": "m", "value": 1, "timestamp": 2, "step": -3}

ODD = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.sampled_from([1.0, 2**63, "", "a", "NaN", "5", "\ud800", "a/b", "x" * 300])
)
NAMES = ("key", "value", "timestamp", "step", "run_id", "runId", "model_id", "modelId", "other")
PARTS = st.dictionaries(st.sampled_from(NAMES), ODD, max_size=5)
GOOD_POINTS = st.fixed_dictionaries(
    {"key": st.text(min_size=1), "value": st.floats() | st.integers(), "timestamp": st.integers()},
    optional={"step": st.integers()},
)
PAIRS = st.fixed_dictionaries({"key": st.text()}, optional={"value": st.text()}) | PARTS
BODIES = st.fixed_dictionaries(
    {"run_id": st.sampled_from(["r", "a" * 32, "", None])},
    optional={
        "metrics": st.lists(GOOD_POINTS | PARTS, max_size=3),
        "params": st.lists(PAIRS, max_size=3),
        "tags": st.lists(PAIRS, max_size=3),
        "runId": st.just("r"),
    },
)
METRICS = st.fixed_dictionaries(
    {"run_id": st.sampled_from(["a" * 32, "r", "", None])},
    optional={
        "key": st.text(min_size=1) | ODD,
        "value": st.floats() | st.integers() | ODD,
        "timestamp": st.integers() | ODD,
        "step": st.integers() | ODD,
        "run_uuid": st.just("a" * 32),
        "model_id": st.sampled_from(["", "m-1"]),
        "dataset_name": st.just("d"),
        "other": ODD,
    },
)


def outcome(read: Any) -> Any:
    """What a request comes to: its batch, or the refusal."""
    try:
        sent = read()
        points, params, tags = checks.batch(sent)
        plain = [(one.key, one.value, one.timestamp, one.step) for one in points]
        return repr((sent["run_id"], plain, params, tags))
    except InvalidValueError as error:
        return error.message


def outcome_of_metric(read: Any) -> Any:
    """What a request that logs one point comes to: the point, or the refusal."""
    try:
        sent = read()
        point = checks.logged_metric(sent)
        model = point.model_id if isinstance(point, Metric) else None
        shown = (point.key, float(point.value), point.timestamp, point.step, model)
        return repr((checks.run_of(sent), shown))
    except (InvalidValueError, NotFoundError) as error:
        return error.message


def test_a_plain_batch_is_read_quickly() -> None:
    assert quick.batch(json.dumps(PLAIN).encode()) is not None


@pytest.mark.parametrize("change", [{"runId": "r"}, {"run_id": None}, {"metrics": {}}, {"x": 1}])
def test_an_odd_batch_is_left_to_the_slow_way(change: dict[str, Any]) -> None:
    assert quick.batch(json.dumps({**PLAIN, **change}).encode()) is None


@settings(max_examples=600, deadline=None)
@given(BODIES)
def test_both_ways_come_to_the_same(body: dict[str, Any]) -> None:
    encoded = json.dumps(body).encode()
    slow = outcome(lambda: requests.LOG_BATCH.from_json(requests.decode(encoded)))
    assert outcome(lambda: requests.LOG_BATCH.from_body(encoded)) == slow


def test_a_plain_point_is_read_quickly_and_taken_as_it_is() -> None:
    sent = requests.LOG_METRIC.from_body(json.dumps(POINT).encode())
    assert isinstance(checks.logged_metric(sent), quick.LoggedMetric)


@pytest.mark.parametrize("change", [{"timestamp": -1}, {"model_id": "m"}, {"step": "5"}, {"x": 1}])
def test_an_odd_point_is_left_to_the_slow_way(change: dict[str, Any]) -> None:
    assert quick.metric(json.dumps({**POINT, **change}).encode()) is None


@settings(max_examples=300, deadline=None)
@given(METRICS)
def test_both_ways_come_to_the_same_point(body: dict[str, Any]) -> None:
    encoded = json.dumps(body).encode()
    slow = outcome_of_metric(lambda: requests.LOG_METRIC.from_json(requests.decode(encoded)))
    assert outcome_of_metric(lambda: requests.LOG_METRIC.from_body(encoded)) == slow
