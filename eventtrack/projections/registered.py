"""Registered models in the views, with their versions and the names that they hold."""

from collections.abc import Sequence

from eventtrack.events.envelope import Envelope
from eventtrack.events.registered import RegisteredCreated, VersionCreated
from eventtrack.events.types import Event
from eventtrack.facts.registered import REGISTERED
from eventtrack.projections import names, registered_state
from eventtrack.projections.merging import MERGES, bear
from eventtrack.projections.registered_state import PREFIX, RegisteredState, VersionState
from eventtrack.projections.state import stamp_of
from eventtrack.projections.tables import Tables


def fold(tables: Tables, envelope: Envelope, events: Sequence[Event], offset: int) -> None:
    """Fold events of one registered model and its versions."""
    registered_id = envelope.header.stream.removeprefix(PREFIX)
    model = registered_state.model(tables, registered_id)
    if model is None:
        model = RegisteredState(tables.stream_number(envelope.header.stream), registered_id)
    for place, event in enumerate(events, offset):
        stamp = stamp_of(envelope, place)
        before, since = model.name
        claims = list(REGISTERED.says[type(event)](event))
        version = None
        if isinstance(event, VersionCreated) or any(fact.part for fact, _, _ in claims):
            version_id = REGISTERED.part_of(event)
            version = registered_state.version(tables, model, version_id)
            version = version or VersionState(version_id)
        if isinstance(event, RegisteredCreated):
            bear(model, event, stamp)
            names.bear(tables, names.REGISTERED, event.name, model.number, registered_id)
        elif isinstance(event, VersionCreated):
            bear(version, event, stamp)
        for fact, key, value in claims:
            MERGES[fact](version if fact.part else model, key, value, stamp)
        if version is not None:
            registered_state.put_version(tables, model, version)
        if (after := model.name[0]) != before:
            moved = (before if since else None, after)
            names.move(tables, names.REGISTERED, moved, model.number, registered_id)
    registered_state.put_model(tables, model)
