"""The state of one thing, folded in memory event by event: for blame and undo.

It takes events in order of their stamps. A map holds the rows that the views keep in tables: files,
the points that were logged last, the ids of spans.
"""

from typing import Any

from eventtrack.events.traces import SpanLogged
from eventtrack.events.types import ArtifactStored, Event
from eventtrack.facts import dataset, run, trace
from eventtrack.facts.fact import Fact, Noun, Rule
from eventtrack.facts.nouns import Place, touched
from eventtrack.projections.dataset_state import DatasetState, RecordState
from eventtrack.projections.datasets import take_record
from eventtrack.projections.merging import MERGES, bear, held, held_in_part, is_born
from eventtrack.projections.registered_state import RegisteredState, VersionState
from eventtrack.projections.scorer_state import ScorerState, ScorerVersionState
from eventtrack.projections.state import (
    NEVER,
    ExperimentState,
    ModelState,
    RunState,
    Stamp,
    latest,
)
from eventtrack.projections.trace_state import AssessmentState, TraceState
from eventtrack.projections.traces import tell_of_span

_STATES: dict[str, Any] = {
    "run": RunState,
    "experiment": ExperimentState,
    "model": ModelState,
    "registered": RegisteredState,
    "trace": TraceState,
    "dataset": DatasetState,
    "scorer": ScorerState,
}
_PARTS: dict[str, Any] = {
    "registered": VersionState,
    "trace": AssessmentState,
    "scorer": ScorerVersionState,
}


class Thing:
    """One thing, by the events that it has taken so far."""

    def __init__(self, noun: Noun) -> None:
        self.noun = noun
        self._state: Any = _STATES[noun.name](0, "")
        self._parts: dict[str, Any] = {}
        self._records: dict[str, RecordState] = {}
        self._rows: dict[tuple[Fact, str], tuple[Any, Stamp]] = {}
        # Of a run: the stage of each experiment that it was in.
        self._stages: dict[str, tuple[str, Stamp]] = {}

    def is_born(self, part: str = "") -> bool:
        """Whether the events include the creation of the thing, or of a part."""
        return is_born(self._part(part) if part else self._state)

    def value(self, fact: Fact, part: str, key: str) -> Any:
        """The value that holds of a fact now; None for none.

        Args:
            part: The id of the part that has the fact; "" for the thing itself.
        """
        if fact is dataset.RECORD:
            record = self._records.get(key)
            return None if record is None else record.held()
        if fact.rule in (Rule.ROWS, Rule.POINTS):
            return self._rows.get((fact, key), (None,))[0]
        if fact.part:
            return held_in_part(fact, self._state, self._part(part), key)
        if fact is run.LIFECYCLE and self.is_born():
            given, stamp = self._stages.get(self._state.experiment, ("", NEVER))
            if stamp > self._state.lifecycle[1]:
                return given
        return held(fact, self._state, key)

    def touched(self, event: Event) -> dict[Place, bool]:
        """The facts that an event may change; see `nouns.touched`."""
        known = [name for name, state in self._parts.items() if is_born(state)]
        return touched(self.noun, event, known)

    def take(self, event: Event, stamp: Stamp) -> None:
        """Take the next event of the thing's stream."""
        part = self.noun.part_of(event)
        if type(event) in self.noun.births:
            owner = self.noun.births[type(event)]
            state = self._part(part) if owner else self._state
            if self.noun.born_facts(owner):
                bear(state, event, stamp)
        for fact, key, value in self.noun.says[type(event)](event):
            if fact is trace.SPAN:
                self._take_span(key, value, stamp)
            elif fact is dataset.RECORD:
                record = self._records.setdefault(key, RecordState(key))
                take_record(record, event, value, stamp)
            elif fact.rule in (Rule.ROWS, Rule.POINTS):
                self._take_row(fact, key, value, stamp)
            else:
                MERGES[fact](self._part(part) if fact.part else self._state, key, value, stamp)

    def take_stage(self, experiment_id: str, value: str, stamp: Stamp) -> None:
        """Take the stage of an experiment, which its runs share."""
        known = self._stages.get(experiment_id, ("active", NEVER))
        self._stages[experiment_id] = latest(known, value, stamp)

    def _take_span(self, span_id: str, placed: tuple[int, SpanLogged], stamp: Stamp) -> None:
        place, span = placed
        tell_of_span(self._state, span, stamp + place.to_bytes(4, "big"))
        self._state.spans += (trace.SPAN, span_id) not in self._rows
        self._rows[trace.SPAN, span_id] = (span_id, stamp)

    def _take_row(self, fact: Fact, key: str, value: Any, stamp: Stamp) -> None:
        known, since = self._rows.get((fact, key), (None, NEVER))
        # If one event has two files under one path, the greater hash counts.
        is_file = isinstance(value, ArtifactStored) and isinstance(known, ArtifactStored)
        if not (is_file and since == stamp and known.sha256 >= value.sha256):
            self._rows[fact, key] = (value, stamp)

    def _part(self, name: str) -> Any:
        if name not in self._parts:
            self._parts[name] = _PARTS[self.noun.name](name)
        return self._parts[name]
