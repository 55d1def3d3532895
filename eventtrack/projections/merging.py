"""Merges claims of facts into states, and reads the values that hold.

A state has a fact as `(value, stamp)`, or as a map from key to such a pair if the fact has keys.
Folds and blame merge by the same functions, so they cannot disagree.
"""

from collections.abc import Callable, Iterable
from typing import Any

from eventtrack.events.types import Event
from eventtrack.facts.fact import Correction, Fact, Rule
from eventtrack.facts.nouns import NOUNS
from eventtrack.facts.registered import ALIVE, VERSION_LIFECYCLE
from eventtrack.projections.state import BEYOND, NEVER, ParamClaim, ParamState, Stamp, latest

# Changes a state by a claim, given the key ("" for none), the value, and the event's stamp.
Merge = Callable[[Any, str, Any, Stamp], None]


def bear(state: Any, event: Event, stamp: Stamp) -> None:
    """Take the facts that the birth of a thing or a part sets, if no earlier birth is known.

    Between births with one stamp, as after a fork, the values decide.
    """
    fields = _BORN_FIELDS[type(event)]
    if stamp < state.born or (
        stamp == state.born and _ranked(event, fields) < _ranked(state, fields)
    ):
        state.born = stamp
        for name in fields:
            setattr(state, name, getattr(event, name))


def is_born(state: Any) -> bool:
    """Whether a thing's creation was seen; otherwise it is known by hearsay only."""
    born = getattr(state, "born", None)
    return bool(state.experiment_id) if born is None else born != BEYOND


def held(fact: Fact, state: Any, key: str = "") -> Any:
    """The value that holds of a fact, by a state; None for none."""
    if fact.many:
        return held_values(fact, state, key).get(key)
    if fact.rule is Rule.MOVED:
        return state.experiment or None
    value, stamp = getattr(state, fact.field), None
    if fact.rule in (Rule.LAST, Rule.FIRST):
        value, stamp = value
    if fact.rule is Rule.FIRST and stamp == BEYOND:
        stamp = NEVER
    elif fact.rule is Rule.ONCE:
        value, stamp = "deleted", BEYOND if value else NEVER
    if stamp is None or stamp == NEVER:
        # Nobody claimed a value. A thing that was born has the initial one, or a derived one.
        return (fact.initial if stamp is not None else value) if is_born(state) else None
    return value


def claimed(fact: Fact, state: Any, key: str = "") -> tuple[Any, Stamp]:
    """The value that holds of a fact, and the stamp of its claim: None and `NEVER` for no claim.

    After a withdrawal, None and the withdrawal's stamp.

    Args:
        fact: Its rule is `LAST` or `CLAIMED`.
    """
    known = getattr(state, fact.field)
    if fact.many:
        known = known.get(key, (None, NEVER))
    if isinstance(known, ParamState):
        claims = known.live()
        return (claims[0].value, claims[0].stamp) if claims else (None, known.withdrawn)
    value, stamp = known
    return value, stamp


def held_in_part(fact: Fact, whole: Any, part: Any, key: str = "") -> Any:
    """The value that holds of a fact of a part. A version is deleted with its model."""
    if fact is VERSION_LIFECYCLE and is_born(part):
        return "active" if part.exists(whole) else "deleted"
    return held(fact, part, key)


def held_values(fact: Fact, state: Any, only: str | None = None) -> dict[str, Any]:
    """The values that hold of a fact with keys, in order of the keys; `only` that of one key."""
    known = getattr(state, fact.field)
    if only is not None and fact.rule is not Rule.DATASET:
        known = {only: known[only]} if only in known else {}
    known = sorted(known.items())
    if fact.rule is Rule.DATASET:
        digests_by_name: dict[str, list[str]] = {}
        for dataset, _ in sorted((pair for _, pair in known), key=_first_said):
            digests_by_name.setdefault(dataset.name, []).append(dataset.digest)
        return {name: ", ".join(digests) for name, digests in sorted(digests_by_name.items())}
    pairs = ((key, _one(fact, pair, key)) for key, pair in known)
    return {key: value for key, value in pairs if value is not None}


def rivals(fact: Fact, state: Any) -> dict[str, list[str]]:
    """The values of a fact that were claimed but do not hold, by key."""
    if fact.rule is not Rule.CLAIMED:
        return {}
    claimed = sorted(getattr(state, fact.field).items())
    return {key: lost for key, param in claimed if (lost := param.conflicts())}


def _one(fact: Fact, known: Any, key: str) -> Any:
    """The value that holds of a key, given the state's entry for it."""
    if fact.rule is Rule.CLAIMED:
        return known.value
    if fact.rule is Rule.SEEN:
        return key
    return None if known[0] is False else known[0]


