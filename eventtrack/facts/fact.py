"""Facts are the named values of a thing; events claim them, and rules say which claim holds.

A run has the facts `status`, `param.lr` and `tag.stage`, among others. The event `run.tags_set`
claims a fact for each of its tags. A table for each noun (`run.py`, `trace.py`, ...) has the facts,
the claims of every type of event, and the events that set facts back. Folds, blame, differences,
conflicts, undo and permits follow from the tables, so a new event is written there once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from typing import Any, Protocol

import msgspec

from eventtrack.events.histories import Fork, Withdrawal
from eventtrack.events.types import ArtifactStored, Event
from eventtrack.limits import INT64_MAX, INT64_MIN


class Rule(Enum):
    """The claim that holds, of several claims of one fact. No rule depends on their order."""

    LAST = "the latest claim"
    FIRST = "the earliest claim"
    CLAIMED = "the earliest claim since the last withdrawal or correction; others are its rivals"
    SEEN = "any claim: there is only one value"
    GREATEST = "the greatest value"
    ONCE = "any claim, for ever"
    BORN = "what the earliest birth says, for all such facts of a thing together"
    MOVED = "the latest claim; before any, what the earliest birth says"
    DERIVED = "what follows from other facts: no event claims it"
    # The special cases. The folds have code of its own for each of these.
    DATASET = "the earliest claim for each dataset; one name may have several"
    LIVES = "the latest of births, deletions and restorations, which are kept apart"
    ROWS = "a row of a table, not a field: files, points of models, spans"
    POINTS = "points of a series, folded a column at a time"


class Fact(msgspec.Struct, frozen=True, eq=False):
    """One fact of a noun, or with `many` one fact for each key: `param` stands for `param.lr`.

    Args:
        field: Where the noun's state has it; "" where tables have it.
        part: The kind of part that has the fact, as `version` of a registered model.
        shown: Whether people are shown it; the others only decide facts that are.
        initial: What holds from the birth on, until an event claims the fact.
        decides: Facts that follow from this one.
        text: The value as people read it, given the key and the value.
        lasts: Why undo cannot take it away, although it can give it another value.
    """

    name: str
    rule: Rule
    field: str = ""
    many: bool = False
    part: str = ""
    shown: bool = True
    initial: Any = None
    decides: tuple["Fact", ...] = ()
    text: Callable[[str, Any], str] = lambda _, value: str(value)
    lasts: str = ""

    def called(self, key: str = "") -> str:
        """The fact's whole name within its thing: `status`, `param.lr`."""
        return f"{self.name}.{key}" if self.many else self.name


# Why undo cannot take a fact away.
LASTS = "can be changed, not removed"

# A fact, its key ("" where it has none), and the value; None takes the fact away.
Claim = tuple[Fact, str, Any]
Says = Callable[[Any], Iterable[Claim]]


class Correction(str):
    """A claimed value that takes back all claims before it."""

    __slots__ = ()


# Values that facts are to have again, by fact and key; None where they had none.
Old = Mapping[tuple[Fact, str], Any]


class Noun(msgspec.Struct, frozen=True, eq=False):
    """The table of one noun: all that its events say.

    Args:
        name: How its streams begin: `run` for `run/ID`.
        says: The claims of each type of event, beside what `births` claim.
        births: The events with which a thing begins, or the part of the given kind; each sets all
            facts of the rule `BORN` from its fields of the same names. A trace has several types.
        stages: The events that only delete or restore, with the stage that they set.
        back: The events that set facts back to old values, given those, the id of the part ("" for
            none) and the time in milliseconds since 1970.
        final: Why undo cannot take back events of some types.
        part: The field that names the part in events of parts: `version_id`.
    """

    name: str
    facts: tuple[Fact, ...]
    says: Mapping[type[Event], Says]
    back: Callable[[Old, str, int], Iterable[Event]]
    births: Mapping[type[Event], str] = msgspec.field(default_factory=dict)
    stages: Mapping[type[Event], str] = msgspec.field(default_factory=dict)
    final: Mapping[type[Event], str] = msgspec.field(default_factory=dict)
    part: str = ""

    def born_facts(self, part: str = "") -> tuple[Fact, ...]:
        """The facts that a birth sets together, of the thing or of a kind of part."""
        born = (Rule.BORN, Rule.MOVED)
        return tuple(fact for fact in self.facts if fact.rule in born and fact.part == part)

    def implied_facts(self, part: str = "") -> tuple[Fact, ...]:
        """The facts that hold from a birth on without having been claimed, or follow from it."""
        return tuple(
            fact
            for fact in self.facts
            if fact.part == part and (fact.initial is not None or fact.rule is Rule.DERIVED)
        )

    def part_of(self, event: Event) -> str:
        """The id of the part that an event is about; "" for the thing itself."""
        return getattr(event, self.part, "") if self.part else ""


