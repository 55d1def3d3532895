"""Runs: every request is answered as MLflow's own server answers it."""

from typing import Any

import pytest

from tests.compat.twin import AJAX, API, Twin


@pytest.fixture(autouse=True)
def an_experiment(twin: Twin) -> None:
    """Every test has an experiment of its own."""
    twin.new_experiment()


def read(twin: Twin, name: str = "run") -> Any:
    """A run as both servers show it."""
    return twin.get("runs/get", run_id=f"{{{name}}}")["run"]


def test_a_run_is_made_and_read(twin: Twin) -> None:
    twin.new_run(start_time=123, user_id="me", tags=[{"key": "a", "value": "1"}])
    assert read(twin)["info"]["start_time"] == 123
    twin.get("runs/get", run_uuid="{run}")
    twin.get("runs/get", run_id="{run}", run_uuid="other")
    twin.same("GET", f"{AJAX}runs/get", params={"run_id": "{run}"})


def test_a_new_run_is_answered_in_full(twin: Twin) -> None:
    body = {"experiment_id": "{experiment}", "run_name": "r", "user_id": "u"}
    ours, theirs = twin._ask("POST", "/api/2.0/mlflow/runs/create", json=body)
    twin.remember("run", *(one.json()["run"]["info"]["run_id"] for one in (ours, theirs)))
    assert twin._plain(twin._known[0], ours) == twin._plain(twin._known[1], theirs)


@pytest.mark.parametrize(
    "body",
    [
        {"experiment_id": "abc"},
        {"experiment_id": "987654"},
        {"experiment_id": 1},
        {"experiment_id": "{experiment}", "start_time": "soon"},
        {"experiment_id": "{experiment}", "start_time": {}},
        {"experiment_id": "{experiment}", "run_name": 7},
        {
            "experiment_id": "{experiment}",
            "run_name": "a",
            "tags": [{"key": "mlflow.runName", "value": "b"}],
        },
        {"experimentId": "{experiment}", "experiment_id": "{experiment}"},
    ],
)
def test_a_run_that_cannot_be_made_is_refused(twin: Twin, body: Any) -> None:
    twin.post("runs/create", body)


@pytest.mark.parametrize("query", [{}, {"run_id": ""}, {"run_id": "abc"}, {"run_id": "a" * 32}])
def test_a_run_that_does_not_exist_is_not_found(twin: Twin, query: Any) -> None:
    twin.get("runs/get", **query)


def test_a_run_is_updated(twin: Twin) -> None:
    twin.new_run(start_time=1)
    one = {"run_id": "{run}"}
    changes: tuple[dict[str, Any], ...] = (
        {},
        {"status": "FINISHED", "end_time": 55},
        {"status": "RUNNING"},
        {"status": 4},
        {"status": 77},
        {"end_time": "66"},
        {"end_time": 5.0},
        {"end_time": "x"},
        {"status": []},
        {"run_name": "renamed"},
        {"run_name": ""},
        {"runName": "camel"},
        {"run_name": None, "status": "KILLED"},
        {"run_uuid": "{run}", "status": "FAILED"},
        {"unknown": 1},
    )
    for change in changes:
        twin.post("runs/update", {**one, **change})
        read(twin)
    twin.post("runs/update", {"run_uuid": "{run}", "status": "FINISHED"})
    twin.post("runs/update", {"run_id": "nope", "status": "FINISHED"})
    twin.post("runs/update", {"status": "FINISHED"})


def test_a_change_with_a_bad_field_is_refused_whole(twin: Twin) -> None:
    twin.new_run(start_time=1)
    for bad in ({"status": "DONE"}, {"end_time": 5.5}, {"end_time": 2**63}):
        body = {"run_id": "{run}", "run_name": "lost", **bad}
        said = twin.refused("POST", f"{API}runs/update", json=body)
        assert f"for parameter '{next(iter(bad))}' supplied" in said
    twin.post("runs/update", {"run_id": "{run}", "run_name": "kept", "end_time": [], "status": 3})
    twin.post("runs/update", {"end_time": [], "run_id": "{run}", "run_name": "lost"})
    twin.post("runs/update", {"run_id": "{run}", "status": {}, "run_name": "lost"})
    read(twin)


def test_a_run_is_deleted_and_restored(twin: Twin) -> None:
    twin.new_run()
    one = {"run_id": "{run}"}
    twin.post("runs/delete", one)
    twin.post("runs/delete", one)
    read(twin)
    for path, body in (
        ("runs/update", {**one, "status": "FINISHED"}),
        ("runs/log-metric", {**one, "key": "m", "value": 1, "timestamp": 1}),
        ("runs/log-parameter", {**one, "key": "p", "value": "1"}),
        ("runs/set-tag", {**one, "key": "t", "value": "1"}),
        ("runs/delete-tag", {**one, "key": "t"}),
        ("runs/log-batch", one),
        ("runs/log-inputs", one),
    ):
        twin.post(path, body)
    twin.post("runs/restore", one)
    twin.post("runs/restore", one)
    read(twin)
    for path in ("runs/delete", "runs/restore"):
        twin.post(path, {})
        twin.post(path, {"run_id": 5})
        twin.post(path, {"run_id": "nope"})
        twin.post(path, {"run_uuid": "{run}"}, own_words=True)