def _first_said(pair: tuple[Any, Stamp]) -> tuple[Stamp, str]:
    return pair[1], repr(pair[0])


def _ranked(thing: Any, fields: Iterable[str]) -> list[Any]:
    """Values that can be compared with those of a rival: None comes before any text."""
    return ["" if (value := getattr(thing, name)) is None else value for name in fields]


def _last(field: str) -> Merge:
    def merge(state: Any, _: str, value: Any, stamp: Stamp) -> None:
        setattr(state, field, latest(getattr(state, field), value, stamp))

    return merge


def _last_of_each(field: str) -> Merge:
    def merge(state: Any, key: str, value: Any, stamp: Stamp) -> None:
        facts = getattr(state, field)
        known = facts.get(key)
        facts[key] = latest(known, value, stamp) if known else (value, stamp)

    return merge


def _first(field: str) -> Merge:
    def merge(state: Any, _: str, value: Any, stamp: Stamp) -> None:
        known, since = getattr(state, field)
        if (stamp, value) < (since, known):
            setattr(state, field, (value, stamp))

    return merge


def _first_of_each(field: str) -> Merge:
    def merge(state: Any, key: str, value: Any, stamp: Stamp) -> None:
        facts = getattr(state, field)
        known = facts.get(key)
        if known is None or (stamp, value) < (known[1], known[0]):
            facts[key] = (value, stamp)

    return merge


def _claimed(field: str) -> Merge:
    def merge(state: Any, key: str, value: Any, stamp: Stamp) -> None:
        facts: dict[str, ParamState] = getattr(state, field)
        param = facts.get(key)
        if value is None:
            facts.setdefault(key, ParamState([])).withdraw(stamp)
        elif param is None:
            facts[key] = ParamState([ParamClaim(stamp, str(value))])
        else:
            param.add(str(value), stamp)
        if isinstance(value, Correction):
            facts[key].withdraw(stamp)

    return merge


def _moved(_: str) -> Merge:
    def merge(state: Any, _: str, value: Any, stamp: Stamp) -> None:
        state.moves[value] = max(state.moves.get(value, NEVER), stamp)

    return merge


def _seen(field: str) -> Merge:
    def merge(state: Any, key: str, _: Any, stamp: Stamp) -> None:
        facts = getattr(state, field)
        facts[key] = min(facts.get(key, stamp), stamp)

    return merge


def _greatest(field: str) -> Merge:
    def merge(state: Any, _: str, value: Any, __: Stamp) -> None:
        if value > getattr(state, field):
            setattr(state, field, value)

    return merge


def _once(field: str) -> Merge:
    def merge(state: Any, _: str, __: Any, ___: Stamp) -> None:
        setattr(state, field, True)

    return merge


def _lives(_: str) -> Merge:
    fields = {ALIVE: "life", "active": "restored", "deleted": "deleted"}

    def merge(state: Any, _: str, value: Any, stamp: Stamp) -> None:
        field = fields[value]
        setattr(state, field, max(getattr(state, field), stamp))

    return merge


def _dataset(field: str) -> Merge:
    def merge(state: Any, _: str, dataset: Any, stamp: Stamp) -> None:
        facts, key = getattr(state, field), f"{dataset.name}\0{dataset.digest}"
        known = facts.get(key)
        if known is None or (stamp, repr(dataset)) < (known[1], repr(known[0])):
            facts[key] = (dataset, stamp)

    return merge


_MAKERS: dict[tuple[Rule, bool], Callable[[str], Merge]] = {
    (Rule.LAST, False): _last,
    (Rule.LAST, True): _last_of_each,
    (Rule.FIRST, False): _first,
    (Rule.FIRST, True): _first_of_each,
    (Rule.CLAIMED, True): _claimed,
    (Rule.SEEN, True): _seen,
    (Rule.MOVED, False): _moved,
    (Rule.GREATEST, False): _greatest,
    (Rule.ONCE, False): _once,
    (Rule.LIVES, False): _lives,
    (Rule.DATASET, True): _dataset,
}
# A function for each fact, made at import. Births and rows of tables are merged elsewhere.
MERGES: dict[Fact, Merge] = {
    fact: _MAKERS[fact.rule, fact.many](fact.field)
    for noun in NOUNS.values()
    for fact in noun.facts
    if (fact.rule, fact.many) in _MAKERS
}
# The fields that each type of birth sets together.
_BORN_FIELDS: dict[type[Event], tuple[str, ...]] = {
    kind: tuple(fact.field for fact in noun.born_facts(owner))
    for noun in NOUNS.values()
    for kind, owner in noun.births.items()
}
