"""Evaluation datasets: every request is answered as MLflow's own server answers it."""

import json
import re
from typing import Any

import pytest

from tests.compat.twin import Twin

DATASETS = "/api/3.0/mlflow/datasets"
ONE = f"{DATASETS}/{{dataset}}"


@pytest.fixture(autouse=True)
def a_dataset(twin: Twin) -> None:
    """An experiment with a dataset."""
    twin.new_experiment()
    new_dataset(twin, "dataset", tags='{"mlflow.user": "ada"}', experiment_ids=["{experiment}"])


def new_dataset(twin: Twin, name: str, **body: Any) -> None:
    """A dataset on both, remembered under a name."""
    pair = twin._ask("POST", f"{DATASETS}/create", json={"name": f"{twin.word}-{name}", **body})
    twin.remember(name, *(one.json()["dataset"]["dataset_id"] for one in pair))


def same(twin: Twin, method: str, path: str, **how: Any) -> Any:
    """The same answer of both, but for new ids and what follows from the time."""
    return twin.same(method, path, own=("dataset_id", "digest", "created_time"), **how)


def merge(twin: Twin, *records: dict[str, Any]) -> None:
    same(twin, "POST", f"{ONE}/records", json={"records": json.dumps(records)})


def records(twin: Twin, **query: Any) -> list[list[Any]]:
    """What both have as records, without ids and times."""
    found = []
    for answer in twin._ask("GET", f"{ONE}/records", params=query):
        assert answer.status_code == 200, answer.text
        plain = []
        for record in json.loads(answer.json()["records"]):
            assert re.fullmatch("dr-[0-9a-f]{32}", record.pop("dataset_record_id"))
            assert record.pop("dataset_id").startswith("d-")
            assert record.pop("created_time") <= record.pop("last_update_time")
            plain.append(record)
        found.append(sorted(plain, key=str))
    assert found[0] == found[1]
    return found


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": ""},
        {"name": 5},
        {"name": "x", "tags": '{"a": "1"}'},
        {"name": "x", "tags": {"a": "1"}},
        {"name": "x", "tags": "no JSON"},
        {"name": "x", "experiment_ids": "0"},
        {"name": "x", "experiment_ids": ["98765"]},
        {"name": "x", "experiment_ids": ["{experiment}"], "tags": '{"mlflow.user": "ada"}'},
    ],
)
def test_a_dataset_is_made_or_refused(twin: Twin, body: dict[str, Any]) -> None:
    same(twin, "POST", f"{DATASETS}/create", json=body)


def test_one_is_read_and_deleted(twin: Twin) -> None:
    for method in ("GET", "DELETE", "GET", "DELETE"):
        same(twin, method, ONE)
    same(twin, "GET", f"{ONE}/experiment-ids")


@pytest.mark.parametrize(
    "record",
    [
        {"inputs": {"q": "a"}},
        {"inputs": {"q": "a"}, "outputs": None},
        {"inputs": {"q": "a"}, "outputs": {"a": [1, None, True, 1.5, "x", {}]}},
        {"inputs": {"q": "ä"}, "expectations": {}, "tags": {"t": "1"}},
        {"inputs": {"q": 1}, "expectations": {"x": 1}, "tags": {"mlflow.user": "bob"}},
        {"inputs": {}, "source": {"source_type": "trace", "source_data": {"trace_id": "tr-1"}}},
        {"inputs": {"q": 2}, "source": {"source_type": "HUMAN", "source_data": {"source_id": "s"}}},
        {"inputs": {"q": 2}, "source": {"source_type": "CODE"}},
        {"inputs": {"q": "a"}, "source": {"source_type": "UNSPECIFIED", "source_data": {}}},
    ],
)
def test_a_record_is_merged_once_and_again(twin: Twin, record: dict[str, Any]) -> None:
    merge(twin, record)
    same(twin, "GET", ONE)
    records(twin)
    merge(twin, record, {"inputs": {"other": 1}})
    same(twin, "GET", ONE)
    assert len(records(twin)[0]) == 2


def test_later_merges_change_records_key_by_key(twin: Twin) -> None:
    first = {"inputs": {"q": 1}, "outputs": {"a": 1}, "expectations": {"x": 1, "y": 2}}
    merge(twin, first | {"tags": {"mlflow.user": "ada", "t": "1"}})
    merge(twin, {"inputs": {"q": 1}, "expectations": {"y": 3}, "tags": {"mlflow.user": "bob"}})
    records(twin)
    merge(twin, {"inputs": {"q": 1}, "outputs": "text", "source": {"source_type": "HUMAN"}})
    records(twin)
    same(twin, "GET", ONE)


