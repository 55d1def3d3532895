"""Experiments in the views, and the names that they hold."""

from collections.abc import Sequence

from eventtrack.events.envelope import Envelope
from eventtrack.events.types import Event, ExperimentCreated
from eventtrack.facts.experiment import EXPERIMENT
from eventtrack.projections import names
from eventtrack.projections.merging import MERGES, bear
from eventtrack.projections.state import stamp_of
from eventtrack.projections.tables import Tables


def fold(tables: Tables, envelope: Envelope, events: Sequence[Event], offset: int) -> None:
    """Fold events of one experiment."""
    experiment = tables.change_experiment(envelope.header.stream)
    number, identifier = experiment.number, experiment.experiment_id
    for place, event in enumerate(events, offset):
        stamp = stamp_of(envelope, place)
        before, since = experiment.name
        if isinstance(event, ExperimentCreated):
            bear(experiment, event, stamp)
            names.bear(tables, names.EXPERIMENTS, event.name, number, identifier)
        for fact, key, value in EXPERIMENT.says[type(event)](event):
            MERGES[fact](experiment, key, value, stamp)
        if (after := experiment.name[0]) != before:
            moved = (before if since else None, after)
            names.move(tables, names.EXPERIMENTS, moved, number, identifier)
