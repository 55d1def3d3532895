"""Types are found by name, old versions are lifted, and what is not known is left alone."""

import re
from typing import Any

import msgspec
import pytest

from eventtrack.events.registry import REGISTRY, EventType, Registry
from eventtrack.events.types import Event, RunDeleted, TagDeleted


class Measured(Event, frozen=True):
    """An event in its third version: first the value, then its unit, then the unit's system."""

    value: float
    unit: str
    system: str = "SI"


def with_unit(body: list[Any]) -> list[Any]:
    return [*body, "m"]


def in_millimetres(body: list[Any]) -> list[Any]:
    value, unit, *rest = body
    return [value * 1000, f"m{unit}", *rest]


@pytest.fixture
def measured() -> EventType:
    registry = Registry()
    registry.add("measured", Measured, version=3, upcasters={1: with_unit, 2: in_millimetres})
    found = registry.find("measured")
    assert found is not None
    return found


def bodies(*values: list[Any]) -> bytes:
    return msgspec.msgpack.encode(values)


def test_a_type_is_found_by_its_name_and_by_its_struct() -> None:
    found = REGISTRY.find("run.deleted")
    assert found is not None
    assert REGISTRY.of(RunDeleted(1)) is found
    assert (found.name, found.version, found.struct) == ("run.deleted", 1, RunDeleted)


def test_an_unknown_name_is_no_error() -> None:
    assert REGISTRY.find("run.teleported") is None


def test_every_struct_of_an_event_is_registered_once() -> None:
    registered = [entry.struct for entry in REGISTRY]
    assert len(registered) == len(set(registered))
    assert set(registered) == set(Event.__subclasses__()) - {Measured, *_test_structs()}


def test_names_are_of_an_entity_and_a_fact() -> None:
    for entry in REGISTRY:
        assert re.fullmatch(r"[a-z]+\.[a-z]+(_[a-z]+)*", entry.name)


def test_upcasters_chain_from_version_to_version(measured: EventType) -> None:
    assert measured.decode_many(1, bodies([2.0])) == [Measured(2000.0, "mm")]
    assert measured.decode_many(2, bodies([2.0, "s"])) == [Measured(2000.0, "ms")]
    assert measured.decode_many(3, bodies([2.0, "s"])) == [Measured(2.0, "s")]


def test_many_old_bodies_are_lifted_in_order(measured: EventType) -> None:
    found = measured.decode_many(1, bodies([1.0], [2.0], [3.0]))
    assert found == [Measured(value, "mm") for value in (1000.0, 2000.0, 3000.0)]


@pytest.mark.parametrize("version", [4, 1000, 0, -1])
def test_a_version_that_is_not_known_is_no_error(measured: EventType, version: int) -> None:
    assert measured.decode_many(version, bodies(["anything", {}])) is None


def test_a_body_with_more_fields_is_read(measured: EventType) -> None:
    """A later 0.x may append fields without a new version."""
    assert measured.decode_many(3, bodies([2.0, "s", "cgs", "later", 7])) == [
        Measured(2.0, "s", "cgs")
    ]


def test_one_name_cannot_stand_for_two_types() -> None:
    registry = Registry()
    registry.add("one", TagDeleted)
    with pytest.raises(ValueError, match="one"):
        registry.add("one", RunDeleted)
    assert registry.of(TagDeleted("key")).name == "one"


def test_one_struct_cannot_have_two_names() -> None:
    registry = Registry()
    registry.add("one", TagDeleted)
    with pytest.raises(ValueError, match="two"):
        registry.add("two", TagDeleted)
    assert registry.of(TagDeleted("key")).name == "one"


@pytest.mark.parametrize("upcasters", [{}, {1: with_unit}, {2: in_millimetres}])
def test_a_version_that_cannot_be_lifted_to_the_newest_is_refused(upcasters: Any) -> None:
    registry = Registry()
    with pytest.raises(ValueError, match="measured"):
        registry.add("measured", Measured, version=3, upcasters=upcasters)
    assert registry.find("measured") is None


def _test_structs() -> list[type[Event]]:
    return [one for one in Event.__subclasses__() if not one.__module__.startswith("eventtrack.")]
