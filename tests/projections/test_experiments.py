"""Experiments that meet: births, names that two of them want, tags and stages."""

import pytest

from eventtrack.events.types import (
    Event,
    ExperimentCreated,
    ExperimentDeleted,
    ExperimentRenamed,
    ExperimentRestored,
    ExperimentTagDeleted,
    ExperimentTagsSet,
)
from eventtrack.projections.names import EXPERIMENTS, NameState, find
from eventtrack.projections.state import ExperimentState
from eventtrack.projections.tables import Reader
from eventtrack.views.entities import find_by_name, shown_name
from tests.projections.facts import fact, folded, in_every_order


def created(name: str, location: str | None = None, at_ms: int = 5) -> ExperimentCreated:
    return ExperimentCreated(name, location, {"born": name}, at_ms)


def said(replica: int, time: int, experiment_id: str, *events: Event) -> bytes:
    return fact(replica, time, f"experiment/{experiment_id}", *events)


def experiment(reader: Reader, experiment_id: str = "1") -> ExperimentState:
    state = reader.experiment(experiment_id)
    assert state is not None
    return state


def claims_of(reader: Reader, name: str) -> NameState:
    return find(reader, EXPERIMENTS, name)


def names(reader: Reader) -> dict[str, str]:
    """The name that each experiment shows."""
    return {one.experiment_id: shown_name(reader, one) for one in reader.experiments()}


def found(reader: Reader) -> dict[str, str]:
    """The experiment that is found under each shown name."""
    answers = {name: find_by_name(reader, name) for name in names(reader).values()}
    return {name: state.experiment_id for name, state in answers.items() if state is not None}


class TestBirths:
    def test_one_born_on_two_machines_is_one_and_the_earlier_birth_counts(self) -> None:
        facts = [
            said(1, 101, "1", created("mnist", "late", 11)),
            said(2, 100, "1", created("mnist", "early", 10)),
            said(1, 102, "1", ExperimentTagsSet({"a": "b"}, 12)),
        ]
        answer = in_every_order(
            facts,
            lambda reader: (
                names(reader),
                experiment(reader).artifact_location,
                experiment(reader).created_ms,
                experiment(reader).updated_ms,
                experiment(reader).live_tags(),
            ),
        )
        assert answer == ({"1": "mnist"}, "early", 10, 12, {"a": "b", "born": "mnist"})

    def test_one_known_by_hearsay_is_not_there_yet(self) -> None:
        with folded([said(1, 100, "1", ExperimentTagsSet({"a": "b"}, 1))]) as reader:
            assert reader.experiments() == []
            assert not experiment(reader).exists

    def test_whoever_was_born_under_a_name_is_remembered(self) -> None:
        facts = [
            said(1, 100, "1", created("mnist"), ExperimentRenamed("other", 6)),
            said(2, 101, "2", created("mnist")),
            said(2, 102, "3", created("other")),
        ]
        births = in_every_order(facts, lambda reader: claims_of(reader, "mnist").births)
        assert births == ["1", "2"]


