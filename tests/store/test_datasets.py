"""Evaluation datasets: records meet by their inputs, on one machine and on two."""

import json
from typing import Any

import pytest

from eventtrack import limits
from eventtrack.clock import ManualClock
from eventtrack.errors import (
    FilterSyntaxError,
    InvalidStateError,
    InvalidValueError,
    NotFoundError,
)
from eventtrack.store import Store
from eventtrack.views.datasets import DatasetRecord
from tests.store.machines import exchange, refused


@pytest.fixture
def dataset_id(store: Store) -> str:
    """A dataset without records."""
    return store.datasets.create("qa", experiment_ids=["0"]).dataset_id


def questions(*texts: str, **more: Any) -> list[dict[str, Any]]:
    return [{"inputs": {"question": one}, **more} for one in texts]


def asked(store: Store, dataset_id: str) -> set[str]:
    return {one.inputs["question"] for one in store.datasets.records(dataset_id)}


def test_records_with_the_same_inputs_are_one_record(store: Store, dataset_id: str) -> None:
    datasets = store.datasets
    first = {"inputs": {"a": 1, "b": [True]}, "expectations": {"x": 1, "y": 2}, "tags": {"t": 1}}
    assert datasets.merge_records(dataset_id, [first]) == (1, 0)
    again = {"inputs": {"b": [True], "a": 1}, "outputs": "out", "expectations": {"y": 3}}
    assert datasets.merge_records(dataset_id, [again, again]) == (0, 2)
    [record] = datasets.records(dataset_id)
    assert (record.inputs, record.outputs) == (first["inputs"], "out")
    assert (record.expectations, record.tags) == ({"x": 1, "y": 3}, {"t": 1})
    assert datasets.merge_records(dataset_id, [{"inputs": {"a": 1.0, "b": [True]}}]) == (1, 0)


def test_digest_schema_and_profile_follow_from_the_records(
    store: Store, clock: ManualClock, dataset_id: str
) -> None:
    before = store.datasets.get(dataset_id)
    assert (before.schema, before.profile) == (None, None)
    clock.advance(5)
    store.datasets.merge_records(dataset_id, questions("a", outputs=[1], expectations={"n": 1.5}))
    after = store.datasets.get(dataset_id)
    assert json.loads(after.schema or "") == {
        "inputs": {"question": "string"},
        "outputs": "array",
        "expectations": {"n": "float"},
        "version": "1.0",
    }
    assert (after.profile, after.digest == before.digest) == ('{"num_records": 1}', False)
    store.datasets.delete_records(
        dataset_id, [store.datasets.records(dataset_id)[0].dataset_record_id]
    )
    gone = store.datasets.get(dataset_id)
    assert (gone.schema, gone.profile, gone.digest) == (after.schema, "null", after.digest)


def test_who_merged_is_told_by_a_tag(store: Store, dataset_id: str) -> None:
    for user in ("ada", "bob"):
        store.datasets.merge_records(dataset_id, questions("a", tags={"mlflow.user": user}))
    [record] = store.datasets.records(dataset_id)
    assert (record.created_by, record.last_updated_by) == ("ada", "bob")
    assert store.datasets.get(dataset_id).last_updated_by == "bob"


def test_two_machines_that_merge_the_same_inputs_mean_one_record(
    store: Store, other: Store, clock: ManualClock, dataset_id: str
) -> None:
    exchange(store, other)
    store.datasets.merge_records(dataset_id, questions("a", expectations={"x": 1}, outputs=1))
    clock.advance(5)
    other.datasets.merge_records(dataset_id, questions("a", expectations={"y": 2}, outputs=2))
    exchange(store, other)
    for one in (store, other):
        [record] = one.datasets.records(dataset_id)
        assert (record.expectations, record.outputs) == ({"x": 1, "y": 2}, 2)
    assert store.datasets.get(dataset_id) == other.datasets.get(dataset_id)
    assert store.maintenance.verify()[1] == other.maintenance.verify()[1]


