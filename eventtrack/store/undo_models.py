"""Undo for models: what takes back a deletion, a birth or a change of tags of a logged model.

Of a registered one and its versions also names, descriptions, aliases and stages.

The inverses are None where none is known, and False where what the event did holds no longer.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from eventtrack.errors import InvalidStateError
from eventtrack.events import registered, types
from eventtrack.events.types import Event
from eventtrack.projections import registered_state
from eventtrack.projections.registered_state import RegisteredState, VersionState
from eventtrack.projections.tables import Reader
from eventtrack.store.events import EventRecord
from eventtrack.views.registered import find_by_name

Inverse = list[Event] | Literal[False] | None


def inverse_of_model(
    reader: Reader, event: EventRecord, earlier: Sequence[EventRecord], now_ms: int
) -> Inverse:
    """The inverse of an event of a logged model."""
    model = reader.model(event.stream.partition("/")[2])
    if model is None or not model.experiment_id:
        return None
    stage = model.lifecycle[0]
    if event.type in ("model.created", "model.restored"):
        return [types.ModelDeleted(now_ms)] if stage == "active" else False
    if event.type == "model.deleted":
        return [types.ModelRestored(now_ms)] if stage == "deleted" else False
    if event.type in ("model.tags_set", "model.tag_deleted"):
        return _undo_tags(
            event, earlier, model.live_tags(), types.ModelTagsSet, types.ModelTagDeleted
        )
    return None


def inverse_of_registered(
    reader: Reader, event: EventRecord, earlier: Sequence[EventRecord], now_ms: int
) -> Inverse:
    """The inverse of an event of a registered model or one of its versions."""
    model = registered_state.model(reader, event.stream.partition("/")[2])
    if model is None:
        return None
    if event.type in ("registered.created", "registered.restored"):
        return [registered.RegisteredDeleted(now_ms)] if model.exists else False
    if event.type == "registered.deleted":
        return False if model.exists else [registered.RegisteredRestored(now_ms)]
    if event.type in ("registered.alias_set", "registered.alias_deleted"):
        return _undo_alias(model, event, earlier)
    own = [one for one in earlier if "version_id" not in one.body]
    if event.type == "registered.renamed":
        return _undo_rename(reader, model, event, own, now_ms)
    if event.type == "registered.described":
        old = _before(event, own, "description", "registered.created")
        return _undo_description(
            event, model.description[0], registered.RegisteredDescribed(old, now_ms)
        )
    if event.type in ("registered.tags_set", "registered.tag_deleted"):
        put, remove = registered.RegisteredTagsSet, registered.RegisteredTagDeleted
        return _undo_tags(event, own, model.live_tags(), put, remove)
    version_id = event.body.get("version_id", "")
    version = registered_state.version(reader, model, version_id) if version_id else None
    return None if version is None else _inverse_of_version(model, version, event, earlier, now_ms)


def _inverse_of_version(
    model: RegisteredState,
    version: VersionState,
    event: EventRecord,
    earlier: Sequence[EventRecord],
    now_ms: int,
) -> Inverse:
    name, mine = version.version_id, _of_version(earlier, version.version_id)
    if event.type in ("registered.version_created", "registered.version_restored"):
        return [registered.VersionDeleted(name, now_ms)] if version.exists(model) else False
    if event.type == "registered.version_deleted":
        gone = version.lifecycle[0] == "deleted"
        return [registered.VersionRestored(name, now_ms)] if gone else False
    if event.type == "registered.version_staged":
        stage = _before(event, mine, "stage") or "None"
        holds = version.stage[0] == event.body["stage"]
        return [registered.VersionStaged(name, stage, now_ms)] if holds else False
    if event.type == "registered.version_described":
        old = _before(event, mine, "description", "registered.version_created")
        undone = registered.VersionDescribed(name, old, now_ms)
        return _undo_description(event, version.description[0], undone)
    if event.type in ("registered.version_tags_set", "registered.version_tag_deleted"):
        put = partial(registered.VersionTagsSet, name)
        remove = partial(registered.VersionTagDeleted, name)
        return _undo_tags(event, mine, version.live_tags(), put, remove)
    return None


def _undo_alias(
    model: RegisteredState, event: EventRecord, earlier: Sequence[EventRecord]
) -> Inverse:
    alias = event.body["alias"]
    if model.aliases.get(alias, (None, b""))[0] != event.body.get("version_id"):
        return False
    before = None
    for one in earlier:
        if one.type.startswith("registered.alias_") and one.body["alias"] == alias:
            before = one.body.get("version_id")
    if before is not None:
        return [registered.AliasSet(alias, before)]
    return [registered.AliasDeleted(alias)] if "version_id" in event.body else False


def _undo_rename(
    reader: Reader,
    model: RegisteredState,
    event: EventRecord,
    earlier: Sequence[EventRecord],
    now_ms: int,
) -> Inverse:
    before = _before(event, earlier, "name", "registered.created")
    if before is None or model.name[0] != event.body["name"]:
        return False
    taken = find_by_name(reader, before)
    if taken is not None and taken.registered_id != model.registered_id:
        raise InvalidStateError(
            f"cannot undo event {event.address} ({event.type}): another registered model is called "
            f"{before!r} now",
            hint="rename that one first",
        )
    return [registered.RegisteredRenamed(before, now_ms)]


def _undo_description(event: EventRecord, now: str | None, undone: Event) -> Inverse:
    return [undone] if now == event.body["description"] else False


def _undo_tags(
    event: EventRecord,
    earlier: Sequence[EventRecord],
    live: dict[str, str],
    put: Callable[[dict[str, str]], Event],
    remove: Callable[[str], Event],
) -> Inverse:
    """Old values of the tags that are as the event left them; those that had none go."""
    changed: dict[str, str | None] = event.body.get("tags") or {event.body.get("key", ""): None}
    mine = [key for key, value in changed.items() if live.get(key) == value]
    values: dict[str, str] = {}
    for one in earlier:
        values.update(one.body.get("tags", {}))
        if one.type.endswith("tag_deleted"):
            values.pop(one.body["key"], None)
    old = {key: values[key] for key in mine if key in values}
    gone = [remove(key) for key in mine if key not in values and key in live]
    return [*([put(old)] if old else []), *gone] or False


def _of_version(events: Sequence[EventRecord], version_id: str) -> list[EventRecord]:
    return [one for one in events if one.body.get("version_id") == version_id]


def _before(
    event: EventRecord, earlier: Sequence[EventRecord], field: str, birth: str = ""
) -> str | None:
    """What a field was before the event: as the last event of its type, or the birth, set it."""
    found: list[str | None] = [
        one.body[field] for one in earlier if one.known and one.type in (event.type, birth)
    ]
    return found[-1] if found else None