class TestNames:
    def test_the_older_keeps_a_name_that_two_share(self) -> None:
        facts = [
            said(1, 100, "1", created("one")),
            said(2, 101, "2", created("two")),
            said(1, 102, "2", ExperimentRenamed("one", 7)),
        ]
        assert in_every_order(facts, names) == {"1": "one", "2": "one~02020202"}
        assert in_every_order(facts, found) == {"one": "1", "one~02020202": "2"}

    def test_a_name_is_free_again_when_its_holder_takes_another(self) -> None:
        facts = [
            said(1, 100, "1", created("one")),
            said(2, 101, "2", created("one")),
            said(1, 102, "1", ExperimentRenamed("other", 7)),
        ]
        assert in_every_order(facts, names) == {"1": "other", "2": "one"}
        assert in_every_order(facts, found) == {"other": "1", "one": "2"}

    def test_two_may_be_renamed_to_each_others_names(self) -> None:
        facts = [
            said(1, 100, "1", created("one")),
            said(2, 100, "2", created("two")),
            said(1, 101, "1", ExperimentRenamed("two", 7)),
            said(2, 101, "2", ExperimentRenamed("one", 7)),
        ]
        assert in_every_order(facts, names) == {"1": "two", "2": "one"}
        assert in_every_order(facts, found) == {"two": "1", "one": "2"}

    def test_the_last_renaming_counts(self) -> None:
        facts = [
            said(1, 100, "1", created("one")),
            said(2, 102, "1", ExperimentRenamed("three", 7)),
            said(3, 101, "1", ExperimentRenamed("two", 9)),
        ]
        answer = in_every_order(
            facts,
            lambda reader: (
                names(reader),
                claims_of(reader, "one").holders,
                claims_of(reader, "two").holders,
                claims_of(reader, "three").holders,
            ),
        )
        assert answer == ({"1": "three"}, [], [], ["1"])

    def test_a_renaming_back_and_forth_leaves_one_holder(self) -> None:
        facts = [
            said(1, 100, "1", created("one")),
            said(1, 101, "1", ExperimentRenamed("two", 7), ExperimentRenamed("one", 8)),
            said(2, 102, "1", ExperimentRenamed("two", 9)),
        ]
        holders = in_every_order(
            facts,
            lambda reader: (
                claims_of(reader, "one").holders,
                claims_of(reader, "two").holders,
            ),
        )
        assert holders == ([], ["1"])

    def test_three_that_share_a_name_are_told_apart(self) -> None:
        facts = [
            said(1, 100, "1", created("one")),
            said(2, 101, "2", created("one")),
            said(3, 102, "3", created("one")),
        ]
        assert in_every_order(facts, names) == {
            "1": "one",
            "2": "one~02020202",
            "3": "one~03030303",
        }

    def test_two_of_one_replica_that_come_to_share_a_strangers_name_are_told_apart(self) -> None:
        """Both were born on machine 2, and renamed on two machines that had not met."""
        facts = [
            said(1, 100, "1", created("one")),
            said(2, 101, "2", created("two"), ExperimentRenamed("one", 7)),
            said(2, 102, "3", created("three")),
            said(3, 103, "3", ExperimentRenamed("one", 8)),
        ]
        assert len(set(in_every_order(facts, names).values())) == 3
        assert sorted(in_every_order(facts, found).values()) == ["1", "2", "3"]

    def test_a_very_long_name_is_a_name(self) -> None:
        name = "x" * 5000
        with folded([said(1, 100, "1", created(name))]) as reader:
            assert found(reader) == {name: "1"}


class TestStages:
    @pytest.mark.parametrize(
        ("events", "stage"),
        [
            ({101: ExperimentDeleted(1)}, "deleted"),
            ({101: ExperimentDeleted(1), 102: ExperimentRestored(2)}, "active"),
            ({101: ExperimentRestored(1), 102: ExperimentDeleted(2)}, "deleted"),
        ],
    )
    def test_the_last_deletion_or_restoration_wins(
        self, events: dict[int, Event], stage: str
    ) -> None:
        facts = [said(1, 100, "1", created("one"))]
        facts += [said(2, time, "1", event) for time, event in events.items()]
        assert in_every_order(facts, lambda reader: experiment(reader).lifecycle[0]) == stage

    def test_a_deleted_one_keeps_its_name(self) -> None:
        facts = [
            said(1, 100, "1", created("one")),
            said(1, 101, "1", ExperimentDeleted(6)),
            said(2, 102, "2", created("one")),
        ]
        assert in_every_order(facts, names) == {"1": "one", "2": "one~02020202"}


class TestTags:
    def test_the_last_tag_wins(self) -> None:
        facts = [
            said(1, 100, "1", created("one")),
            said(2, 102, "1", ExperimentTagsSet({"born": "twice", "a": "2"}, 9)),
            said(3, 101, "1", ExperimentTagsSet({"a": "1"}, 20)),
        ]
        answer = in_every_order(
            facts, lambda reader: (experiment(reader).live_tags(), experiment(reader).updated_ms)
        )
        assert answer == ({"a": "2", "born": "twice"}, 20)

    def test_a_deleted_tag_is_gone_until_it_is_set_anew(self) -> None:
        facts = [
            said(1, 100, "1", created("one")),
            said(2, 101, "1", ExperimentTagDeleted("born", 6)),
        ]
        assert in_every_order(facts, lambda reader: experiment(reader).live_tags()) == {}
        facts.append(said(1, 102, "1", ExperimentTagsSet({"born": "again"}, 7)))
        assert in_every_order(facts, lambda reader: experiment(reader).live_tags()) == {
            "born": "again"
        }