def test_records_are_deleted(twin: Twin) -> None:
    merge(twin, {"inputs": {"q": 1}}, {"inputs": {"q": 2}})
    pair = twin._ask("GET", f"{ONE}/records")
    ids = [json.loads(one.json()["records"])[0]["dataset_record_id"] for one in pair]
    twin.remember("record", *ids)
    for _ in range(2):
        same(twin, "DELETE", f"{ONE}/records", json={"dataset_record_ids": ["{record}", "x"]})
    same(twin, "GET", ONE)
    pair = twin._ask("GET", f"{ONE}/records")
    ids = [json.loads(one.json()["records"])[0]["dataset_record_id"] for one in pair]
    twin.remember("last", *ids)
    same(twin, "DELETE", f"{ONE}/records", json={"dataset_record_ids": ["{last}"]})
    same(twin, "GET", ONE)
    assert records(twin)[0] == []


def test_pages_of_records_are_asked_for_by_tokens(twin: Twin) -> None:
    merge(twin, *({"inputs": {"q": place}} for place in range(5)))
    pair = twin._ask("GET", f"{ONE}/records", params={"max_results": 2})
    answers = [one.json() for one in pair]
    sizes = [(len(json.loads(one["records"])), "next_page_token" in one) for one in answers]
    assert sizes == [(2, True), (2, True)]
    assert len(records(twin, max_results=5)[0]) == 5
    same(twin, "GET", f"{ONE}/records", params={"max_results": "x"})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"records": ""},
        {"records": [1]},
        {"records": "no JSON"},
        {"records": "[5]"},
        {"records": '{"a": 1}'},
    ],
)
def test_records_that_are_none_are_refused(twin: Twin, body: dict[str, Any]) -> None:
    same(twin, "POST", f"{ONE}/records", json=body, any_error=True)


def test_tags_are_set_and_deleted(twin: Twin) -> None:
    for tags in ('{"a": "1"}', '{"a": 2, "b": null}', "{}"):
        same(twin, "PATCH", f"{ONE}/tags", json={"tags": tags})
        same(twin, "DELETE", f"{ONE}/tags/mlflow.user")
        same(twin, "GET", ONE)
    same(twin, "PATCH", f"{ONE}/tags", json={})
    same(twin, "PATCH", f"{ONE}/tags", json={"tags": {"a": "1"}})
    same(twin, "PATCH", f"{DATASETS}/d-none/tags", json={"tags": '{"a": "1"}'})
    same(twin, "DELETE", f"{DATASETS}/d-none/tags/a")


def test_a_dataset_is_put_into_experiments_and_taken_out(twin: Twin) -> None:
    twin.new_experiment("second")
    for path in ("add-experiments", "remove-experiments"):
        for ids in (["{second}"], ["{second}", "{experiment}"], []):
            same(twin, "POST", f"{ONE}/{path}", json={"experiment_ids": ids})
            same(twin, "GET", f"{ONE}/experiment-ids", unordered=True)
        same(twin, "POST", f"{DATASETS}/d-none/{path}", json={"experiment_ids": ["{second}"]})
    same(twin, "POST", f"{ONE}/add-experiments", json={"experiment_ids": ["{second}", "98765"]})
    same(twin, "GET", f"{ONE}/experiment-ids", unordered=True)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"filter_string": "name LIKE '{word}%' AND tags.mlflow.user = 'ada'"},
        {"filter_string": "name ILIKE '%DATASET'"},
        {"filter_string": "name IN ('{word}-more', '{word}-dataset')"},
        {"filter_string": "created_time > 5 AND created_by = 'ada'"},
        {"filter_string": "tags.team != 'x'"},
        {"order_by": ["name ASC"]},
        {"order_by": ["name DESC", "created_time"]},
        {"max_results": 1},
    ],
)
def test_datasets_are_found(twin: Twin, body: dict[str, Any]) -> None:
    new_dataset(twin, "more", tags='{"team": "blue"}', experiment_ids=["{experiment}"])
    twin.remember("word", twin.word, twin.word)
    body = {"experiment_ids": ["{experiment}"], **body}
    same(twin, "POST", f"{DATASETS}/search", json=body)
    same(twin, "GET", f"{DATASETS}/search", params=body)


@pytest.mark.parametrize(
    "body",
    [
        {"max_results": 0},
        {"max_results": -1},
        {"max_results": 50_001},
        {"max_results": "x"},
        {"filter_string": "digest = 'x'"},
        {"filter_string": "name >"},
        {"order_by": ["digest"]},
        {"order_by": "name"},
        {"page_token": "nonsense"},
    ],
)
def test_searches_that_cannot_be_are_refused(twin: Twin, body: dict[str, Any]) -> None:
    same(twin, "POST", f"{DATASETS}/search", json=body, any_error=True)
