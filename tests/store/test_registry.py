"""The model registry: what is recorded, what is refused, and how two machines' registries meet."""

import pytest

from eventtrack.clock import ManualClock
from eventtrack.errors import (
    AlreadyExistsError,
    InvalidStateError,
    InvalidValueError,
    NotFoundError,
)
from eventtrack.projections.registered_state import numbers
from eventtrack.store import Store
from tests.store.machines import exchange


def test_versions_are_numbered_named_and_staged(store: Store) -> None:
    store.registry.create("net", description="a net", tags={"team": "a"})
    for source in ("one", "two", "three"):
        store.registry.create_version("net", source, run_id="r", tags={"t": source})
    store.registry.set_alias("net", "best", 2)
    store.registry.set_stage("net", 1, "production")
    store.registry.set_stage("net", 2, "Production", archive_existing=True)
    found = store.registry.versions("net")
    assert [(one.version, one.source, one.current_stage) for one in found] == [
        (1, "one", "Archived"),
        (2, "two", "Production"),
        (3, "three", "None"),
    ]
    assert store.registry.version_by_alias("net", "best").aliases == ["best"]
    assert store.registry.version_by_alias("net", "latest").version == 3
    assert [one.version for one in store.registry.latest_versions("net", ["production"])] == [2]
    assert store.registry.get("net").aliases == {"best": 2}


def test_a_deleted_version_keeps_its_number_and_loses_its_aliases(store: Store) -> None:
    store.registry.create("net")
    for _ in range(2):
        store.registry.create_version("net", "s")
    store.registry.set_alias("net", "best", 2)
    store.registry.delete_version("net", "2")
    with pytest.raises(NotFoundError, match="version=2"):
        store.registry.get_version("net", 2)
    with pytest.raises(InvalidValueError, match="alias best not found"):
        store.registry.version_by_alias("net", "best")
    assert store.registry.create_version("net", "s").version == 3


def test_a_name_is_taken_until_it_is_given_up(store: Store) -> None:
    store.registry.create("net")
    store.registry.create_version("net", "s")
    with pytest.raises(AlreadyExistsError, match="already exists"):
        store.registry.create("net")
    with pytest.raises(AlreadyExistsError, match="a model and a prompt"):
        store.registry.create("net", tags={"mlflow.prompt.is_prompt": "true"})
    store.registry.rename("net", "other")
    assert store.registry.get_version("other", 1).name == "other"
    store.registry.create("net")
    with pytest.raises(AlreadyExistsError):
        store.registry.rename("net", "other")
    store.registry.delete("other")
    assert store.registry.rename("net", "other").latest_versions == []
    assert [one.name for one in store.registry.search()] == ["other"]


@pytest.mark.parametrize("name", ["", " ", "a/b", "a:b", "..", "n" * 257])
def test_names_that_no_model_may_have_are_refused(store: Store, name: str) -> None:
    with pytest.raises(InvalidValueError):
        store.registry.create(name)


@pytest.mark.parametrize("alias", ["", "a b", "latest", "v1", "a" * 256])
def test_aliases_that_no_version_may_have_are_refused(store: Store, alias: str) -> None:
    store.registry.create("net")
    store.registry.create_version("net", "s")
    with pytest.raises(InvalidValueError):
        store.registry.set_alias("net", alias, 1)


def test_only_active_stages_are_cleared(store: Store) -> None:
    store.registry.create("net")
    store.registry.create_version("net", "s")
    with pytest.raises(InvalidValueError, match="not an Active stage"):
        store.registry.set_stage("net", 1, "Archived", archive_existing=True)
    with pytest.raises(InvalidValueError, match="Invalid Model Version stage"):
        store.registry.set_stage("net", 1, "nonsense")


