"""Experiments: every request is answered as MLflow's own server answers it."""

from typing import Any

import pytest

from tests.compat.twin import AJAX, API, Twin

LONG = "x" * 501


def test_an_experiment_is_made_and_read(twin: Twin) -> None:
    twin.new_experiment("one", tags=[{"key": "a", "value": "1"}, {"key": "empty", "value": ""}])
    found = twin.get("experiments/get", experiment_id="{one}")
    assert found["experiment"]["artifact_location"] == "mlflow-artifacts:/<one>"
    twin.get("experiments/get-by-name", experiment_name=f"{twin.word}-one")
    twin.same("GET", f"{AJAX}experiments/get", params={"experiment_id": "{one}"})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": None},
        {"name": 5},
        {"name": LONG},
        {"name": "n", "tags": {}},
        {"name": "n", "tags": "text"},
        {"name": "n", "tags": [{"key": "a//b", "value": "1"}]},
        {"name": "n", "tags": [{"key": "a", "value": "v" * 20001}]},
        {"name": "n", "tags": [{"key": "k" * 251, "value": ""}]},
        {"name": "n", "artifact_location": 7},
        {"name": "n", "artifact_location": "s3://bucket/x#fragment"},
        {"name": "n", "artifact_location": "s3://bucket/x?a=../.."},
        {"name": "n", "artifact_location": "runs:/abc/path"},
        {"name": "Default"},
        [],
        [1],
        "text",
        5,
    ],
)
def test_an_experiment_that_cannot_be_made_is_refused(twin: Twin, body: Any) -> None:
    twin.post("experiments/create", body)


def test_a_location_that_is_too_long_is_refused(twin: Twin) -> None:
    location = "s3://bucket/" + "y" * 2048
    twin.post("experiments/create", {"name": "l", "artifact_location": location}, own_words=True)


def test_a_location_of_its_own_is_kept(twin: Twin) -> None:
    twin.new_experiment("far", artifact_location="s3://bucket/folder")
    twin.get("experiments/get", experiment_id="{far}")
    twin.new_run("far_run", "far")
    twin.get("runs/get", run_id="{far_run}")


@pytest.mark.parametrize("query", [{}, {"experiment_id": "abc"}, {"experiment_id": "99999"}])
def test_an_experiment_that_does_not_exist_is_not_found(twin: Twin, query: Any) -> None:
    twin.get("experiments/get", **query)


def test_a_name_that_does_not_exist_is_not_found(twin: Twin) -> None:
    twin.get("experiments/get-by-name", experiment_name="nobody")
    twin.get("experiments/get-by-name")


def test_renaming(twin: Twin) -> None:
    twin.new_experiment("old")
    twin.post("experiments/update", {"experiment_id": "{old}", "new_name": f"{twin.word}-new"})
    twin.get("experiments/get", experiment_id="{old}")
    twin.post("experiments/update", {"experiment_id": "{old}"})
    twin.post("experiments/update", {"experiment_id": "{old}", "new_name": ""})
    twin.post("experiments/update", {"experiment_id": "{old}", "new_name": LONG})
    twin.post("experiments/update", {"experiment_id": "12345", "new_name": "q"})
    twin.post("experiments/delete", {"experiment_id": "{old}"})
    twin.post("experiments/update", {"experiment_id": "{old}", "new_name": "q"})


def test_renaming_to_a_name_that_is_taken_is_refused(twin: Twin) -> None:
    twin.new_experiment("taken")
    twin.new_experiment("other")
    body = {"experiment_id": "{other}", "new_name": f"{twin.word}-taken"}
    answer = twin.same("POST", f"{API}experiments/update", json=body, any_error=True)
    assert answer["error_code"] == "RESOURCE_ALREADY_EXISTS"


def test_deleting_and_restoring(twin: Twin) -> None:
    twin.new_experiment()
    twin.new_run()
    body = {"experiment_id": "{experiment}"}
    twin.post("experiments/restore", body, own_words=True)
    twin.post("experiments/delete", body)
    twin.post("experiments/delete", body, own_words=True)
    twin.get("experiments/get", experiment_id="{experiment}")
    twin.get("experiments/get-by-name", experiment_name=f"{twin.word}-experiment")
    assert twin.get("runs/get", run_id="{run}")["run"]["info"]["lifecycle_stage"] == "deleted"
    twin.post("runs/create", body)
    twin.post("experiments/set-experiment-tag", {**body, "key": "a", "value": "b"})
    twin.post("experiments/create", {"name": f"{twin.word}-experiment"}, own_words=True)
    twin.post("experiments/restore", body)
    assert twin.get("runs/get", run_id="{run}")["run"]["info"]["lifecycle_stage"] == "active"
    for path in ("delete", "restore"):
        twin.post(f"experiments/{path}", {})
        twin.post(f"experiments/{path}", {"experiment_id": "{experiment}", "experimentId": "1"})
        twin.post(f"experiments/{path}", {"experimentId": "{experiment}"})


