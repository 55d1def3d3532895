"""The whole state in one line: equal for equal facts, different for any that differs."""

import math
from collections.abc import Sequence

import pytest

from eventtrack.events import types
from eventtrack.events.types import (
    ArtifactsLogged,
    ArtifactStored,
    DatasetUsed,
    Event,
    ExperimentCreated,
    ExperimentTagsSet,
    InputsLogged,
    MetricLogged,
    OutputsLogged,
    ParamsLogged,
    RunDeleted,
    RunStarted,
    RunUpdated,
    TagsSet,
)
from eventtrack.projections.digest import digest, points_hash
from eventtrack.projections.points import Points
from tests.projections.facts import RUN, fact, folded

EXPERIMENT = "experiment/1"
BASE = [
    fact(1, 90, EXPERIMENT, ExperimentCreated("name", None, {}, 1)),
    fact(1, 91, RUN, RunStarted("1", "name", "me", 5, {"a": "b"})),
    fact(1, 92, RUN, MetricLogged("loss", 0.5, 1, 1), ParamsLogged({"lr": "0.1"})),
]
SESSION = types.SessionOpened("me", "host", 1, "train.py", "folder", None, "cli", "1", 5)


def digest_of(facts: Sequence[bytes]) -> str:
    with folded(facts, batch=100) as reader:
        return digest(reader)


@pytest.mark.parametrize(
    ("stream", "event"),
    [
        (EXPERIMENT, ExperimentTagsSet({"a": "b"}, 1)),
        (EXPERIMENT, types.ExperimentRenamed("other", 1)),
        (EXPERIMENT, types.ExperimentViewSaved("best", "{}")),
        (EXPERIMENT, types.ExperimentDeleted(1)),
        ("experiment/2", ExperimentCreated("name", None, {}, 1)),
        (RUN, TagsSet({"a": "c"})),
        (RUN, TagsSet({"a": "b"})),
        (RUN, ParamsLogged({"lr": "0.2"})),
        (RUN, RunUpdated(end_ms=9)),
        (RUN, RunDeleted(1)),
        (RUN, MetricLogged("loss", 0.5, 1, 0)),
        (RUN, MetricLogged("acc", 0.5, 1, 0)),
        (RUN, InputsLogged([DatasetUsed("iris", "1", "local", "", None, None, {})], [])),
        (RUN, InputsLogged([], ["m-1"])),
        (RUN, OutputsLogged([("m-1", 1)])),
        (RUN, ArtifactsLogged([ArtifactStored("a.txt", 1, bytes(32))])),
        ("session/" + "5" * 32, SESSION),
    ],
    ids=lambda part: part if isinstance(part, str) else type(part).__name__,
)
def test_every_fact_counts(stream: str, event: Event) -> None:
    assert digest_of([*BASE, fact(2, 100, stream, event)]) != digest_of(BASE)


def test_a_point_that_is_there_already_changes_nothing() -> None:
    repeated = fact(2, 100, RUN, MetricLogged("loss", 0.5, 1, 1))
    assert digest_of([*BASE, repeated]) == digest_of(BASE)


def test_an_early_point_that_is_not_the_latest_counts() -> None:
    early = fact(2, 100, RUN, MetricLogged("loss", 9.0, 0, 0))
    assert digest_of([*BASE, early]) != digest_of(BASE)


def test_local_numbers_and_positions_do_not_count() -> None:
    """They follow the order of arrival, which every machine has for itself."""
    others = [fact(3, 80 + place, f"run/{place}", TagsSet({"a": "b"})) for place in range(3)]
    assert digest_of([*others, *BASE]) == digest_of([*BASE, *others])


def test_every_nan_is_the_same() -> None:
    digests = {
        digest_of([*BASE, fact(2, 100, RUN, MetricLogged("loss", value, 9, 9))])
        for value in (math.nan, -math.nan)
    }
    assert len(digests) == 1


def test_zeros_of_both_signs_differ() -> None:
    digests = {
        digest_of([*BASE, fact(2, 100, RUN, MetricLogged("loss", value, 9, 9))])
        for value in (0.0, -0.0)
    }
    assert len(digests) == 2


def test_an_empty_store_has_a_digest() -> None:
    assert len(digest_of([])) == 64


def test_streams_with_endless_names_are_taken_as_they_come() -> None:
    """No store of ours writes them, but a log may bring them."""
    names = ["x" * 1000, "é" * 300, "é" * 300 + "x", "x" * 999 + "y"]
    facts = [
        fact(1, 100 + place, f"run/{name}", TagsSet({"a": name}))
        for place, name in enumerate(names)
    ]
    facts += [
        fact(1, 200, f"model/{names[1]}", types.ModelTagsSet({"a": "b"})),
        fact(1, 201, "unheard-of/1", TagsSet({})),
    ]
    assert digest_of(facts) == digest_of(facts[::-1])


def test_progress_is_told() -> None:
    seen: list[tuple[int, int]] = []
    with folded(BASE) as reader:
        digest(reader, lambda done, total: seen.append((done, total)))
    assert seen
    assert all(done <= total for done, total in seen)


def test_the_hash_of_points_covers_each_column() -> None:
    hashes = set()
    for changed in (None, "steps", "timestamps", "values"):
        points = Points()
        for column in ("steps", "timestamps", "values"):
            getattr(points, column).extend([1, 2] if column == changed else [1, 1])
        hashes.add(points_hash(points))
    assert len(hashes) == 4
