"""The table of registered models. Their versions are parts: `version.3.stage` is a fact."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from eventtrack.events import registered as types
from eventtrack.events.types import Event
from eventtrack.facts.fact import (
    LASTS,
    Claim,
    Each,
    Fact,
    Noun,
    Old,
    Rule,
    each,
    staged,
    tags_back,
    unvalued,
    valued,
)

VERSION = "version"
# A claim of `LIFECYCLE` beside the stages: the model or a version of it was born.
ALIVE = "alive"

VERSION_SOURCE = Fact("source", Rule.BORN, "source", part=VERSION)
# Where the files are, for programs: people know the source.
VERSION_LOCATION = Fact("location", Rule.BORN, "location", part=VERSION, shown=False)
VERSION_RUN = Fact("run", Rule.BORN, "run_id", part=VERSION)
VERSION_RUN_LINK = Fact("run_link", Rule.BORN, "run_link", part=VERSION)
VERSION_MODEL = Fact("model", Rule.BORN, "model_id", part=VERSION)
VERSION_USER = Fact("user", Rule.BORN, "user", part=VERSION)
VERSION_CREATED = Fact("creation_time", Rule.BORN, "created_ms", part=VERSION)
VERSION_DESCRIPTION = Fact("description", Rule.LAST, "description", part=VERSION)
VERSION_STAGE = Fact("stage", Rule.LAST, "stage", part=VERSION, initial="None")
VERSION_LIFECYCLE = Fact("lifecycle", Rule.LAST, "lifecycle", part=VERSION, initial="active")
VERSION_TAG = Fact("tag", Rule.LAST, "tags", many=True, part=VERSION)
VERSION_UPDATED = Fact("last_update_time", Rule.GREATEST, "updated_ms", part=VERSION, shown=False)

CREATED = Fact("creation_time", Rule.BORN, "created_ms")
NAME = Fact("name", Rule.LAST, "name", lasts=LASTS)
DESCRIPTION = Fact("description", Rule.LAST, "description")
# A version goes with its model, and comes back with it.
LIFECYCLE = Fact("lifecycle", Rule.LIVES, "stage", decides=(VERSION_LIFECYCLE,))
TAG = Fact("tag", Rule.LAST, "tags", many=True)
ALIAS = Fact("alias", Rule.LAST, "aliases", many=True)
# The number that each version was given, by version id; see decision 0014.
NUMBER = Fact("number", Rule.FIRST, "claims", many=True, shown=False)
UPDATED = Fact("last_update_time", Rule.GREATEST, "updated_ms", shown=False)
RENAMED = Fact("rename_time", Rule.GREATEST, "renamed_ms", shown=False)


def _created(event: types.RegisteredCreated) -> Iterator[Claim]:
    yield LIFECYCLE, "", ALIVE
    yield NAME, "", event.name
    if event.description is not None:
        yield DESCRIPTION, "", event.description
    yield from each(TAG, event.tags)
    yield UPDATED, "", event.created_ms


def _renamed(event: types.RegisteredRenamed) -> Iterator[Claim]:
    yield NAME, "", event.name
    yield RENAMED, "", event.at_ms
    yield UPDATED, "", event.at_ms


def _described(event: types.RegisteredDescribed) -> Iterator[Claim]:
    yield DESCRIPTION, "", event.description
    yield UPDATED, "", event.at_ms


def _version_created(event: types.VersionCreated) -> Iterator[Claim]:
    yield NUMBER, event.version_id, event.number
    yield LIFECYCLE, "", ALIVE
    if event.description is not None:
        yield VERSION_DESCRIPTION, "", event.description
    yield from each(VERSION_TAG, event.tags)
    yield VERSION_UPDATED, "", event.created_ms
    yield UPDATED, "", event.created_ms


def _version_described(event: types.VersionDescribed) -> Iterator[Claim]:
    yield VERSION_DESCRIPTION, "", event.description
    yield VERSION_UPDATED, "", event.at_ms


def _version_staged(event: types.VersionStaged) -> Iterator[Claim]:
    yield VERSION_STAGE, "", event.stage
    yield VERSION_UPDATED, "", event.at_ms
    yield UPDATED, "", event.at_ms


def _back(old: Old, part: str, now_ms: int) -> Iterator[Event]:
    if (stage := old.get((LIFECYCLE, ""))) is not None:
        is_deleted = stage == "deleted"
        yield types.RegisteredDeleted(now_ms) if is_deleted else types.RegisteredRestored(now_ms)
    if (name := old.get((NAME, ""))) is not None:
        yield types.RegisteredRenamed(name, now_ms)
    if (DESCRIPTION, "") in old:
        yield types.RegisteredDescribed(old[DESCRIPTION, ""], now_ms)
    yield from tags_back(old, TAG, types.RegisteredTagsSet, types.RegisteredTagDeleted)
    yield from (types.AliasSet(alias, version) for alias, version in valued(old, ALIAS).items())
    yield from (types.AliasDeleted(alias) for alias in unvalued(old, ALIAS))
    yield from _version_back(old, part, now_ms)


def _version_back(old: Old, part: str, now_ms: int) -> Iterator[Event]:
    if (stage := old.get((VERSION_LIFECYCLE, ""))) is not None:
        is_deleted = stage == "deleted"
        kind = types.VersionDeleted if is_deleted else types.VersionRestored
        yield kind(part, now_ms)
    if (VERSION_DESCRIPTION, "") in old:
        yield types.VersionDescribed(part, old[VERSION_DESCRIPTION, ""], now_ms)
    if (stage := old.get((VERSION_STAGE, ""))) is not None:
        yield types.VersionStaged(part, stage, now_ms)
    yield from tags_back(
        old,
        VERSION_TAG,
        partial(types.VersionTagsSet, part),
        partial(types.VersionTagDeleted, part),
    )


def _alias_set(event: types.AliasSet) -> Iterable[Claim]:
    return [(ALIAS, event.alias, event.version_id)]


_STAGES: dict[type[Event], str] = {
    types.RegisteredDeleted: "deleted",
    types.RegisteredRestored: "active",
}
_VERSION_STAGES: dict[type[Event], str] = {
    types.VersionDeleted: "deleted",
    types.VersionRestored: "active",
}


def _version_stage(stage: str) -> Any:
    return staged(VERSION_LIFECYCLE, stage, VERSION_UPDATED, UPDATED)


REGISTERED = Noun(
    "registered",
    facts=(
        *(CREATED, NAME, DESCRIPTION, LIFECYCLE, TAG, ALIAS, NUMBER, UPDATED, RENAMED),
        *(VERSION_SOURCE, VERSION_LOCATION, VERSION_RUN, VERSION_RUN_LINK, VERSION_MODEL),
        *(VERSION_USER, VERSION_CREATED, VERSION_DESCRIPTION, VERSION_STAGE, VERSION_LIFECYCLE),
        *(VERSION_TAG, VERSION_UPDATED),
    ),
    births={types.RegisteredCreated: "", types.VersionCreated: VERSION},
    stages=_STAGES | _VERSION_STAGES,
    says={
        types.RegisteredCreated: _created,
        types.RegisteredRenamed: _renamed,
        types.RegisteredDescribed: _described,
        **{kind: staged(LIFECYCLE, stage, UPDATED) for kind, stage in _STAGES.items()},
        types.RegisteredTagsSet: Each(TAG, "tags"),
        types.RegisteredTagDeleted: lambda event: [(TAG, event.key, None)],
        types.AliasSet: _alias_set,
        types.AliasDeleted: lambda event: [(ALIAS, event.alias, None)],
        types.VersionCreated: _version_created,
        types.VersionDescribed: _version_described,
        types.VersionStaged: _version_staged,
        **{kind: _version_stage(stage) for kind, stage in _VERSION_STAGES.items()},
        types.VersionTagsSet: Each(VERSION_TAG, "tags"),
        types.VersionTagDeleted: lambda event: [(VERSION_TAG, event.key, None)],
    },
    back=_back,
    part="version_id",
)
