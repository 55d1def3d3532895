"""Logged models in the views, with their files and points."""

from collections.abc import Sequence

from eventtrack.events.envelope import Envelope
from eventtrack.events.types import Event, ModelCreated
from eventtrack.facts.model import ARTIFACT, METRIC, MODEL
from eventtrack.projections import model_points
from eventtrack.projections.files import take_file
from eventtrack.projections.merging import MERGES, bear
from eventtrack.projections.state import ModelState, stamp_of
from eventtrack.projections.tables import Tables


def fold(tables: Tables, envelope: Envelope, events: Sequence[Event], offset: int) -> None:
    """Fold events of one logged model."""
    model_id = envelope.header.stream.partition("/")[2]
    model = tables.model(model_id) or ModelState(
        tables.stream_number(envelope.header.stream), model_id
    )
    for place, event in enumerate(events, offset):
        stamp = stamp_of(envelope, place)
        if isinstance(event, ModelCreated):
            bear(model, event, stamp)
        for fact, key, value in MODEL.says[type(event)](event):
            if fact is ARTIFACT:
                take_file(tables, model.number, key, value, stamp)
            elif fact is METRIC:
                run_id, point = value
                model_points.keep(tables, model.number, run_id, point, stamp)
            else:
                MERGES[fact](model, key, value, stamp)
    tables.put_model(model)
