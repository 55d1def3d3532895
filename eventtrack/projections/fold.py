"""Folds one envelope into the views: gives each event to the fold of its type."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from eventtrack.errors import EventtrackError, MalformedError, ProjectionError
from eventtrack.events.envelope import Envelope
from eventtrack.events.items import CallsReceived
from eventtrack.events.reading import Part, read
from eventtrack.events.registry import REGISTRY, Registry
from eventtrack.events.types import Event, SessionOpened
from eventtrack.facts.nouns import NOUNS, WITHOUT_FACTS
from eventtrack.facts.run import ITEM_FACTS, RUN
from eventtrack.lazy import lazy
from eventtrack.log.protocol import LogReader
from eventtrack.log.translation import LMDB_ERRORS
from eventtrack.projections import cuts, experiments, metrics, opened, raised, runs, skipped
from eventtrack.projections.state import Layer, RunState, stamp_of
from eventtrack.projections.tables import Tables
from eventtrack.projections.timeline import Place

# The fold of each noun that most stores do not have is imported with the first event of it.
if TYPE_CHECKING:
    from eventtrack.projections import datasets, models, registered, scorers, traces
else:
    datasets = lazy("eventtrack.projections.datasets")
    models = lazy("eventtrack.projections.models")
    registered = lazy("eventtrack.projections.registered")
    scorers = lazy("eventtrack.projections.scorers")
    traces = lazy("eventtrack.projections.traces")

_OF_NOUNS: dict[str, Any] = {
    "experiment": experiments,
    "model": models,
    "registered": registered,
    "trace": traces,
    "dataset": datasets,
    "scorer": scorers,
}


def _fold_of(noun: str) -> runs.Fold:
    def fold(tables: Tables, envelope: Envelope, events: Sequence[Event], offset: int) -> None:
        _OF_NOUNS[noun].fold(tables, envelope, events, offset)

    return fold


# The fold of each type of event that claims facts.
_FOLDS = {
    entry.name: runs.fold_of(entry.struct) if noun is RUN else _fold_of(noun.name)
    for noun in NOUNS.values()
    for entry in REGISTRY
    if entry.struct in noun.says
}
# Points are folded a column at a time, not event by event.
_POINT_FOLDS: dict[str, Callable[[Tables, RunState, Layer | None, Sequence[Any]], None]] = {
    "run.metric_logged": metrics.fold_points,
    "run.metrics_logged": metrics.fold_rows,
}
# Errors that have nothing to do with the folded event. Any other error is a bug of a fold.
NOT_OF_THE_EVENT = (EventtrackError, MemoryError, OSError, *LMDB_ERRORS)


def apply(
    tables: Tables, envelope: Envelope, registry: Registry = REGISTRY, *, own: bool = False
) -> None:
    """Fold one envelope. If it is damaged or not well-formed, skip it and note that.

    Events of unknown types are skipped and counted.

    Args:
        own: Whether the envelope is about to be recorded here: then refuse it rather than skip it.

    Raises:
        MalformedError: An `own` envelope is not well-formed.
        ProjectionError: A fold broke down over an event. Roll the views back to before the batch;
            the event stays in the log.
    """
    stream = envelope.header.stream
    tables.note_envelope(stream, Place.of(envelope))
    if envelope.effective != envelope.header.recorded:
        raised.note(tables, envelope)
    reading = read(envelope, registry)
    if reading.fault is not None:
        if own:
            raise MalformedError(f"cannot record an event of {stream}: {reading.fault.what}")
        skipped.note(tables, envelope, *reading.fault)
        return
    offset = 0
    try:
        for part in reading.parts:
            if part.events is None:
                tables.note_unknown(stream, part.type, part.size)
            else:
                _apply_part(tables, envelope, part, part.events, offset)
            offset += part.size
    except NOT_OF_THE_EVENT:
        raise
    except Exception as error:
        raise ProjectionError(
            f"cannot fold event {envelope.position}.{offset} of {stream}: {error!r}",
            hint="the event is kept; upgrade eventtrack, then run `eventtrack replay --rebuild`",
        ) from error


def set_aside(tables: Tables, envelope: Envelope, why: str) -> None:
    """Note that the folds of this version cannot take an envelope."""
    tables.note_envelope(envelope.header.stream, Place.of(envelope))
    skipped.note(tables, envelope, skipped.FAILED, why)


def split_runs(tables: Tables, log: LogReader) -> None:
    """Fold points and items of runs anew that a new cut divides, before the tables' flush."""
    while tables.points.unsplit:
        run = tables.changed_run(tables.points.unsplit.pop())
        tables.points.forget(run)
        run.metrics, run.items, run.reach, run.layers = {}, {}, {}, []
        aside = skipped.failed(tables)
        for position in tables.places.so_far(run.number):
            envelope = None if position in aside else log.get(position)
            if envelope is not None:
                _fold_series(tables, envelope)


def _fold_series(tables: Tables, envelope: Envelope) -> None:
    """Fold the points and items of an envelope, and nothing else of it."""
    offset = 0
    for part in read(envelope).parts:
        if part.events and part.type in _POINT_FOLDS:
            _fold_points(tables, envelope, part.type, part.events)
        elif part.events and type(part.events[0]) in ITEM_FACTS:
            _FOLDS[part.type](tables, envelope, part.events, offset)
        offset += part.size


def _fold_points(tables: Tables, envelope: Envelope, kind: str, events: Sequence[Event]) -> None:
    run = tables.change_run(envelope.header.stream)
    layer = cuts.layer_of(run, envelope)
    cuts.reach_out(run.reach if layer is None else layer.reach, envelope)
    _POINT_FOLDS[kind](tables, run, layer, events)


def _apply_part(
    tables: Tables, envelope: Envelope, part: Part, events: list[Event], offset: int
) -> None:
    stream, kind = envelope.header.stream, part.type
    if kind in _POINT_FOLDS:
        _fold_points(tables, envelope, kind, events)
    elif kind in _FOLDS:
        _FOLDS[kind](tables, envelope, events, offset)
    else:
        for place, event in enumerate(events, offset):
            if isinstance(event, SessionOpened):
                opened.fold(tables, envelope, event, stamp_of(envelope, place))
            elif isinstance(event, CallsReceived) and stream.startswith("run/"):
                tables.new_items.note_marks(tables.change_run(stream), event.marks)
            elif type(event) not in WITHOUT_FACTS:
                tables.note_unknown(stream, kind, 1)
