"""Evaluation datasets in the views, with their records."""

from collections.abc import Sequence
from typing import Any

from eventtrack.events.datasets import DatasetCreated
from eventtrack.events.envelope import Envelope
from eventtrack.events.types import Event
from eventtrack.facts.dataset import DATASET, RECORD
from eventtrack.projections import dataset_state
from eventtrack.projections.dataset_state import PREFIX, DatasetState, RecordState
from eventtrack.projections.merging import MERGES, bear
from eventtrack.projections.state import Stamp, stamp_of
from eventtrack.projections.tables import Tables


def fold(tables: Tables, envelope: Envelope, events: Sequence[Event], offset: int) -> None:
    """Fold events of one dataset."""
    stream = envelope.header.stream
    number = tables.stream_number(stream)
    state = dataset_state.by_number(tables, number) or DatasetState(
        number, stream.removeprefix(PREFIX)
    )
    for place, event in enumerate(events, offset):
        stamp = stamp_of(envelope, place)
        if isinstance(event, DatasetCreated):
            bear(state, event, stamp)
        for fact, key, value in DATASET.says[type(event)](event):
            if fact is RECORD:
                record = dataset_state.record(tables, state, key) or RecordState(key)
                before = record.born, record.last is not None
                take_record(record, event, value, stamp)
                dataset_state.put_record(tables, state, record, before)
            else:
                MERGES[fact](state, key, value, stamp)
    dataset_state.put_dataset(tables, state)


def take_record(record: RecordState, event: Any, value: Any, stamp: Stamp) -> None:
    """Take what an event claims of one record: None is its deletion."""
    if value is None:
        record.delete(stamp)
    else:
        record.take(value, event.at_ms, stamp)
