"""The tables are whole: no type of event, and no fact, is known in one place and not in another."""

import pytest

from eventtrack.events.registry import REGISTRY
from eventtrack.events.types import Event, HeadSealed
from eventtrack.facts.fact import Fact, Noun, Rule
from eventtrack.facts.nouns import NOUNS, WITHOUT_FACTS, noun_of
from eventtrack.projections.merging import MERGES

ALL = [entry.struct for entry in REGISTRY]
FACTS = [(noun, fact) for noun in NOUNS.values() for fact in noun.facts]
# Folds and reads take these from tables of the views, or from other facts: they are no fields.
SPECIAL = {Rule.BORN, Rule.DERIVED, Rule.ROWS, Rule.POINTS}


def types_of(noun: Noun) -> set[type[Event]]:
    return {entry.struct for entry in REGISTRY if entry.name.partition(".")[0] == noun.name}


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_type_of_event_is_in_a_table_or_says_why_not(kind: type[Event]) -> None:
    tables = [noun for noun in NOUNS.values() if kind in noun.says]
    assert len(tables) + (kind in WITHOUT_FACTS) == 1
    assert WITHOUT_FACTS.get(kind, "-")


@pytest.mark.parametrize("noun", NOUNS.values(), ids=lambda noun: noun.name)
def test_a_table_has_the_types_of_its_noun_and_no_others(noun: Noun) -> None:
    assert set(noun.says) == types_of(noun)
    assert {*noun.births, *noun.stages, *noun.final} <= set(noun.says)


@pytest.mark.parametrize(("noun", "fact"), FACTS, ids=lambda one: one.name)
def test_every_fact_is_merged_by_a_rule_or_is_a_special_case(noun: Noun, fact: Fact) -> None:
    assert (fact in MERGES) != (fact.rule in SPECIAL)
    assert all(one in noun.facts for one in fact.decides)


@pytest.mark.parametrize("noun", NOUNS.values(), ids=lambda noun: noun.name)
def test_a_fact_has_one_name_and_one_field(noun: Noun) -> None:
    for names in (
        [(one.part, one.name) for one in noun.facts if one.shown],
        [(one.part, one.field) for one in noun.facts if one.field],
    ):
        assert len(set(names)) == len(names)


@pytest.mark.parametrize("noun", NOUNS.values(), ids=lambda noun: noun.name)
def test_births_and_stages_have_a_lifecycle_that_starts_active(noun: Noun) -> None:
    for part in set(noun.births.values()):
        [stage] = [one for one in noun.facts if (one.part, one.name) == (part, "lifecycle")]
        assert stage.initial == "active" or stage.rule is Rule.LIVES
    for kind, stage_name in noun.stages.items():
        assert stage_name in {"active", "deleted"}
        assert kind.__name__.endswith(("Deleted", "Restored"))


def test_an_event_of_no_noun_claims_nothing() -> None:
    assert noun_of(HeadSealed("")) is None
