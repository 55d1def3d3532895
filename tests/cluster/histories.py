"""A checker of histories: could one server, which does one thing after another, answer so?

A history is linearizable if each operation can be given an instant between its call and its answer
such that, one after the other at these instants, all answers are right (Herlihy and Wing, 1990).
The search is that of Wing and Gong, with the memory of Lowe: it tries every operation that may come
next, and never twice the same set of operations with the same state.

An operation without an answer (the connection broke, the server said 503) may have taken effect at
any instant after its call, or never.
"""

import math
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


def _has_order(operations: Sequence[Operation], step: Step, start: State) -> bool:
    ordered = sorted(operations, key=lambda operation: operation.called)
    answered = frozenset(
        number for number, operation in enumerate(ordered) if operation.answer is not None
    )
    seen: set[tuple[frozenset[int], State]] = set()
    stack: list[tuple[frozenset[int], State]] = [(frozenset(), start)]
    while stack:
        done, state = stack.pop()
        if answered <= done:
            return True
        if (done, state) in seen:
            continue
        seen.add((done, state))
        # Whatever comes next was called before every operation that is left had its answer.
        deadline = min(ordered[number].returned for number in answered - done)
        tried: set[tuple[Any, ...]] = set()  # unknown operations that ask the same are one choice
        for number, operation in enumerate(ordered):
            if operation.called > deadline:
                break
            if number in done or (operation.answer is None and operation.asked in tried):
                continue
            after = step(state, operation)
            if operation.answer is None:
                tried.add(operation.asked)
                after = [other for other in after if other != state]
            stack += [(done | {number}, other) for other in after]
    return False
