"""Experiments: their names, their lives, and what both do to their runs."""

from pathlib import Path

import pytest

from eventtrack.clock import ManualClock
from eventtrack.errors import (
    AlreadyExistsError,
    InvalidStateError,
    InvalidValueError,
    NotFoundError,
)
from eventtrack.ids import SeededIds
from eventtrack.store import Store
from eventtrack.views.records import ViewType
from tests.store.machines import refused


def stage(store: Store, run_id: str) -> str:
    return store.runs.get(run_id).info.lifecycle_stage


def test_a_new_store_has_the_experiment_default(store: Store) -> None:
    assert store.experiments.get("0").name == "Default"
    assert [one.name for one in store.experiments.search()] == ["Default"]


def test_a_deleted_default_does_not_come_back(store: Store, clock: ManualClock) -> None:
    store.experiments.delete("0")
    path = store.path
    store.close()
    again = Store(path, clock=clock, ids=SeededIds("again"))
    assert again.experiments.search() == []
    assert again.experiments.ensure_default() == "0"
    assert again.experiments.get("0").lifecycle_stage == "deleted"
    again.close()


def test_opening_a_store_twice_makes_one_default(store: Store, clock: ManualClock) -> None:
    head = store.events.head()
    store.close()
    second = Store(store.path, clock=clock, ids=SeededIds("second"))
    assert second.events.head() == head
    assert len(second.experiments.search(ViewType.ALL)) == 1
    second.close()


def test_an_experiment_is_what_was_said_of_it(store: Store, clock: ManualClock) -> None:
    clock.advance(5)
    experiment_id = store.experiments.create("mnist", tags={"team": "a", "n": 1})
    experiment = store.experiments.get(experiment_id)
    assert (experiment.name, experiment.lifecycle_stage) == ("mnist", "active")
    assert experiment.tags == {"n": "1", "team": "a"}
    assert experiment.creation_time == experiment.last_update_time == clock.now_ms()
    assert experiment.artifact_location.endswith(f"/experiments/{experiment_id}")


def test_ids_are_positive_integers_that_follow_from_the_name(store: Store, other: Store) -> None:
    experiment_id = store.experiments.create("mnist")
    assert 0 < int(experiment_id) < 2**63
    assert other.experiments.create("mnist") == experiment_id


def test_an_experiment_is_found_by_its_name_deleted_or_not(store: Store) -> None:
    experiment_id = store.experiments.create("a")
    store.experiments.delete(experiment_id)
    found = store.experiments.get_by_name("a")
    assert found is not None
    assert (found.experiment_id, found.lifecycle_stage) == (experiment_id, "deleted")
    assert store.experiments.get_by_name("b") is None


@pytest.mark.parametrize("experiment_id", ["99", "abc", "", "\ud800", "x" * 600])
def test_an_unknown_experiment_is_not_found(store: Store, experiment_id: str) -> None:
    with refused(store, NotFoundError):
        store.experiments.get(experiment_id)
    with refused(store, NotFoundError):
        store.experiments.delete(experiment_id)


def test_a_name_is_taken_once(store: Store) -> None:
    store.experiments.create("a")
    with refused(store, AlreadyExistsError, "Experiment(name=a) already exists."):
        store.experiments.create("a")


def test_a_name_stays_taken_when_its_experiment_is_deleted(store: Store) -> None:
    store.experiments.delete(store.experiments.create("a"))
    with refused(store, AlreadyExistsError, "already exists in deleted state"):
        store.experiments.create("a")


def test_names_differ_by_case(store: Store) -> None:
    assert store.experiments.create("a") != store.experiments.create("A")


def test_a_name_given_up_can_be_taken_by_another_experiment(store: Store) -> None:
    first = store.experiments.create("a")
    store.experiments.rename(first, "b")
    second = store.experiments.create("a")
    assert first != second
    found = store.experiments.get_by_name("a")
    assert found is not None
    assert found.experiment_id == second


def test_a_name_changes(store: Store, clock: ManualClock) -> None:
    experiment_id = store.experiments.create("a")
    clock.advance(5)
    store.experiments.rename(experiment_id, "b")
    experiment = store.experiments.get(experiment_id)
    assert (experiment.name, experiment.last_update_time) == ("b", clock.now_ms())
    assert store.experiments.get_by_name("a") is None


def test_renaming_to_the_same_name_is_no_event(store: Store) -> None:
    experiment_id = store.experiments.create("a")
    head = store.events.head()
    store.experiments.rename(experiment_id, "a")
    assert store.events.head() == head


def test_renaming_is_refused(store: Store) -> None:
    first, second = store.experiments.create("a"), store.experiments.create("b")
    with refused(store, AlreadyExistsError, "Experiment(name=b) already exists"):
        store.experiments.rename(first, "b")
    with refused(store, NotFoundError):
        store.experiments.rename("99", "c")
    store.experiments.delete(second)
    with refused(store, AlreadyExistsError, "deleted state"):
        store.experiments.rename(first, "b")
    with refused(store, InvalidStateError, "Cannot rename"):
        store.experiments.rename(second, "c")


