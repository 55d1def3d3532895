"""Undo: the events that take back the effect of an event. The record keeps both.

For each fact that still has the event's value, undo sets back the value from before; the table of
the noun has the events for that (`eventtrack/facts/`). Two cases are special: files whose bytes
were written over, and names that another thing took meanwhile.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from eventtrack.errors import InvalidStateError
from eventtrack.events.datasets import RecordMerged
from eventtrack.events.types import ArtifactStored, Event
from eventtrack.facts import dataset, experiment, registered, run
from eventtrack.facts.fact import Fact, Noun, Rule
from eventtrack.facts.nouns import NOUNS, noun_of
from eventtrack.projections import dataset_state, registered_state
from eventtrack.projections.merging import held, held_in_part, is_born
from eventtrack.projections.scorer_state import ScorerState
from eventtrack.projections.tables import Reader
from eventtrack.projections.thing import Thing
from eventtrack.projections.trace_state import AssessmentState
from eventtrack.tags import RUN_NAME_TAG
from eventtrack.views.entities import find_by_name as find_experiment
from eventtrack.views.history.blame import name_of, thing_of
from eventtrack.views.history.events import EventRecord
from eventtrack.views.history.facts import state_of
from eventtrack.views.registered import find_by_name as find_registered

# A fact and its key.
_Key = tuple[Fact, str]


class Inverse(NamedTuple):
    """The events that undo an event, and the facts that stay as it left them, with the reasons."""

    events: list[Event]
    stays: dict[str, str]


def inverse(
    reader: Reader, event: EventRecord, earlier: Sequence[EventRecord], now_ms: int
) -> Inverse:
    """The inverse of an event, given all events of its stream that were recorded before it.

    Raises:
        InvalidStateError: No fact of the event can be undone; the message says why.
    """
    kind, _, name = event.stream.partition("/")
    state = state_of(reader, kind, name)
    if state is None or not is_born(state):
        raise _impossible(event, f"nothing is known of {event.stream}")
    noun = NOUNS[kind]
    if event.said is None or noun_of(event.said.event) is not noun:
        raise _impossible(event, "this eventtrack knows no inverse of it")
    said = event.said.event
    if type(said) in noun.final:
        raise _impossible(event, noun.final[type(said)])
    part, then = noun.part_of(said), thing_of(noun, earlier)
    values = _set_by(noun, said, then)
    if any(fact.part for fact, _ in values):
        owned = _part(reader, state, part)
        if owned is None or not is_born(owned):
            raise _impossible(event, f"nothing is known of {part}")
    old: dict[_Key, Any] = {}
    stays: dict[_Key, str] = {}
    for key, (value, before) in values.items():
        reason = _obstacle(reader, state, part, key[0], before)
        if isinstance(value, RecordMerged) and (before is not None or not value.is_new):
            stays[key] = "was there before: merge once more what it is to have"
        elif _now(reader, state, key, part) != value:
            stays[key] = "changed again since"
        elif before == value:
            stays[key] = "had the same value before"
        elif reason:
            stays[key] = reason
        else:
            old[key] = before
    _settle_name(reader, state, old, stays)
    reasons = _reasons(state, stays, part)
    if not old:
        first = next(iter(reasons.items()), ("it", "sets nothing"))
        raise _impossible(event, " ".join(first))
    return Inverse(list(noun.back(old, part, now_ms)), reasons)


def why_final(event: EventRecord) -> str:
    """The reason why an event can never be undone; "" if it may be possible."""
    noun = noun_of(event.said.event) if event.said is not None else None
    if event.said is None or noun is None:
        return "it sets no fact that could be set back"
    return noun.final.get(type(event.said.event), "")


def _set_by(noun: Noun, event: Event, then: Thing) -> dict[_Key, tuple[Any, Any]]:
    """The facts that an event set and that can be set back, with their values after and before.

    Before its birth a thing counts as deleted. So undoing a birth sets back the stage alone.
    """
    part, owner = noun.part_of(event), noun.births.get(type(event))
    if owner is not None and not then.is_born(part if owner else ""):
        stage = next(fact for fact in noun.facts if fact.name == "lifecycle" and fact.part == owner)
        return {(stage, ""): ("active", "deleted")}
    values: dict[_Key, tuple[Any, Any]] = {}
    for fact, key, value in noun.says[type(event)](event):
        if fact.shown:
            before = then.value(fact, part if fact.part else "", key)
            before = fact.initial if before is None else before
            values[fact, key] = (_as_read(fact, value), before)
    return values


def _as_read(fact: Fact, value: Any) -> Any:
    """A claimed value as reads give it: None for an unlinked run, `active` for a living thing."""
    if fact.rule is Rule.LIVES and value == registered.ALIVE:
        return "active"
    return None if value is False else value


def _now(reader: Reader, state: Any, key: _Key, part: str) -> Any:
    """The value that holds of a fact."""
    fact, name = key
    if fact is dataset.RECORD:
        record = dataset_state.record(reader, state, name)
        return None if record is None else record.held()
    if fact.rule is Rule.ROWS:
        file = reader.artifact(state.number, name)
        if file is None or file.deleted:
            return None
        return ArtifactStored(file.path, file.size, file.sha256, file.place)
    if fact.part:
        state_of_part = _part(reader, state, part)
        return None if state_of_part is None else held_in_part(fact, state, state_of_part, name)
    return held(fact, state, name)


def _part(reader: Reader, state: Any, part: str) -> Any:
    if isinstance(state, registered_state.RegisteredState):
        return registered_state.version(reader, state, part)
    if isinstance(state, ScorerState):
        return state.versions.get(part)
    parts: dict[str, AssessmentState] = state.assessments
    return parts.get(part)


def _settle_name(reader: Reader, state: Any, old: dict[_Key, Any], stays: dict[_Key, str]) -> None:
    """Make a run's name and its tag agree: setting one sets the other, but the tag may go away."""
    name, tag = (run.NAME, ""), (run.TAG, RUN_NAME_TAG)
    if name not in old and tag not in old:
        return
    called, tagged = (
        old[key] if key in old else _now(reader, state, key, "") for key in (name, tag)
    )
    if tagged in (None, called):
        if name in old:
            old[tag] = tagged  # the present value: setting the name also sets the tag
        return
    rest = name if name in old else tag
    del old[rest]
    stays[rest] = "cannot be set back by itself: the name and its tag go together"


