"""One envelope into the views: which fold takes which event."""

from collections.abc import Callable, Sequence
from typing import Any

from eventtrack.errors import EventtrackError, ProjectionError
from eventtrack.events.envelope import Envelope, Group
from eventtrack.events.registry import REGISTRY, Registry
from eventtrack.events.types import Event, SessionOpened
from eventtrack.facts.nouns import NOUNS, WITHOUT_FACTS
from eventtrack.facts.run import RUN
from eventtrack.projections import experiments, metrics, models, opened, registered, runs, traces
from eventtrack.projections.state import RunState, stamp_of
from eventtrack.projections.tables import Tables
from eventtrack.projections.timeline import Place

_OF_NOUNS: dict[str, runs.Fold] = {
    "experiment": experiments.fold,
    "model": models.fold,
    "registered": registered.fold,
    "trace": traces.fold,
}
# The fold of each type of event that claims facts.
_FOLDS = {
    entry.name: runs.fold_of(entry.struct) if noun is RUN else _OF_NOUNS[noun.name]
    for noun in NOUNS.values()
    for entry in REGISTRY
    if entry.struct in noun.says
}
# Points go a column at a time, and not event by event.
_POINT_FOLDS: dict[str, Callable[[Tables, RunState, Sequence[Any]], None]] = {
    "run.metric_logged": metrics.fold_points,
    "run.metrics_logged": metrics.fold_rows,
}


def apply(tables: Tables, envelope: Envelope, registry: Registry = REGISTRY) -> None:
    """Fold one envelope. Events that nobody knows are counted and skipped.

    Raises:
        ProjectionError: An event cannot be folded. The views are to be rolled back to before
            the batch; the event stays in the log.
    """
    stream = envelope.header.stream
    tables.note_envelope(stream, Place.of(envelope))
    offset = 0
    try:
        for group in envelope.groups():
            entry = registry.find(group.type)
            events = entry.decode_many(group.version, group.bodies) if entry else None
            if events is None:
                count = envelope.count_bodies(group)
                tables.note_unknown(stream, group.type, count)
            else:
                count = len(events)
                _apply_group(tables, envelope, group, events, offset)
            offset += count
    except EventtrackError:
        raise
    except Exception as error:
        raise ProjectionError(
            f"cannot fold event {envelope.position}.{offset} of {stream}: {error!r}",
            hint="the event is kept; upgrade eventtrack, then run `eventtrack replay --rebuild`",
        ) from error


def _apply_group(
    tables: Tables, envelope: Envelope, group: Group, events: list[Event], offset: int
) -> None:
    stream, kind = envelope.header.stream, group.type
    if kind in _POINT_FOLDS:
        _POINT_FOLDS[kind](tables, tables.change_run(stream), events)
    elif kind in _FOLDS:
        _FOLDS[kind](tables, envelope.header, events, offset)
    else:
        for place, event in enumerate(events, offset):
            if isinstance(event, SessionOpened):
                opened.fold(tables, envelope, event, stamp_of(envelope.header, place))
            elif type(event) not in WITHOUT_FACTS:
                tables.note_unknown(stream, kind, 1)
