"""Histories of metrics: answered as MLflow's own server answers them."""

from typing import Any

import pytest

from tests.compat.twin import AJAX, API, Twin


@pytest.fixture(autouse=True)
def two_runs(twin: Twin) -> None:
    """Two runs with one metric each, of 23 points in no order, NaN and infinity among them."""
    twin.new_experiment()
    for name in ("one", "two"):
        twin.new_run(name)
        metrics: list[dict[str, Any]] = [
            {"key": "m", "value": (7 * n) % 5, "timestamp": 1000 - n // 2, "step": (5 * n) % 11}
            for n in range(20)
        ]
        odd = ("NaN", "Infinity", "-Infinity")
        metrics += [{"key": "m", "value": value, "timestamp": 500, "step": 4} for value in odd]
        metrics.append(metrics[0])
        twin.post("runs/log-batch", {"run_id": f"{{{name}}}", "metrics": metrics})


def test_a_history_is_read_whole_and_by_page(twin: Twin) -> None:
    assert len(twin.get("metrics/get-history", run_id="{one}", metric_key="m")["metrics"]) == 23
    query = {"run_id": "{one}", "metric_key": "m", "max_results": 10}
    count = len(twin.get("metrics/get-history", **query)["metrics"])
    while count < 23:
        found = twin.get("metrics/get-history", **query, page_token=twin.next_page())
        count += len(found["metrics"])
    assert "next_page_token" not in found


@pytest.mark.parametrize(
    ("query", "own_words"),
    [
        ({}, False),
        ({"run_id": "{one}"}, False),
        ({"metric_key": "m"}, False),
        ({"run_id": "{one}", "metric_key": "none"}, False),
        ({"run_id": "nobody", "metric_key": "m"}, False),
        ({"run_id": "../no", "metric_key": "m"}, False),
        ({"run_uuid": "{one}", "metric_key": "m"}, False),
        ({"run_id": "{one}", "metric_key": "m", "max_results": 0}, False),
        ({"run_id": "{one}", "metric_key": "m", "max_results": -1}, False),
        ({"run_id": "{one}", "metric_key": "m", "page_token": "x"}, True),
    ],
)
def test_odd_queries_are_treated_as_mlflow_does(
    twin: Twin, query: dict[str, Any], own_words: bool
) -> None:
    twin.same("GET", f"{API}metrics/get-history", params=query, own_words=own_words)


def test_a_size_that_is_no_integer_is_refused(twin: Twin) -> None:
    for size in ("x", "2.5", 2**31):
        query = {"run_id": "{one}", "metric_key": "m", "max_results": size}
        said = twin.refused("GET", f"{API}metrics/get-history", params=query)
        assert "for parameter 'max_results' supplied:  Hint: Value was of type 'str'" in said


def test_the_bulk_request_of_the_pages(twin: Twin) -> None:
    path = f"{AJAX}metrics/get-history-bulk"
    for query in (
        {"run_id": ["{one}", "{one}"], "metric_key": "m"},
        {"run_id": ["{one}"], "metric_key": "m", "max_results": 3},
        {"run_id": ["{one}", "nobody"], "metric_key": "m"},
        {"run_id": ["{one}"], "metric_key": "none"},
        {"run_id": ["{one}"]},
        {"metric_key": "m"},
        {"run_id": ["x"] * 101, "metric_key": "m"},
        {},
    ):
        twin.same("GET", path, params=query)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 11, 22, 23, 24])
def test_histories_are_thinned_alike(twin: Twin, size: int) -> None:
    for prefix in (API, AJAX):
        path = f"{prefix}metrics/get-history-bulk-interval"
        query = {"run_ids": ["{two}", "{one}"], "metric_key": "m", "max_results": size}
        twin.same("GET", path, params=query)
        twin.same("GET", path, params={**query, "start_step": 2, "end_step": 8})


@pytest.mark.parametrize(
    "change",
    [
        {"run_ids": []},
        {"run_ids": ["x"] * 101},
        {"run_ids": ["nobody"]},
        {"metric_key": []},
        {"max_results": 0},
        {"max_results": 2501},
        {"max_results": "x"},
        {"start_step": 1},
        {"end_step": 1},
        {"start_step": 5, "end_step": 1},
        {"start_step": 3, "end_step": 3},
        {"start_step": -5, "end_step": 100},
        {"start_step": "x", "end_step": 100},
    ],
)
def test_odd_intervals_are_treated_as_mlflow_does(twin: Twin, change: dict[str, Any]) -> None:
    query = {"run_ids": ["{one}"], "metric_key": "m", **change}
    twin.same("GET", f"{API}metrics/get-history-bulk-interval", params=query)