def test_prompts_are_found_by_those_who_ask_for_them(store: Store) -> None:
    prompt = {"mlflow.prompt.is_prompt": "true"}
    for name, tags in (("net", {}), ("hello", prompt)):
        store.registry.create(name, tags=tags)
        store.registry.create_version(name, "s", tags=tags)
    asked = "tags.`mlflow.prompt.is_prompt` = 'true'"
    assert [one.name for one in store.registry.search()] == ["net"]
    assert [one.name for one in store.registry.search(asked)] == ["hello"]
    assert [one.name for one in store.registry.search_versions()] == ["net"]
    assert [one.name for one in store.registry.search_versions(asked)] == ["hello"]


def test_two_machines_that_make_one_name_mean_one_model(store: Store, other: Store) -> None:
    for one in (store, other):
        one.registry.create("net", tags={one.path.name: "here"})
    exchange(store, other)
    assert store.registry.get("net") == other.registry.get("net")
    assert len(store.registry.get("net").tags) == 2
    assert len(store.registry.search()) == 1


def test_of_two_versions_of_one_number_the_later_moves_and_neither_is_lost(
    store: Store, other: Store, clock: ManualClock
) -> None:
    store.registry.create("net")
    store.registry.create_version("net", "both know it")
    exchange(store, other)
    clock.advance(1)
    other.registry.create_version("net", "early")
    clock.advance(1)
    store.registry.create_version("net", "late")
    store.registry.set_alias("net", "mine", 2)
    clock.advance(1)
    store.registry.create_version("net", "last")
    exchange(store, other)
    for one in (store, other):
        found = {version.source: version.version for version in one.registry.versions("net")}
        assert found == {"both know it": 1, "early": 2, "last": 3, "late": 4}
        assert one.registry.version_by_alias("net", "mine").source == "late"
        [conflict] = one.conflicts()
        assert (conflict.kept, conflict.lost) == ("4", ["2"])
    assert other.registry.create_version("net", "next").version == 5
    assert store.maintenance.digest() != other.maintenance.digest()
    exchange(store, other)
    assert store.maintenance.digest() == other.maintenance.digest()


def test_a_version_registered_after_a_deletion_elsewhere_is_not_lost_with_it(
    store: Store, other: Store, clock: ManualClock
) -> None:
    store.registry.create("net")
    store.registry.create_version("net", "old")
    exchange(store, other)
    clock.advance(1)
    store.registry.delete("net")
    clock.advance(1)
    other.registry.create_version("net", "new")
    exchange(store, other)
    for one in (store, other):
        assert [version.source for version in one.registry.versions("net")] == ["new"]


def test_numbers_are_kept_by_the_first_and_never_shared() -> None:
    claims = {"a": (1, b"1"), "b": (1, b"2"), "c": (2, b"3"), "d": (1, b"0")}
    assert numbers(claims) == {"d": 1, "a": 3, "b": 4, "c": 2}


def test_the_past_of_a_registry_can_be_seen(store: Store) -> None:
    store.registry.create("net")
    before = store.events.head()
    store.registry.create_version("net", "s")
    with store.at(str(before)) as then:
        assert then.registry.versions("net") == []
    types = [event.type for event in store.events.read(stream=store.registry.stream("net"))]
    assert types == ["registered.created", "registered.version_created"]


def address_of(store: Store, kind: str) -> str:
    """The address of the last event of a type."""
    return [event for event in store.events.read() if event.type == kind][-1].address


def test_deletions_are_undone(store: Store) -> None:
    store.registry.create("net")
    store.registry.create_version("net", "s")
    store.registry.delete_version("net", 1)
    store.history.undo(address_of(store, "registered.version_deleted"))
    assert store.registry.get_version("net", 1).source == "s"
    store.registry.delete("net")
    store.history.undo(address_of(store, "registered.deleted"))
    assert store.registry.get_version("net", 1).source == "s"
    with pytest.raises(InvalidStateError, match="lifecycle changed again since"):
        store.history.undo(address_of(store, "registered.deleted"))
    model_id = store.models.create("0").model_id
    store.models.delete(model_id)
    store.history.undo(address_of(store, "model.deleted"))
    assert store.models.get(model_id).lifecycle_stage == "active"
