"""A checker of histories: could one server, which does one thing after another, answer so?

A history is linearizable if each operation can be given an instant between its call and its answer
such that, one after the other at these instants, all answers are right (Herlihy and Wing, 1990).
The search is that of Wing and Gong, with the memory of Lowe: it tries every operation that may come
next, and never twice the same set of operations with the same state.

An operation without an answer (the connection broke, the server said 503) may have taken effect at
any instant after its call, or never.
"""

import math
import operator
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

State = Hashable
# The states that may follow an operation: none if the state does not allow its answer.
Step = Callable[[Any, "Operation"], Iterable[State]]


@dataclass(frozen=True)
class Operation:
    """One call: the thing it is about, what was asked, what was answered, and when.

    `answer` is None if there was no answer; `returned` is then infinite.
    """

    key: Hashable
    asked: tuple[Any, ...]
    answer: Any
    called: float
    returned: float = math.inf


def first_value(state: Any, operation: Operation) -> Iterable[State]:
    """A cell that keeps its first value: a param, the name of an experiment.

    `("set", value)` is answered True, or False where another value stands; `("get",)` with the
    value, or "" for none.
    """
    if operation.asked[0] == "get":
        return [state] if operation.answer in (None, state) else []
    value = operation.asked[1]
    taken = bool(state) and state != value
    return [state if taken else value] if operation.answer in (None, not taken) else []


def only_first(state: Any, operation: Operation) -> Iterable[State]:
    """A name that one caller gets: who asks for it again is refused, also with the same value."""
    if operation.asked[0] == "get":
        return [state] if operation.answer in (None, state) else []
    value = operation.asked[1]
    return [state or value] if operation.answer in (None, not state) else []


def last_value(state: Any, operation: Operation) -> Iterable[State]:
    """A cell that keeps its last value: a tag."""
    if operation.asked[0] == "get":
        return [state] if operation.answer in (None, state) else []
    return [operation.asked[1]]


def counter(state: Any, operation: Operation) -> Iterable[State]:
    """Version numbers: `("next",)` is answered with the next number, `("get",)` with the last."""
    last = state or 0
    if operation.asked[0] == "get":
        return [last] if operation.answer in (None, last) else []
    return [last + 1] if operation.answer in (None, last + 1) else []


def lifecycle(state: Any, operation: Operation) -> Iterable[State]:
    """A run: `("delete",)`, `("restore",)`, `("get",)` with "" or "deleted", and `("log",)`.

    `("log",)` is answered True, or False if the run is deleted.
    """
    what, answer = operation.asked[0], operation.answer
    if what == "get":
        return [state] if answer in (None, state) else []
    if what == "log":
        return [state] if answer in (None, state != "deleted") else []
    return ["deleted" if what == "delete" else ""]


def explain(operations: Sequence[Operation], step: Step, start: State = "") -> list[Operation]:
    """The operations of one thing that no order explains; empty if there is one.

    Returns the shortest beginning, by calls, that has none.
    """
    if _has_order(operations, step, start):
        return []
    ordered = sorted(operations, key=lambda operation: operation.called)
    low, high = 1, len(ordered)
    while low < high:
        middle = (low + high) // 2
        if _has_order(ordered[:middle], step, start):
            low = middle + 1
        else:
            high = middle
    return ordered[:low]


# What leaves every state as it is.
_READS = ("get", "log")


@dataclass(frozen=True)
class _Place:
    """How far a search came: what is done, and the state after it.

    Of the answered operations, in the order of their calls, all before `low` and those in `beyond`
    are done; of the unknown ones that ask the same, the first so many as `used` says.
    """

    low: int
    beyond: frozenset[int]
    used: tuple[int, ...]
    state: State


def _has_order(operations: Sequence[Operation], step: Step, start: State) -> bool:
    ordered = sorted(operations, key=lambda operation: operation.called)
    answered = [operation for operation in ordered if operation.answer is not None]
    unknown: dict[tuple[Any, ...], list[Operation]] = {}
    for operation in ordered:
        if operation.answer is None:
            unknown.setdefault(operation.asked, []).append(operation)
    alike = list(unknown.values())
    seen: dict[tuple[int, frozenset[int], State], list[tuple[int, ...]]] = {}
    stack = [_Place(0, frozenset(), (0,) * len(alike), start)]
    while stack:
        place = stack.pop()
        if place.low == len(answered):
            return True
        # Who got as far with fewer of the unknown operations has more ways to go on.
        others = seen.setdefault((place.low, place.beyond, place.state), [])
        if any(all(map(operator.le, used, place.used)) for used in others):
            continue
        others.append(place.used)
        waiting, deadline = _waiting(answered, place)
        allowed = [number for number in waiting if answered[number].called <= deadline]
        reads = (number for number in allowed if answered[number].asked[0] in _READS)
        read = next((number for number in reads if step(place.state, answered[number])), None)
        if read is not None:
            # What never changes anything may as well come now: it keeps nothing from following.
            stack.append(_moved(place, read, place.state))
            continue
        stuck = [answered[number] for number in allowed if not step(place.state, answered[number])]
        # The last that is put on the stack is tried first: what is answered, in the order of calls.
        stack += _with_unknown(alike, place, step, deadline, stuck)
        for number in reversed(allowed):
            for state in step(place.state, answered[number]):
                stack.append(_moved(place, number, state))
    return False


def _waiting(answered: Sequence[Operation], place: _Place) -> tuple[list[int], float]:
    """What may come next of the answered, and the instant of the first answer among what is left.

    Whatever comes next was called before every operation that is left had its answer.
    """
    waiting, deadline = [], math.inf
    for number in range(place.low, len(answered)):
        if answered[number].called > deadline:
            break
        if number not in place.beyond:
            waiting.append(number)
            deadline = min(deadline, answered[number].returned)
    return waiting, deadline


def _moved(place: _Place, number: int, state: State) -> _Place:
    """The place after an answered operation."""
    low, beyond = place.low, place.beyond | {number}
    while low in beyond:
        beyond -= {low}
        low += 1
    return _Place(low, beyond, place.used, state)


def _with_unknown(
    alike: Sequence[Sequence[Operation]],
    place: _Place,
    step: Step,
    deadline: float,
    stuck: Sequence[Operation],
) -> Iterable[_Place]:
    """The places after so many unknown operations that one of those that are stuck can follow.

    Of those that ask the same, the first. They need not come before something needs them.
    """
    states, front = {place.state}, [place]
    while front:
        here = front.pop(0)
        for number, (operations, used) in enumerate(zip(alike, here.used, strict=True)):
            if used == len(operations) or operations[used].called > deadline:
                continue
            for state in {*step(here.state, operations[used])} - states:
                states.add(state)
                more = (*here.used[:number], used + 1, *here.used[number + 1 :])
                there = _Place(place.low, place.beyond, more, state)
                if any(step(state, each) for each in stuck):
                    yield there
                else:
                    front.append(there)
