"""The folds of the model registry's events."""

from collections.abc import Callable
from typing import Any

from eventtrack.events import registered as events
from eventtrack.projections import names, registered_state
from eventtrack.projections.registered_state import PREFIX, RegisteredState, VersionState
from eventtrack.projections.state import Stamp, latest, merge_tags
from eventtrack.projections.tables import Tables

ModelFold = Callable[[Tables, RegisteredState, Any, Stamp], None]
VersionFold = Callable[[RegisteredState, VersionState, Any, Stamp], None]


def created(
    tables: Tables, model: RegisteredState, event: events.RegisteredCreated, stamp: Stamp
) -> None:
    """The birth of a model; of births on several machines the earliest counts."""
    if stamp < model.born:
        model.born = stamp
        model.created_ms = event.created_ms
    model.life = max(model.life, stamp)
    _rename(tables, model, event.name, stamp)
    names.bear(tables, names.REGISTERED, event.name, model.number, model.registered_id)
    if event.description is not None:
        model.description = latest(model.description, event.description, stamp)
    merge_tags(model.tags, event.tags, stamp)
    _note_update(model, event.created_ms)


def renamed(
    tables: Tables, model: RegisteredState, event: events.RegisteredRenamed, stamp: Stamp
) -> None:
    """A new name."""
    _rename(tables, model, event.name, stamp)
    model.renamed_ms = max(model.renamed_ms, event.at_ms)
    _note_update(model, event.at_ms)


def described(
    tables: Tables, model: RegisteredState, event: events.RegisteredDescribed, stamp: Stamp
) -> None:
    """A new description."""
    model.description = latest(model.description, event.description, stamp)
    _note_update(model, event.at_ms)


def deleted(
    tables: Tables, model: RegisteredState, event: events.RegisteredDeleted, stamp: Stamp
) -> None:
    """The model goes away, with all versions that were registered before."""
    model.deleted = max(model.deleted, stamp)
    _note_update(model, event.at_ms)


def restored(
    tables: Tables, model: RegisteredState, event: events.RegisteredRestored, stamp: Stamp
) -> None:
    """The model and its versions are there again."""
    model.restored = max(model.restored, stamp)
    _note_update(model, event.at_ms)


def tags_set(
    tables: Tables, model: RegisteredState, event: events.RegisteredTagsSet, stamp: Stamp
) -> None:
    """Tags take new values."""
    merge_tags(model.tags, event.tags, stamp)


def tag_deleted(
    tables: Tables, model: RegisteredState, event: events.RegisteredTagDeleted, stamp: Stamp
) -> None:
    """A tag goes away."""
    merge_tags(model.tags, {event.key: None}, stamp)


def alias_set(tables: Tables, model: RegisteredState, event: events.AliasSet, stamp: Stamp) -> None:
    """An alias names a version."""
    merge_tags(model.aliases, {event.alias: event.version_id}, stamp)


def alias_deleted(
    tables: Tables, model: RegisteredState, event: events.AliasDeleted, stamp: Stamp
) -> None:
    """An alias goes away."""
    merge_tags(model.aliases, {event.alias: None}, stamp)


def version_created(
    model: RegisteredState, version: VersionState, event: events.VersionCreated, stamp: Stamp
) -> None:
    """The birth of a version; should one be recorded twice, the earliest counts."""
    if stamp < version.born:
        version.born = stamp
        version.source = event.source
        version.location = event.location
        version.run_id = event.run_id
        version.run_link = event.run_link
        version.model_id = event.model_id
        version.user = event.user
        version.created_ms = event.created_ms
        model.claims[event.version_id] = (event.number, stamp)
    model.life = max(model.life, stamp)
    if event.description is not None:
        version.description = latest(version.description, event.description, stamp)
    merge_tags(version.tags, event.tags, stamp)
    _note_both(model, version, event.created_ms)


def version_described(
    model: RegisteredState, version: VersionState, event: events.VersionDescribed, stamp: Stamp
) -> None:
    """A new description."""
    version.description = latest(version.description, event.description, stamp)
    version.updated_ms = max(version.updated_ms, event.at_ms)


def version_staged(
    model: RegisteredState, version: VersionState, event: events.VersionStaged, stamp: Stamp
) -> None:
    """A new stage."""
    version.stage = latest(version.stage, event.stage, stamp)
    _note_both(model, version, event.at_ms)


def version_deleted(
    model: RegisteredState, version: VersionState, event: events.VersionDeleted, stamp: Stamp
) -> None:
    """A version goes away; its number stays its own."""
    version.lifecycle = latest(version.lifecycle, "deleted", stamp)
    _note_both(model, version, event.at_ms)


def version_restored(
    model: RegisteredState, version: VersionState, event: events.VersionRestored, stamp: Stamp
) -> None:
    """A version is there again."""
    version.lifecycle = latest(version.lifecycle, "active", stamp)
    _note_both(model, version, event.at_ms)


def version_tags_set(
    model: RegisteredState, version: VersionState, event: events.VersionTagsSet, stamp: Stamp
) -> None:
    """Tags take new values."""
    merge_tags(version.tags, event.tags, stamp)


def version_tag_deleted(
    model: RegisteredState, version: VersionState, event: events.VersionTagDeleted, stamp: Stamp
) -> None:
    """A tag goes away."""
    merge_tags(version.tags, {event.key: None}, stamp)


def fold(tables: Tables, stream: str, event_type: str, stamped: list[tuple[Any, Stamp]]) -> None:
    """Fold events of one type of one registered model."""
    registered_id = stream.removeprefix(PREFIX)
    model = registered_state.model(tables, registered_id)
    if model is None:
        model = RegisteredState(tables.stream_number(stream), registered_id)
    for event, stamp in stamped:
        if event_type in MODEL_FOLDS:
            MODEL_FOLDS[event_type](tables, model, event, stamp)
        else:
            version = registered_state.version(tables, model, event.version_id)
            version = version or VersionState(event.version_id)
            VERSION_FOLDS[event_type](model, version, event, stamp)
            registered_state.put_version(tables, model, version)
    registered_state.put_model(tables, model)


def _rename(tables: Tables, model: RegisteredState, name: str, stamp: Stamp) -> None:
    old = model.name
    model.name = latest(old, name, stamp)
    if model.name[0] == old[0]:
        return
    before = old[0] if old[1] else None
    names.move(tables, names.REGISTERED, (before, model.name[0]), model.number, model.registered_id)


def _note_update(model: RegisteredState, at_ms: int) -> None:
    model.updated_ms = max(model.updated_ms, at_ms)


def _note_both(model: RegisteredState, version: VersionState, at_ms: int) -> None:
    version.updated_ms = max(version.updated_ms, at_ms)
    _note_update(model, at_ms)


MODEL_FOLDS: dict[str, ModelFold] = {
    "registered.created": created,
    "registered.renamed": renamed,
    "registered.described": described,
    "registered.deleted": deleted,
    "registered.restored": restored,
    "registered.tags_set": tags_set,
    "registered.tag_deleted": tag_deleted,
    "registered.alias_set": alias_set,
    "registered.alias_deleted": alias_deleted,
}
VERSION_FOLDS: dict[str, VersionFold] = {
    "registered.version_created": version_created,
    "registered.version_described": version_described,
    "registered.version_staged": version_staged,
    "registered.version_deleted": version_deleted,
    "registered.version_restored": version_restored,
    "registered.version_tags_set": version_tags_set,
    "registered.version_tag_deleted": version_tag_deleted,
}