@pytest.mark.parametrize("name", ["", None, 5, "x" * 501, "\ud800"])
def test_a_name_is_a_text_of_one_to_five_hundred_characters(store: Store, name: object) -> None:
    with refused(store, InvalidValueError):
        store.experiments.create(name)  # type: ignore[arg-type]
    with refused(store, InvalidValueError):
        store.experiments.rename("0", name)  # type: ignore[arg-type]


def test_the_longest_name_is_taken(store: Store) -> None:
    assert store.experiments.create("x" * 500)


def test_deleting_takes_the_runs_along_and_restoring_brings_all_back(store: Store) -> None:
    experiment_id = store.experiments.create("a")
    kept, deleted = (store.runs.create(experiment_id).info.run_id for _ in "ab")
    store.runs.delete(deleted)
    store.experiments.delete(experiment_id)
    assert [stage(store, run) for run in (kept, deleted)] == ["deleted", "deleted"]
    assert store.runs.search([experiment_id]) == []
    assert len(store.runs.search([experiment_id], view_type=ViewType.DELETED_ONLY)) == 2
    store.experiments.restore(experiment_id)
    # As MLflow: the run that was deleted before comes back as well.
    assert [stage(store, run) for run in (kept, deleted)] == ["active", "active"]


def test_a_run_may_be_restored_within_a_deleted_experiment(store: Store, run_id: str) -> None:
    store.experiments.delete("0")
    store.runs.restore(run_id)
    assert stage(store, run_id) == "active"
    assert len(store.runs.search(["0"])) == 1
    store.runs.set_tags(run_id, {"t": 1})


def test_deleting_a_run_of_a_deleted_experiment_changes_nothing(store: Store, run_id: str) -> None:
    store.experiments.delete("0")
    head = store.events.head()
    store.runs.delete(run_id)
    assert store.events.head() == head


def test_a_deleted_experiment_cannot_be_deleted_nor_an_active_one_restored(store: Store) -> None:
    with refused(store, NotFoundError, "No deleted experiment with id=0 exists"):
        store.experiments.restore("0")
    store.experiments.delete("0")
    with refused(store, NotFoundError, "No active experiment with id=0 exists"):
        store.experiments.delete("0")


def test_tags_come_change_and_go(store: Store, clock: ManualClock) -> None:
    store.experiments.set_tag("0", "t", "a")
    clock.advance(1)
    store.experiments.set_tags("0", {"t": "b", "u": 1})
    assert store.experiments.get("0").tags == {"t": "b", "u": "1"}
    assert store.experiments.get("0").last_update_time == clock.now_ms()
    store.experiments.delete_tag("0", "t")
    assert store.experiments.get("0").tags == {"u": "1"}


def test_a_tag_set_to_what_it_is_is_no_event(store: Store) -> None:
    store.experiments.set_tag("0", "t", "a")
    head = store.events.head()
    store.experiments.set_tag("0", "t", "a")
    assert store.events.head() == head


def test_tags_are_refused(store: Store) -> None:
    with refused(store, NotFoundError, "No tag with name: t"):
        store.experiments.delete_tag("0", "t")
    with refused(store, InvalidValueError):
        store.experiments.set_tag("0", "", "a")
    with refused(store, InvalidValueError, "exceeds the maximum length of 20000"):
        store.experiments.set_tag("0", "t", "x" * 20_001)
    store.experiments.delete("0")
    with refused(store, InvalidValueError, "must be in the 'active' state"):
        store.experiments.set_tag("0", "t", "a")
    with refused(store, InvalidValueError, "must be in the 'active' state"):
        store.experiments.delete_tag("0", "t")


def test_the_longest_tag_is_taken(store: Store) -> None:
    store.experiments.set_tag("0", "x" * 250, "x" * 20_000)
    assert len(store.experiments.get("0").tags["x" * 250]) == 20_000


def test_a_location_of_its_own_is_kept(store: Store, tmp_path: Path) -> None:
    experiment_id = store.experiments.create("a", artifact_location=f"{tmp_path}/files/")
    assert store.experiments.get(experiment_id).artifact_location == f"{tmp_path}/files/"
    run = store.runs.create(experiment_id)
    assert run.info.artifact_uri == f"{tmp_path}/files/{run.info.run_id}/artifacts"


@pytest.mark.parametrize("location", ["x" * 2049, "file:///a#b", "runs:/a", "/a#b"])
def test_a_location_as_mlflow_refuses_it_is_refused(store: Store, location: str) -> None:
    with refused(store, InvalidValueError):
        store.experiments.create("a", artifact_location=location)


def test_an_empty_location_is_none(store: Store) -> None:
    experiment_id = store.experiments.create("a", artifact_location="")
    assert "/experiments/" in store.experiments.get(experiment_id).artifact_location
