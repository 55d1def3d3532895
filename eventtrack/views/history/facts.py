"""The state of things as flat facts, to compare two moments or two runs.

A fact is a name such as `param.lr`, `metric.loss` or `status`, with a value as text. Names, rules
and texts are those of `eventtrack/facts/`.
"""

from collections.abc import Iterator
from typing import Any

from eventtrack.facts import dataset, model, registered, run, scorer, trace
from eventtrack.facts.fact import Fact, Noun, file_text, item_text, point_text
from eventtrack.facts.nouns import NOUNS
from eventtrack.projections import dataset_state, model_points, registered_state, scorer_state
from eventtrack.projections.merging import held, held_in_part, held_values, is_born
from eventtrack.projections.registered_state import numbers
from eventtrack.projections.state import RunState
from eventtrack.projections.tables import Reader
from eventtrack.projections.trace_tables import find_trace
from eventtrack.views.entities import EntityReader
from eventtrack.views.history.blame import NO_NUMBERS, Numbers, name_of, text_of
from eventtrack.views.queries.sessions import Session
from eventtrack.views.records import Record

Facts = dict[str, str]
# Nouns whose versions show numbers that follow from what they were given.
_NUMBERED = (registered.REGISTERED, scorer.SCORER)


class Change(Record):
    """One difference: `kind` is added, removed or changed; `before` and `after` may be None.

    Between two moments it names an event: of those that only one moment holds, the last that set
    the fact, with its recorded time, its arrival here (None if it was `recorded_here`, or if that
    is not known), its session and its reason. If no single event sets the fact, as for a count of
    points, it is the newest event that touched the subject.
    """

    kind: str
    subject: str
    fact: str
    before: str | None
    after: str | None
    address: str | None = None
    recorded_ms: int | None = None
    arrived_ms: int | None = None
    recorded_here: bool | None = None
    session: Session | None = None
    reason: str | None = None


def compare(subject: str, before: Facts, after: Facts) -> list[Change]:
    """The differences between two sets of facts, sorted by fact."""
    changes: list[Change] = []
    for fact in sorted({*before, *after}):
        old, new = before.get(fact), after.get(fact)
        if old != new:
            kind = "added" if old is None else "removed" if new is None else "changed"
            changes.append(Change(kind=kind, subject=subject, fact=fact, before=old, after=new))
    return changes


def facts_of(entities: EntityReader, reader: Reader, stream: str) -> Facts:
    """The facts of a stream's thing; none if it does not exist (yet)."""
    kind, _, name = stream.partition("/")
    noun, state = NOUNS.get(kind), state_of(reader, kind, name)
    if noun is None or state is None or not is_born(state):
        return {}
    shown = numbers(state.claims) if noun in _NUMBERED else NO_NUMBERS
    facts = _held(noun, state, shown)
    for part_id, part in _parts(reader, noun, state):
        facts |= _held_in_part(noun, state, part_id, part, shown)
    if noun is run.RUN:
        facts["lifecycle"] = entities.lifecycle(state)
        facts |= _run_metrics(reader, state)
        facts |= {name: item_text(item.count, item.step) for name, item in state.items.items()}
    if noun is model.MODEL:
        facts |= _model_metrics(reader, state.number)
    if noun is dataset.DATASET:
        facts |= _records(reader, state)
    for file in reader.artifacts(state.number):
        facts[run.ARTIFACT.called(file.path)] = file_text("", file)
    return facts


def run_facts(entities: EntityReader, state: RunState) -> Facts:
    """The facts of a run. Those of metrics count the points, so that a longer history differs."""
    return facts_of(entities, entities.reader, f"run/{state.run_id}")


def state_of(reader: Reader, kind: str, name: str) -> Any:
    """The state of a thing, by the name of its noun and its id; None if no event names it."""
    if kind == "registered":
        return registered_state.model(reader, name)
    if kind == "trace":
        return find_trace(reader, name)
    if kind == "scorer":
        return scorer_state.scorer(reader, name)
    if kind == "dataset":
        return dataset_state.dataset(reader, name)
    find = {"run": reader.run, "experiment": reader.experiment, "model": reader.model}.get(kind)
    return None if find is None else find(name)


def _held(noun: Noun, state: Any, shown: Numbers) -> Facts:
    facts: Facts = {}
    for fact in noun.facts:
        if fact.shown and fact.field and not fact.part:
            values = held_values(fact, state) if fact.many else {"": held(fact, state)}
            facts |= _texts(fact, "", values, shown)
    return facts


def _held_in_part(noun: Noun, state: Any, part_id: str, part: Any, shown: Numbers) -> Facts:
    facts: Facts = {}
    for fact in noun.facts:
        if fact.shown and fact.part:
            values = held_values(fact, part) if fact.many else {"": held_in_part(fact, state, part)}
            facts |= _texts(fact, part_id, values, shown)
    return facts


def _texts(fact: Fact, part_id: str, values: dict[str, Any], shown: Numbers) -> Facts:
    texts = ((key, text_of(fact, key, value, shown)) for key, value in values.items())
    return {name_of(fact, part_id, key, shown): text for key, text in texts if text is not None}


def _parts(reader: Reader, noun: Noun, state: Any) -> Iterator[tuple[str, Any]]:
    """The parts of a thing whose births were seen, with their ids, even if deleted."""
    if noun is registered.REGISTERED:
        versions = registered_state.versions(reader, state)
        parts = {version.version_id: version for version in versions}
    elif noun is scorer.SCORER:
        parts = state.versions
    else:
        parts = state.assessments if noun is trace.TRACE else {}
    return ((name, part) for name, part in parts.items() if is_born(part))


def _records(reader: Reader, state: Any) -> Facts:
    held = ((item.record_id, item.held()) for item in dataset_state.records(reader, state))
    return {
        dataset.RECORD.called(key): dataset.record_text(key, record)
        for key, record in held
        if record is not None
    }


def _run_metrics(reader: Reader, state: RunState) -> Facts:
    return {
        run.METRIC.called(key): _counted(metric.value, metric.step, metric.count)
        for key, metric in sorted(reader.curves(state).items())
    }


def _model_metrics(reader: Reader, number: int) -> Facts:
    facts: Facts = {}
    points = model_points.read(reader, number)
    for key in dict.fromkeys(point.key for point in points):
        those = [point for point in points if point.key == key]
        last = max(those, key=lambda point: (point.step, point.timestamp_ms, point.stamp))
        facts[model.METRIC.called(key)] = _counted(last.value, last.step, len(those))
    return facts


def _counted(value: float, step: int, count: int) -> str:
    return f"{point_text(value, step)[:-1]}, {count} points)"