def _obstacle(reader: Reader, state: Any, part: str, fact: Fact, before: Any) -> str:
    """The reason why a fact cannot get its value from before again; "" if it can."""
    if before is None:
        return fact.lasts
    if isinstance(before, ArtifactStored) and before.place is not None:
        return "replaced a file that was written over in the artifact location"
    is_version = fact is registered.VERSION_LIFECYCLE and before == "active"
    if is_version and _part(reader, state, part).went_with(state):
        return "cannot be set back: the registered model was deleted"
    if fact is run.EXPERIMENT or (fact is run.LIFECYCLE and before == "active"):
        home = reader.experiment(before if fact is run.EXPERIMENT else state.experiment)
        if home is not None and home.lifecycle[0] == "deleted":
            return f"cannot be set back: the experiment {home.experiment_id} is deleted"
    if fact is experiment.NAME:
        taken = find_experiment(reader, before)
        if taken is not None and taken.experiment_id != state.experiment_id:
            return f"cannot be set back: another experiment is called {before!r} now"
    if fact is registered.NAME:
        other = find_registered(reader, before)
        if other is not None and other.registered_id != state.registered_id:
            return f"cannot be set back: another registered model is called {before!r} now"
    return ""


def _reasons(state: Any, stays: Mapping[_Key, str], part: str) -> dict[str, str]:
    """The reasons, by the names of the facts."""
    shown = registered_state.numbers(getattr(state, "claims", {}))
    return {
        name_of(fact, part if fact.part else "", key, shown): reason
        for (fact, key), reason in stays.items()
    }


def _impossible(event: EventRecord, reason: str) -> InvalidStateError:
    return InvalidStateError(
        f"cannot undo event {event.address} ({event.type}): {reason}",
        hint=f"`eventtrack inspect {event.address}` shows the event",
    )