def test_a_record_that_was_deleted_begins_anew(
    store: Store, clock: ManualClock, dataset_id: str
) -> None:
    store.datasets.merge_records(dataset_id, questions("a", expectations={"x": 1}, outputs=1))
    [first] = store.datasets.records(dataset_id)
    clock.advance(5)
    assert store.datasets.delete_records(dataset_id, [first.dataset_record_id, "dr-none"]) == 1
    assert store.datasets.delete_records(dataset_id, [first.dataset_record_id]) == 0
    clock.advance(5)
    assert store.datasets.merge_records(dataset_id, questions("a")) == (1, 0)
    [record] = store.datasets.records(dataset_id)
    assert (record.expectations, record.outputs) == (None, {})
    assert record.dataset_record_id == first.dataset_record_id
    assert record.created_time > first.created_time


def test_a_merge_by_a_machine_that_knew_of_no_deletion_brings_the_record_back(
    store: Store, other: Store, clock: ManualClock, dataset_id: str
) -> None:
    store.datasets.merge_records(dataset_id, questions("a", expectations={"x": 1}))
    exchange(store, other)
    [record] = store.datasets.records(dataset_id)
    clock.advance(5)
    store.datasets.delete_records(dataset_id, [record.dataset_record_id])
    clock.advance(5)
    other.datasets.merge_records(dataset_id, questions("a", expectations={"y": 2}))
    exchange(store, other)
    for one in (store, other):
        [found] = one.datasets.records(dataset_id)
        assert found.expectations == {"y": 2}


def test_many_records_are_several_small_envelopes(store: Store, dataset_id: str) -> None:
    large = "x" * 2**20
    records = questions(*(f"{place}{large}" for place in range(9)))
    assert store.datasets.merge_records(dataset_id, records) == (9, 0)
    events = list(store.events.read(types=["dataset.records_merged"]))
    assert [len(one.body["records"]) for one in events] == [3, 3, 3]
    with refused(store, InvalidValueError, "exceeds the limit of"):
        store.datasets.merge_records(
            dataset_id, questions("a", "b" * (limits.RECORD_BYTES_MAX + 1))
        )


def test_pages_of_records_are_in_order_and_whole(store: Store, dataset_id: str) -> None:
    texts = [f"q{place}" for place in range(25)]
    store.datasets.merge_records(dataset_id, questions(*texts[:10]))
    store.datasets.merge_records(dataset_id, questions(*texts[10:]))
    whole = store.datasets.records(dataset_id)
    assert {one.inputs["question"] for one in whole} == set(texts)
    assert whole == sorted(whole, key=lambda one: (one.created_time, one.dataset_record_id))
    found: list[DatasetRecord] = []
    token = None
    while True:
        page = store.datasets.records(dataset_id, 7, token)
        found += page
        token = page.token
        if token is None:
            break
    assert found == whole
    with pytest.raises(InvalidValueError, match="page token"):
        store.datasets.records(dataset_id, 7, "nonsense")


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ("text", "must be a list"),
        ([5], "record 0 must be a dictionary"),
        ([{"inputs": {"a": 1}}, {"inputs": "text"}], "inputs of record 1 must be a dictionary"),
        ([{"inputs": {"a": {1, 2}}}], "cannot be written as JSON"),
        ([{"inputs": {}, "expectations": [1]}], "expectations of record 0"),
        ([{"inputs": {}, "source": {"source_type": "ROBOT"}}], "Invalid dataset record source"),
    ],
)
def test_what_is_no_record_is_refused_with_all_others(
    store: Store, dataset_id: str, records: Any, words: str
) -> None:
    with refused(store, InvalidValueError, words):
        store.datasets.merge_records(dataset_id, records)


def test_a_dataset_belongs_to_experiments_that_there_are(store: Store, dataset_id: str) -> None:
    other = store.experiments.create("other")
    with refused(store, NotFoundError, "No Experiment with id=77"):
        store.datasets.add_to_experiments(dataset_id, [other, "77"])
    store.datasets.add_to_experiments(dataset_id, [other])
    assert store.datasets.experiment_ids(dataset_id) == ["0", other]
    store.datasets.remove_from_experiments(dataset_id, ["0", "77"])
    assert store.datasets.experiment_ids(dataset_id) == [other]
    assert [one.dataset_id for one in store.datasets.search([other])] == [dataset_id]
    assert store.datasets.search(["0"]) == []


