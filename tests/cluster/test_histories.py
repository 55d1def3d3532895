"""The checker finds histories that no single server could answer, and lets the others pass."""

import math
import random

import pytest

from tests.cluster.histories import (
    Operation,
    Step,
    counter,
    explain,
    first_value,
    last_value,
    lifecycle,
    only_first,
)


def operation(called: float, returned: float, asked: str, answer: object) -> Operation:
    """An operation; `asked` is a verb and a value, such as "set a"."""
    return Operation("x", tuple(asked.split()), answer, called, returned)


GOOD: dict[str, tuple[Step, list[Operation]]] = {
    "a read beside a write sees either": (
        last_value,
        [
            operation(0, 10, "set a", True),
            operation(1, 2, "get", ""),
            operation(3, 4, "get", "a"),
        ],
    ),
    "of two that ask at once, the later called may be first": (
        only_first,
        [operation(0, 5, "set a", False), operation(1, 4, "set b", True)],
    ),
    "an unknown change may have been made": (
        last_value,
        [operation(0, math.inf, "set a", None), operation(5, 6, "get", "a")],
    ),
    "an unknown change may not have been made": (
        last_value,
        [operation(0, math.inf, "set a", None), operation(5, 6, "get", "")],
    ),
    "an unknown change may come late": (
        last_value,
        [
            operation(0, math.inf, "set a", None),
            operation(1, 2, "get", ""),
            operation(3, 4, "get", "a"),
        ],
    ),
    "the same value again": (
        first_value,
        [operation(0, 1, "set a", True), operation(2, 3, "set a", True)],
    ),
}
BAD: dict[str, tuple[Step, list[Operation]]] = {
    "a stale read": (
        last_value,
        [operation(0, 1, "set a", True), operation(2, 3, "get", "")],
    ),
    "a value that nobody set": (last_value, [operation(0, 1, "get", "a")]),
    "two reads in the wrong order": (
        last_value,
        [
            operation(0, 10, "set a", True),
            operation(1, 2, "get", "a"),
            operation(3, 4, "get", ""),
        ],
    ),
    "a lost write": (
        last_value,
        [
            operation(0, 1, "set a", True),
            operation(2, 3, "set b", True),
            operation(4, 5, "get", "a"),
        ],
    ),
    "a name for two": (
        only_first,
        [operation(0, 5, "set a", True), operation(1, 4, "set b", True)],
    ),
    "a name for nobody": (
        only_first,
        [operation(0, 5, "set a", False), operation(1, 4, "set b", False)],
    ),
    "a param with a second value": (
        first_value,
        [operation(0, 1, "set a", True), operation(2, 3, "set b", True)],
    ),
    "a number twice": (
        counter,
        [operation(0, 5, "next", 1), operation(1, 4, "next", 1)],
    ),
    "a number left out": (
        counter,
        [operation(0, 1, "next", 1), operation(2, 3, "next", 3)],
    ),
    "logged to what was deleted before": (
        lifecycle,
        [operation(0, 1, "delete", True), operation(2, 3, "log", True)],
    ),
    "an unknown change that comes and goes": (
        last_value,
        [
            operation(0, math.inf, "set a", None),
            operation(1, 2, "get", "a"),
            operation(3, 4, "get", ""),
        ],
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_history_of_one_server_passes(name: str) -> None:
    step, history = GOOD[name]
    assert explain(history, step) == []


@pytest.mark.parametrize("name", BAD)
def test_a_history_of_no_server_is_found(name: str) -> None:
    step, history = BAD[name]
    assert explain(history, step)


def generated(dice: random.Random, count: int, clients: int) -> list[Operation]:
    """A history of one cell that one server answered, with calls that overlap."""
    state, history = "", []
    free = [0.0] * clients
    for instant in range(1, count + 1):
        client = dice.randrange(clients)
        called = max(free[client], instant - dice.random() * clients)
        returned = instant + 0.5 + dice.random() * clients
        if called >= instant:
            continue
        free[client] = returned
        if dice.random() < 0.5:
            state = str(instant)
            history.append(operation(called, returned, f"set {state}", True))
        else:
            history.append(operation(called, returned, "get", state))
    return history


def test_generated_histories_pass_and_a_read_from_elsewhere_fails() -> None:
    for seed in range(30):
        dice = random.Random(seed)
        history = generated(dice, 120, 8)
        assert explain(history, last_value) == []
        reads = [number for number, each in enumerate(history) if each.asked == ("get",)]
        wrong = dice.choice(reads)
        history[wrong] = operation(
            history[wrong].called, history[wrong].returned, "get", "never set"
        )
        assert explain(history, last_value)


ASKED: dict[Step, tuple[list[str], list[object]]] = {
    first_value: (["set a", "set b", "get"], [True, False, "", "a", "b"]),
    only_first: (["set a", "set b", "get"], [True, False, "", "a", "b"]),
    last_value: (["set a", "set b", "get"], [True, "", "a", "b"]),
    counter: (["next", "get"], [0, 1, 2, 3]),
    lifecycle: (["delete", "restore", "get", "log"], [True, False, "", "deleted"]),
}


def has_order(history: list[Operation], step: Step, state: object) -> bool:
    """Whether there is an order, by trying each: the meaning of the checker's answer."""
    if all(each.answer is None for each in history):
        return True
    deadline = min(each.returned for each in history)
    return any(
        has_order([other for other in history if other is not each], step, after)
        for each in history
        if each.called <= deadline
        for after in step(state, each)
    )


@pytest.mark.parametrize("step", ASKED)
def test_the_checker_says_what_trying_every_order_says(step: Step) -> None:
    verdicts = set()
    for seed in range(2000):
        dice = random.Random(seed)
        asked, answers = ASKED[step]
        history = []
        for _ in range(dice.randint(1, 6)):
            called, what = dice.random() * 4, dice.choice(asked)
            known = dice.random() < 0.75
            of_reads = [one for one in answers if not isinstance(one, bool)]
            answer = dice.choice(of_reads if what == "get" else answers)
            returned = called + dice.random() * 2
            history.append(
                operation(called, returned, what, answer)
                if known
                else operation(called, math.inf, what, None)
            )
        verdict = not explain(history, step)
        assert verdict == has_order(history, step, ""), history
        verdicts.add(verdict)
    assert verdicts == {True, False}


def test_a_long_history_with_many_unknown_answers_is_checked_at_once() -> None:
    """Once a storm of ten minutes took all memory there was."""
    dice, history, last = random.Random(0), [], 0
    for instant in range(9000):
        called, returned = instant - dice.random() * 8, instant + dice.random() * 8
        what, known = dice.choice(["next", "get"]), dice.random() < 0.9
        last += what == "next" and (known or dice.random() < 0.5)
        if known:
            history.append(operation(called, returned, what, last))
        elif what == "next":
            history.append(operation(called, math.inf, what, None))
    assert explain(history, counter) == []


def test_a_cell_that_many_unknown_values_may_have_reached_is_checked_at_once() -> None:
    dice, history, state = random.Random(0), [], ""
    for instant in range(400):
        called, returned = instant - dice.random() * 8, instant + dice.random() * 8
        what, known = dice.choice([f"set {instant}", "get"]), dice.random() < 0.8
        if what != "get" and (known or dice.random() < 0.5):
            state = str(instant)
        if known:
            history.append(operation(called, returned, what, state if what == "get" else True))
        elif what != "get":
            history.append(operation(called, math.inf, what, None))
    assert explain(history, last_value) == []