def test_tags_are_set_and_deleted(twin: Twin) -> None:
    twin.new_experiment()
    one = {"experiment_id": "{experiment}", "key": "a"}
    twin.post("experiments/set-experiment-tag", {**one, "value": "1"})
    twin.post("experiments/set-experiment-tag", {**one, "value": "2"})
    twin.post("experiments/set-experiment-tag", {**one, "key": "none"})
    twin.get("experiments/get", experiment_id="{experiment}")
    twin.post("experiments/delete-experiment-tag", one)
    twin.post("experiments/delete-experiment-tag", one)
    twin.get("experiments/get", experiment_id="{experiment}")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"experiment_id": "0"},
        {"experiment_id": "0", "key": ""},
        {"experiment_id": "x", "key": "a", "value": "1"},
        {"experiment_id": "424242", "key": "a", "value": "1"},
        {"experiment_id": "0", "key": "../a", "value": "1"},
        {"experiment_id": "0", "key": "a#", "value": "1"},
        {"experiment_id": "0", "key": "a", "value": 1},
        {"experiment_id": "0", "key": "a", "value": "v" * 20001},
        {"experiment_id": 0, "key": "a", "value": "1"},
    ],
)
def test_a_bad_tag_is_refused(twin: Twin, body: Any) -> None:
    twin.post("experiments/set-experiment-tag", body)
    if "value" not in body:
        twin.post("experiments/delete-experiment-tag", body)


def test_experiments_are_found_by_filter_order_and_page(twin: Twin) -> None:
    for name in ("a", "b", "c"):
        twin.new_experiment(name, tags=[{"key": "twin", "value": f"{twin.word}"}])
    mine = f"tags.twin = '{twin.word}'"
    twin.post("experiments/search", {"max_results": 10, "filter": mine})
    twin.post("experiments/search", {"max_results": "10", "filter": mine, "order_by": ["name ASC"]})
    twin.post("experiments/search", {"maxResults": 2, "filter": mine, "order_by": ["name DESC"]})
    rest = {
        "max_results": 2,
        "filter": mine,
        "order_by": ["name DESC"],
        "page_token": twin.next_page(),
    }
    assert len(twin.post("experiments/search", rest)["experiments"]) == 1
    twin.post("experiments/delete", {"experiment_id": "{a}"})
    for view in ("NONE", 9):
        twin.refused("POST", f"{API}experiments/search", json={"view_type": view})
    for view in ("ACTIVE_ONLY", "DELETED_ONLY", "ALL", 1, 2, 3):
        body = {"max_results": 10, "filter": mine, "view_type": view, "order_by": ["name"]}
        twin.post("experiments/search", body)
    twin.get("experiments/search", max_results=10, filter=mine, order_by=["name"], view_type="ALL")


@pytest.mark.parametrize(
    ("body", "own_words"),
    [
        ({}, True),
        ({"max_results": 0}, True),
        ({"max_results": 50001}, True),
        ({"max_results": -1}, True),
        ({"max_results": "many"}, False),
        ({"max_results": 5, "filter": "bogus = 'x'"}, True),
        ({"max_results": 5, "filter": "name ="}, True),
        ({"max_results": 5, "order_by": ["bogus"]}, True),
        ({"max_results": 5, "order_by": "name"}, False),
        ({"max_results": 5, "page_token": "bogus"}, True),
    ],
)
def test_a_bad_search_is_refused(twin: Twin, body: Any, own_words: bool) -> None:
    twin.post("experiments/search", body, own_words=own_words)


def test_datasets_of_experiments_are_found(twin: Twin) -> None:
    twin.new_experiment()
    twin.new_run("first")
    twin.new_run("second")
    dataset = {"name": "iris", "digest": "d1", "source_type": "local", "source": "{}"}
    context = [{"key": "mlflow.data.context", "value": "training"}]
    for run, tags in (("first", context), ("second", context), ("second", [])):
        used = {"dataset": {**dataset, "digest": f"d{len(tags)}"}, "tags": tags}
        twin.post("runs/log-inputs", {"run_id": f"{{{run}}}", "datasets": [used]})
    path = f"{AJAX}experiments/search-datasets"
    found = twin.same("POST", path, json={"experiment_ids": ["{experiment}"]}, unordered=True)
    assert len(found["dataset_summaries"]) == 2
    for asked in ([], ["1"] * 21):
        twin.same("POST", path, json={"experiment_ids": asked})
    twin.same("POST", path, json={})
    twin.same("POST", path, json={"experiment_ids": ["12x"]})
    twin.same("POST", path, json={"experiment_ids": ["987654321"]})
