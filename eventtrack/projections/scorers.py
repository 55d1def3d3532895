"""Scorers in the views, with their versions."""

from collections.abc import Sequence

from eventtrack.events.envelope import Envelope
from eventtrack.events.scorers import ScorerRegistered
from eventtrack.events.types import Event
from eventtrack.facts.scorer import SCORER
from eventtrack.projections import scorer_state
from eventtrack.projections.merging import MERGES, bear
from eventtrack.projections.scorer_state import PREFIX, ScorerState, ScorerVersionState
from eventtrack.projections.state import stamp_of
from eventtrack.projections.tables import Tables


def fold(tables: Tables, envelope: Envelope, events: Sequence[Event], offset: int) -> None:
    """Fold events of one scorer."""
    stream = envelope.header.stream
    number = tables.stream_number(stream)
    state = scorer_state.by_number(tables, number)
    state = state or ScorerState(number, stream.removeprefix(PREFIX))
    for place, event in enumerate(events, offset):
        stamp, version_id = stamp_of(envelope, place), SCORER.part_of(event)
        version = state.versions.setdefault(version_id, ScorerVersionState(version_id))
        if isinstance(event, ScorerRegistered):
            bear(version, event, stamp)
        for fact, key, value in SCORER.says[type(event)](event):
            MERGES[fact](version if fact.part else state, key, value, stamp)
    scorer_state.put(tables, state)