def test_datasets_are_found_by_what_is_known_of_them(store: Store, clock: ManualClock) -> None:
    for name in ("one", "two", "three"):
        clock.advance(5)
        store.datasets.create(name, tags={"team": name[0], "mlflow.user": "ada"})

    def names(filter_string: str = "", *order: str) -> list[str]:
        return [one.name for one in store.datasets.search(None, filter_string, order_by=order)]

    assert names() == ["three", "two", "one"]
    assert names("name LIKE 't%'", "name ASC") == ["three", "two"]
    assert names("tags.team = 't' AND created_by = 'ada' AND name != 'two'") == ["three"]
    assert names("created_time > 5") == ["three", "two", "one"]
    page = store.datasets.search(max_results=2)
    assert [one.name for one in store.datasets.search(max_results=2, page_token=page.token)] == [
        "one"
    ]
    for wrong in ("digest = 'x'", "params.a = 'x'", "name > 3"):
        with pytest.raises(FilterSyntaxError):
            names(wrong)


def test_a_deleted_dataset_is_gone_until_that_is_undone(store: Store, dataset_id: str) -> None:
    store.datasets.merge_records(dataset_id, questions("a"))
    head = store.events.head()
    store.datasets.delete(dataset_id)
    store.datasets.delete(dataset_id)
    store.datasets.delete_tag("d-none", "a")
    with pytest.raises(NotFoundError, match="not found"):
        store.datasets.get(dataset_id)
    assert store.datasets.search() == []
    [deleted] = store.events.read(types=["dataset.deleted"])
    with store.at(str(head)) as then:
        assert len(then.datasets.records(dataset_id)) == 1
    store.history.undo(deleted.address)
    assert asked(store, dataset_id) == {"a"}
    store.datasets.delete(dataset_id)
    garbage = store.garbage.find().garbage
    assert [one.stream for one in garbage] == [f"dataset/{dataset_id}"]
    store.garbage.erase(garbage)
    assert store.history.timeline("experiment/0")
    with pytest.raises(NotFoundError):
        store.history.timeline(f"dataset/{dataset_id}")


def test_undo_takes_new_records_away_and_brings_deleted_ones_back(
    store: Store, dataset_id: str
) -> None:
    store.datasets.merge_records(dataset_id, questions("a"))
    store.datasets.merge_records(dataset_id, questions("a", "b", expectations={"x": 1}))
    first, second = store.events.read(types=["dataset.records_merged"])
    plan = store.history.plan(second.address)
    assert len(plan.stays) == 1
    assert "was there before" in next(iter(plan.stays.values()))
    store.history.undo(second.address)
    assert asked(store, dataset_id) == {"a"}
    [deleted] = store.events.read(types=["dataset.records_deleted"])
    store.history.undo(deleted.address)
    assert {
        one.inputs["question"]: one.expectations for one in store.datasets.records(dataset_id)
    } == {"a": {"x": 1}, "b": {"x": 1}}
    with pytest.raises(InvalidStateError, match="changed again since"):
        store.history.undo(first.address)


def test_tags_are_texts_and_none_leaves_them(store: Store, dataset_id: str) -> None:
    store.datasets.set_tags(dataset_id, {"a": 1, "b": None})
    store.datasets.set_tags(dataset_id, {"a": None})
    assert store.datasets.get(dataset_id).tags == {"a": "1"}
    store.datasets.delete_tag(dataset_id, "a")
    assert store.datasets.get(dataset_id).tags == {}
    with pytest.raises(NotFoundError, match="Could not find evaluation dataset with ID d-none"):
        store.datasets.set_tags("d-none", {"a": 1})


def test_letters_that_utf_8_does_not_have_are_kept_as_json_has_them(
    store: Store, dataset_id: str
) -> None:
    store.datasets.merge_records(dataset_id, questions("ä\ud800", outputs=float("nan")))
    [record] = store.datasets.records(dataset_id)
    assert record.inputs == {"question": "ä\ud800"}
    assert record.outputs != record.outputs
