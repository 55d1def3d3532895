"""The folds of experiment and session events."""

from collections.abc import Callable
from typing import Any

import msgspec

from eventtrack.events import types
from eventtrack.events.envelope import Envelope
from eventtrack.projections import names
from eventtrack.projections.state import (
    ExperimentState,
    SessionState,
    Stamp,
    latest,
    merge_tags,
)
from eventtrack.projections.tables import Tables

ExperimentFold = Callable[[Tables, ExperimentState, Any, Stamp], None]


def created(
    tables: Tables, experiment: ExperimentState, event: types.ExperimentCreated, stamp: Stamp
) -> None:
    """The birth of an experiment; of births on several machines the earliest counts."""
    rival = (experiment.born, experiment.created_ms, experiment.artifact_location or "")
    if (stamp, event.created_ms, event.artifact_location or "") < rival:
        experiment.born = stamp
        experiment.artifact_location = event.artifact_location
        experiment.created_ms = event.created_ms
    _rename(tables, experiment, event.name, stamp)
    names.bear(tables, names.EXPERIMENTS, event.name, experiment.number, experiment.experiment_id)
    merge_tags(experiment.tags, event.tags, stamp)
    _note_update(experiment, event.created_ms)


def renamed(
    tables: Tables, experiment: ExperimentState, event: types.ExperimentRenamed, stamp: Stamp
) -> None:
    """A new name."""
    _rename(tables, experiment, event.name, stamp)
    _note_update(experiment, event.at_ms)


def deleted(
    tables: Tables, experiment: ExperimentState, event: types.ExperimentDeleted, stamp: Stamp
) -> None:
    """The experiment is deleted; so are its runs (see `effective_lifecycle`)."""
    experiment.lifecycle = latest(experiment.lifecycle, "deleted", stamp)
    _note_update(experiment, event.at_ms)


def restored(
    tables: Tables, experiment: ExperimentState, event: types.ExperimentRestored, stamp: Stamp
) -> None:
    """The experiment is active again; so are its runs."""
    experiment.lifecycle = latest(experiment.lifecycle, "active", stamp)
    _note_update(experiment, event.at_ms)


def tags_set(
    tables: Tables, experiment: ExperimentState, event: types.ExperimentTagsSet, stamp: Stamp
) -> None:
    """Tags take new values."""
    merge_tags(experiment.tags, event.tags, stamp)
    _note_update(experiment, event.at_ms)


def tag_deleted(
    tables: Tables, experiment: ExperimentState, event: types.ExperimentTagDeleted, stamp: Stamp
) -> None:
    """A tag goes away."""
    merge_tags(experiment.tags, {event.key: None}, stamp)
    _note_update(experiment, event.at_ms)


def session_opened(
    tables: Tables, envelope: Envelope, event: types.SessionOpened, stamp: Stamp
) -> None:
    """A session is known by name; should it be opened twice, the first time counts."""
    session = bytes.fromhex(envelope.header.stream.partition("/")[2])
    known = tables.session(session)
    fields = msgspec.structs.asdict(event)
    opened = SessionState(session=session, position=envelope.position, born=stamp, **fields)
    if known is None or _opening(opened) < _opening(known):
        tables.put_session(opened)


def _opening(session: SessionState) -> tuple[Stamp, str]:
    facts = msgspec.structs.replace(session, position=0)
    return session.born, repr(facts)


def _rename(tables: Tables, experiment: ExperimentState, name: str, stamp: Stamp) -> None:
    old = experiment.name
    experiment.name = latest(old, name, stamp)
    if experiment.name[0] == old[0]:
        return
    before = old[0] if old[1] else None
    after = experiment.name[0]
    names.move(
        tables, names.EXPERIMENTS, (before, after), experiment.number, experiment.experiment_id
    )


def _note_update(experiment: ExperimentState, at_ms: int) -> None:
    experiment.updated_ms = max(experiment.updated_ms, at_ms)


EXPERIMENT_FOLDS: dict[str, ExperimentFold] = {
    "experiment.created": created,
    "experiment.renamed": renamed,
    "experiment.deleted": deleted,
    "experiment.restored": restored,
    "experiment.tags_set": tags_set,
    "experiment.tag_deleted": tag_deleted,
}
