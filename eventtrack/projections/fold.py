"""One envelope into the views: which fold takes which event."""

from eventtrack.errors import EventtrackError, ProjectionError
from eventtrack.events.envelope import Envelope, Group
from eventtrack.events.registry import REGISTRY, Registry
from eventtrack.events.types import Event
from eventtrack.projections import experiments, metrics, models, registered, runs, traces
from eventtrack.projections.state import stamp_of
from eventtrack.projections.tables import Tables
from eventtrack.projections.timeline import Place

# Events that are read from their streams, as audits do: they change no view.
_WITHOUT_STATE = {
    "replica.key_announced",
    "replica.head_sealed",
    "replica.head_witnessed",
    "payloads.redacted",
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
    stream = envelope.header.stream
    if group.type == "run.metric_logged":
        metrics.fold_points(tables, tables.change_run(stream), events)  # type: ignore[arg-type]
    elif group.type == "run.metrics_logged":
        metrics.fold_rows(tables, tables.change_run(stream), events)  # type: ignore[arg-type]
    elif group.type in runs.RUN_FOLDS:
        run_fold, run = runs.RUN_FOLDS[group.type], tables.change_run(stream)
        for place, event in enumerate(events, offset):
            run_fold(tables, run, event, stamp_of(envelope.header, place))
    elif group.type in experiments.EXPERIMENT_FOLDS:
        fold = experiments.EXPERIMENT_FOLDS[group.type]
        experiment = tables.change_experiment(stream)
        for place, event in enumerate(events, offset):
            fold(tables, experiment, event, stamp_of(envelope.header, place))
    elif group.type in models.MODEL_FOLDS:
        model_fold, model = models.MODEL_FOLDS[group.type], models.change_model(tables, stream)
        for place, event in enumerate(events, offset):
            model_fold(tables, model, event, stamp_of(envelope.header, place))
        tables.put_model(model)
    elif group.type in traces.TRACE_FOLDS:
        trace_fold, trace = traces.TRACE_FOLDS[group.type], tables.traces.change(stream)
        for place, event in enumerate(events, offset):
            trace_fold(tables, trace, event, stamp_of(envelope.header, place))
    elif group.type.startswith("registered."):
        stamps = (stamp_of(envelope.header, place) for place, _ in enumerate(events, offset))
        registered.fold(tables, stream, group.type, list(zip(events, stamps, strict=True)))
    elif group.type == "session.opened":
        for place, event in enumerate(events, offset):
            stamp = stamp_of(envelope.header, place)
            experiments.session_opened(tables, envelope, event, stamp)  # type: ignore[arg-type]
    elif group.type not in _WITHOUT_STATE:
        tables.note_unknown(stream, group.type, len(events))