def staged(stage: Fact, value: str, *dated: Fact) -> Says:
    """The claims of an event that deletes or restores: the stage, and when it was changed."""

    def says(event: Any) -> Iterable[Claim]:
        yield stage, "", value
        for fact in dated:
            yield fact, "", event.at_ms

    return says


class Each(msgspec.Struct, frozen=True):
    """The claims of an event that has a map of values: a claim for each of them.

    Args:
        values: The event's field with the map.
        also: Keys whose values are also those of another fact.
    """

    fact: Fact
    values: str
    also: Mapping[str, Fact] = msgspec.field(default_factory=dict)

    def __call__(self, event: Any) -> list[Claim]:
        values = getattr(event, self.values)
        claims: list[Claim] = [(self.fact, key, value) for key, value in values.items()]
        return claims + [(self.also[key], "", values[key]) for key in self.also if key in values]


def each(fact: Fact, values: Mapping[str, Any]) -> list[Claim]:
    """A claim for each of some values."""
    return [(fact, key, value) for key, value in values.items()]


def files(fact: Fact, stored: Iterable[ArtifactStored]) -> Iterable[Claim]:
    """A claim for each of some files."""
    return [(fact, file.path, file) for file in stored]


def gone(fact: Fact, keys: Iterable[str]) -> Iterable[Claim]:
    """Claims that take facts away."""
    return [(fact, key, None) for key in keys]


class File(Protocol):
    """A file that was logged, in an event or in the views."""

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    @property
    def sha256(self) -> bytes:
        """The hash of its bytes."""
        ...


def file_text(_: str, file: File) -> str:
    """A file as people read it."""
    return f"{file.size} bytes, sha256 {file.sha256.hex()[:12]}"


def point_text(value: float, step: int) -> str:
    """A point of a metric as people read it."""
    return f"{value:.12g} (step {step})"


def item_text(count: int, step: int) -> str:
    """Items of text, histograms or media as people read them."""
    return f"{count} {'item' if count == 1 else 'items'} (step {step})"


def fork_text(fork: Fork) -> str:
    """The beginning of a fork as people read it."""
    return f"run {fork.run_id}" + (f" at step {fork.step}" if fork.step < INT64_MAX else "")


def withdrawal_text(_: str, withdrawal: Withdrawal) -> str:
    """A withdrawal of points as people read it."""
    keys, first, last = withdrawal.keys, withdrawal.first_step, withdrawal.last_step
    if (first, last) == (INT64_MIN, INT64_MAX):
        steps = "all steps"
    elif last == INT64_MAX:
        steps = f"steps from {first}"
    else:
        steps = f"steps up to {last}" if first == INT64_MIN else f"steps {first} to {last}"
    return f"{steps} of {'all metrics' if keys is None else ', '.join(keys)}"


def valued(old: Old, fact: Fact) -> dict[str, Any]:
    """The keys of a fact that are to have values again, with those."""
    return {
        key: value for (owner, key), value in old.items() if owner is fact and value is not None
    }


def unvalued(old: Old, fact: Fact) -> list[str]:
    """The keys of a fact that are to go."""
    return [key for (owner, key), value in old.items() if owner is fact and value is None]


def tags_back(
    old: Old,
    fact: Fact,
    put: Callable[[dict[str, str]], Event],
    remove: Callable[[str], Event],
) -> Iterator[Event]:
    """The events that set tags back."""
    if tags := valued(old, fact):
        yield put(tags)
    yield from (remove(key) for key in unvalued(old, fact))


def files_back(
    old: Old,
    fact: Fact,
    put: Callable[[list[ArtifactStored]], Event],
    remove: Callable[[list[str]], Event],
) -> Iterator[Event]:
    """The events that put files back on a list, and take others off it."""
    if stored := valued(old, fact):
        yield put(list(stored.values()))
    if paths := unvalued(old, fact):
        yield remove(paths)
