"""Undo for models: what takes back a deletion, or a birth, of a model or a registered one.

Of a registered one also where an alias points to, and the stage of a version.

Returns None where no inverse is known, and False where what the event did holds no longer.
"""

from collections.abc import Sequence
from typing import Literal

from eventtrack.events import registered, types
from eventtrack.events.types import Event
from eventtrack.projections import registered_state
from eventtrack.projections.tables import Reader
from eventtrack.store.events import EventRecord

Inverse = Event | Literal[False] | None


def inverse_of_model(
    reader: Reader, event: EventRecord, earlier: Sequence[EventRecord], now_ms: int
) -> Inverse:
    """The inverse of an event of a logged model."""
    model = reader.model(event.stream.partition("/")[2])
    if model is None or not model.experiment_id:
        return None
    stage = model.lifecycle[0]
    if event.type in ("model.created", "model.restored"):
        return types.ModelDeleted(now_ms) if stage == "active" else False
    if event.type == "model.deleted":
        return types.ModelRestored(now_ms) if stage == "deleted" else False
    return None


def inverse_of_registered(
    reader: Reader, event: EventRecord, earlier: Sequence[EventRecord], now_ms: int
) -> Inverse:
    """The inverse of an event of a registered model or one of its versions."""
    model = registered_state.model(reader, event.stream.partition("/")[2])
    if model is None:
        return None
    if event.type in ("registered.created", "registered.restored"):
        return registered.RegisteredDeleted(now_ms) if model.exists else False
    if event.type == "registered.deleted":
        return False if model.exists else registered.RegisteredRestored(now_ms)
    if event.type in ("registered.alias_set", "registered.alias_deleted"):
        return _inverse_of_alias(model, event, earlier)
    version_id = event.body.get("version_id", "")
    version = registered_state.version(reader, model, version_id) if version_id else None
    if version is None:
        return None
    if event.type in ("registered.version_created", "registered.version_restored"):
        alive = version.exists(model)
        return registered.VersionDeleted(version_id, now_ms) if alive else False
    if event.type == "registered.version_deleted":
        gone = version.lifecycle[0] == "deleted"
        return registered.VersionRestored(version_id, now_ms) if gone else False
    if event.type == "registered.version_staged":
        before = [
            one.body["stage"]
            for one in earlier
            if one.type == event.type and one.body["version_id"] == version_id
        ]
        stage = before[-1] if before else "None"
        holds = version.stage[0] == event.body["stage"]
        return registered.VersionStaged(version_id, stage, now_ms) if holds else False
    return None


def _inverse_of_alias(
    model: registered_state.RegisteredState, event: EventRecord, earlier: Sequence[EventRecord]
) -> Inverse:
    alias = event.body["alias"]
    if model.aliases.get(alias, (None, b""))[0] != event.body.get("version_id"):
        return False
    before = None
    for one in earlier:
        if one.type.startswith("registered.alias_") and one.body["alias"] == alias:
            before = one.body.get("version_id")
    if before is not None:
        return registered.AliasSet(alias, before)
    return registered.AliasDeleted(alias) if "version_id" in event.body else False
