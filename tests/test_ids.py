"""Identities: random where nobody may guess, derived where machines are to agree."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtrack.ids import (
    DEFAULT_EXPERIMENT_ID,
    RandomIds,
    SeededIds,
    experiment_id,
    name_from_bytes,
)


def test_random_ids_are_version_4_uuids() -> None:
    drawn = [uuid.UUID(bytes=RandomIds().id128()) for _ in range(100)]
    assert len(set(drawn)) == 100
    assert {one.version for one in drawn} == {4}
    assert {one.variant for one in drawn} == {uuid.RFC_4122}


@pytest.mark.parametrize("seed", [1, "one"])
def test_a_seed_gives_the_same_ids_in_the_same_order(seed: int | str) -> None:
    one, other = SeededIds(seed), SeededIds(seed)
    drawn = [one.id128() for _ in range(10)]
    assert drawn == [other.id128() for _ in range(10)]
    assert len(set(drawn)) == 10
    assert SeededIds("another").id128() not in drawn


@given(st.binary(min_size=8, max_size=32))
def test_a_name_is_short_and_of_three_parts(drawn: bytes) -> None:
    name = name_from_bytes(drawn)
    assert len(name) <= 20
    adjective, animal, number = name.split("-")
    assert adjective.isalpha()
    assert animal.isalpha()
    assert 0 <= int(number) < 1000


def test_names_differ() -> None:
    ids = SeededIds(1)
    assert len({ids.words() for _ in range(1000)}) > 990
    assert RandomIds().words()


@given(st.text(max_size=50), st.integers(0, 5))
def test_an_experiment_id_is_a_positive_decimal_below_2_to_the_63(name: str, births: int) -> None:
    found = experiment_id(name, births)
    if (name, births) != ("Default", 0):
        assert found == str(int(found))
        assert 0 < int(found) < 2**63
    assert found == experiment_id(name, births)


def test_only_the_first_default_is_zero() -> None:
    assert experiment_id("Default", 0) == DEFAULT_EXPERIMENT_ID == "0"
    assert experiment_id("Default", 1) != "0"


def test_each_birth_of_a_name_has_an_id_of_its_own() -> None:
    found = {experiment_id("mnist", births) for births in range(100)}
    assert len(found) == 100
    assert experiment_id("mnist", 0) not in {experiment_id("MNIST", 0), experiment_id("0:mnist", 0)}


def test_experiment_ids_never_change() -> None:
    """Machines of different versions must agree: these two are written down for ever."""
    assert experiment_id("mnist", 0) == "387966803036622678"
    assert experiment_id("mnist", 1) == "619368890704872254"
