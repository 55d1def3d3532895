"""Blame: for each fact of a run, or of any other thing, every event that touched it.

The events are folded one by one into their thing (`projections/thing.py`). The values that hold
before and after each event are compared.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from eventtrack.facts import registered, run
from eventtrack.facts.experiment import EXPERIMENT
from eventtrack.facts.fact import Fact, Noun
from eventtrack.facts.nouns import noun_of, touched
from eventtrack.projections.thing import Thing
from eventtrack.views.history.events import EventRecord
from eventtrack.views.queries.sessions import Session
from eventtrack.views.records import Record

# The number that each version of a registered model shows, by version id.
Numbers = Mapping[str, int]
NO_NUMBERS: Numbers = MappingProxyType({})


class BlameLine(Record):
    """The effect of one event on one fact; `session` recorded the event.

    `before` and `after` are the values that held. They are equal if a claim lost, or changed
    nothing.
    """

    fact: str
    before: str | None
    after: str | None
    event: EventRecord
    session: Session | None


def name_of(fact: Fact, part: str, key: str, numbers: Numbers = NO_NUMBERS) -> str:
    """A fact's name as people read it: `param.lr`, `version.3.stage`."""
    owner = f"{fact.part}.{numbers.get(part, part)}." if part else ""
    return owner + fact.called(key)


def text_of(fact: Fact, key: str, value: Any, numbers: Numbers = NO_NUMBERS) -> str | None:
    """A fact's value as people read it; None for none."""
    if value is None:
        return None
    if fact is registered.ALIAS:
        return f"version {numbers.get(value, value)}"
    return fact.text(key, value)


def in_order(events: Iterable[EventRecord]) -> list[EventRecord]:
    """Events in the order that decides which value holds, not in the order of arrival."""
    return sorted(events, key=lambda event: event.order)


def set_last_by(
    events: Iterable[EventRecord], numbers: Numbers = NO_NUMBERS
) -> tuple[dict[str, EventRecord], EventRecord | None]:
    """The last event that touched each fact, by the fact's name, and the last of all events.

    It keeps no other events in memory: a run may have a million.
    """
    latest: dict[str, EventRecord] = {}
    newest: EventRecord | None = None
    for event in events:
        if newest is None or event.order >= newest.order:
            newest = event
        noun = noun_of(event.said.event) if event.said is not None else None
        if event.said is not None and noun is not None:
            for fact, part, key in touched(noun, event.said.event, numbers):
                name = name_of(fact, part, key, numbers)
                known = latest.get(name)
                if known is None or event.order >= known.order:
                    latest[name] = event
    return latest, newest


def blame_lines(
    noun: Noun,
    events: Iterable[EventRecord],
    sessions: Mapping[str, Session],
    key: str | None,
    *,
    numbers: Numbers = NO_NUMBERS,
    prefix: str = "",
) -> list[BlameLine]:
    """Every line of blame for one thing's events, oldest first, with what each fact was before.

    Args:
        events: Those of the thing's stream; for a run also those of each experiment
            that it was in.
        key: A fact (`param.lr`), or the name behind its dot (`lr`); None for all facts.
        prefix: Only facts that begin so, which is left out of their names.
    """
    lines: list[BlameLine] = []
    for effect in _effects(noun, in_order(events)):
        whole = name_of(effect.fact, effect.part, effect.key, numbers)
        shown = whole.removeprefix(prefix)
        if whole.startswith(prefix) and key in (None, shown, shown.partition(".")[2]):
            lines.append(
                BlameLine(
                    fact=shown,
                    before=text_of(effect.fact, effect.key, effect.before, numbers),
                    after=text_of(effect.fact, effect.key, effect.after, numbers),
                    event=effect.event,
                    session=sessions.get(effect.event.session),
                )
            )
    return lines


def thing_of(noun: Noun, events: Iterable[EventRecord]) -> Thing:
    """A thing, folded from some events of its stream."""
    thing = Thing(noun)
    for event in in_order(events):
        if event.said is not None and noun_of(event.said.event) is noun:
            thing.take(*event.said)
    return thing


class _Effect(NamedTuple):
    """The effect of an event on a fact; for its values see `Thing.value`."""

    event: EventRecord
    fact: Fact
    part: str
    key: str
    before: Any
    after: Any


def _effects(noun: Noun, events: Iterable[EventRecord]) -> Iterator[_Effect]:
    thing = Thing(noun)
    for event in events:
        if event.said is None:
            continue
        said, stamp = event.said
        if noun_of(said) is noun:
            places = thing.touched(said)
            before = [thing.value(*place) for place in places]
            thing.take(said, stamp)
        elif noun is run.RUN and type(said) in EXPERIMENT.stages:
            # A run is deleted with the experiment that it is in, and restored with it.
            experiment_id = event.stream.partition("/")[2]
            is_in = thing.value(run.EXPERIMENT, "", "") == experiment_id
            places = {(run.LIFECYCLE, "", ""): is_in}
            before = [thing.value(*place) for place in places]
            thing.take_stage(experiment_id, EXPERIMENT.stages[type(said)], stamp)
        else:
            continue
        for (place, named), old in zip(places.items(), before, strict=True):
            new = thing.value(*place)
            if named or old != new:
                yield _Effect(event, *place, old, new)