def seed(twin: Twin) -> None:
    """Five runs that differ in everything a search looks at."""
    for number in range(5):
        name = f"r{number}"
        twin.new_run(name, start_time=1000 + number, user_id=f"u{number % 2}")
        body: dict[str, Any] = {"run_id": f"{{{name}}}"}
        body["metrics"] = [{"key": "loss", "value": number, "timestamp": 1, "step": number}]
        body["params"] = [{"key": "lr", "value": f"0.{number}"}]
        body["tags"] = [{"key": "kind", "value": "even" if number % 2 == 0 else "Odd"}]
        twin.post("runs/log-batch", body)
    twin.post("runs/update", {"run_id": "{r4}", "status": "FINISHED", "end_time": 5000})


FILTERS = (
    "",
    "metrics.loss > 2",
    "metrics.loss >= 1 and metrics.loss < 3.0",
    "params.lr = '0.1'",
    "params.lr != '0.1'",
    "params.lr LIKE '0.%'",
    "tags.kind = 'even'",
    "tags.kind ILIKE 'odd'",
    "tags.`kind` != 'even'",
    "tags.nothing IS NULL",
    "tags.kind IS NOT NULL",
    "attributes.status = 'FINISHED'",
    "status = 'RUNNING' AND user_id = 'u1'",
    "start_time > 1002",
    "run_name = 'r3'",
    "attributes.run_id IN ('{r0}', '{r2}')",
    "run_id NOT IN ('{r0}', '{r2}')",
)
ORDERS: tuple[list[str], ...] = (
    [],
    ["metrics.loss ASC"],
    ["metrics.loss DESC"],
    ["params.lr"],
    ["tags.kind", "start_time ASC"],
    ["attributes.end_time DESC"],
    ["metrics.missing"],
)


def test_runs_are_found_by_every_kind_of_filter(twin: Twin) -> None:
    seed(twin)
    for text in FILTERS:
        twin.post("runs/search", {"experiment_ids": ["{experiment}"], "filter": text})


def test_runs_come_in_the_order_asked_for(twin: Twin) -> None:
    seed(twin)
    for order in ORDERS:
        twin.post("runs/search", {"experiment_ids": ["{experiment}"], "order_by": order})


def test_runs_come_by_page_and_lifecycle(twin: Twin) -> None:
    seed(twin)
    twin.post("runs/delete", {"run_id": "{r2}"})
    for view in ("ACTIVE_ONLY", "DELETED_ONLY", "ALL", 2):
        twin.post("runs/search", {"experimentIds": ["{experiment}"], "run_view_type": view})
    said = twin.refused("POST", f"{API}runs/search", json={"run_view_type": "SOME"})
    assert "for parameter 'run_view_type' supplied" in said
    body = {"experiment_ids": ["{experiment}"], "max_results": "3"}
    twin.post("runs/search", body)
    rest = twin.post("runs/search", {**body, "page_token": twin.next_page()})
    assert len(rest["runs"]) == 1
    assert twin.post("runs/search", {}) == {}


@pytest.mark.parametrize(
    ("body", "own_words"),
    [
        ({"filter": "metrics.loss > 'x'"}, True),
        ({"filter": "bogus.key = 'x'"}, True),
        ({"filter": "params.lr ="}, True),
        ({"filter": "params.a = 1"}, True),
        ({"filter": "a = 'b' OR c = 'd'"}, True),
        ({"filter": 7}, False),
        ({"order_by": ["bogus.key"]}, True),
        ({"order_by": "start_time"}, False),
        ({"order_by": [1]}, False),
        ({"max_results": 0}, True),
        ({"max_results": 50001}, False),
        ({"max_results": "50001"}, False),
        ({"max_results": "lots"}, False),
        ({"page_token": "bogus"}, True),
        ({"experiment_ids": "0"}, False),
        ({"experiment_ids": ["abc"]}, False),
        ({"experiment_ids": ["987654321"]}, False),
    ],
)
def test_a_bad_search_is_refused(twin: Twin, body: Any, own_words: bool) -> None:
    twin.post("runs/search", {"experiment_ids": ["{experiment}"], **body}, own_words=own_words)


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"max_results": 2**31}, "max_results"),
        ({"max_results": 1.5}, "max_results"),
        ({"experiment_ids": ["0", 5]}, "experiment_ids[1]"),
        ({"experiment_ids": [None]}, "experiment_ids[0]"),
    ],
)
def test_a_search_that_mlflow_reads_by_half_is_refused(
    twin: Twin, body: dict[str, Any], path: str
) -> None:
    said = twin.refused("POST", f"{API}runs/search", json=body)
    assert f"for parameter '{path}' supplied" in said
