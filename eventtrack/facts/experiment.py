"""The table of experiments."""

from collections.abc import Iterator

from eventtrack.events import types
from eventtrack.events.types import Event
from eventtrack.facts.fact import (
    LASTS,
    Claim,
    Fact,
    Noun,
    Old,
    Rule,
    each,
    gone,
    staged,
    tags_back,
    unvalued,
    valued,
)

CREATED = Fact("creation_time", Rule.BORN, "created_ms")
LOCATION = Fact("artifact_location", Rule.BORN, "artifact_location")
NAME = Fact("name", Rule.LAST, "name", lasts=LASTS)
LIFECYCLE = Fact("lifecycle", Rule.LAST, "lifecycle", initial="active")
TAG = Fact("tag", Rule.LAST, "tags", many=True)
VIEW = Fact("view", Rule.LAST, "views", many=True)
UPDATED = Fact("last_update_time", Rule.GREATEST, "updated_ms", shown=False)


def _created(event: types.ExperimentCreated) -> Iterator[Claim]:
    yield NAME, "", event.name
    yield from each(TAG, event.tags)
    yield UPDATED, "", event.created_ms


def _renamed(event: types.ExperimentRenamed) -> Iterator[Claim]:
    yield NAME, "", event.name
    yield UPDATED, "", event.at_ms


def _tags_set(event: types.ExperimentTagsSet) -> Iterator[Claim]:
    yield from each(TAG, event.tags)
    yield UPDATED, "", event.at_ms


def _tag_deleted(event: types.ExperimentTagDeleted) -> Iterator[Claim]:
    yield TAG, event.key, None
    yield UPDATED, "", event.at_ms


def _back(old: Old, _: str, now_ms: int) -> Iterator[Event]:
    if (stage := old.get((LIFECYCLE, ""))) is not None:
        is_deleted = stage == "deleted"
        yield types.ExperimentDeleted(now_ms) if is_deleted else types.ExperimentRestored(now_ms)
    if (name := old.get((NAME, ""))) is not None:
        yield types.ExperimentRenamed(name, now_ms)
    yield from tags_back(
        old,
        TAG,
        lambda tags: types.ExperimentTagsSet(tags, now_ms),
        lambda key: types.ExperimentTagDeleted(key, now_ms),
    )
    for name, view in valued(old, VIEW).items():
        yield types.ExperimentViewSaved(name, view)
    yield from map(types.ExperimentViewDeleted, unvalued(old, VIEW))


_STAGES: dict[type[Event], str] = {
    types.ExperimentDeleted: "deleted",
    types.ExperimentRestored: "active",
}

EXPERIMENT = Noun(
    "experiment",
    facts=(CREATED, LOCATION, NAME, LIFECYCLE, TAG, VIEW, UPDATED),
    births={types.ExperimentCreated: ""},
    stages=_STAGES,
    says={
        types.ExperimentCreated: _created,
        types.ExperimentRenamed: _renamed,
        **{kind: staged(LIFECYCLE, stage, UPDATED) for kind, stage in _STAGES.items()},
        types.ExperimentTagsSet: _tags_set,
        types.ExperimentTagDeleted: _tag_deleted,
        types.ExperimentViewSaved: lambda event: [(VIEW, event.name, event.view)],
        types.ExperimentViewDeleted: lambda event: gone(VIEW, [event.name]),
    },
    back=_back,
)
