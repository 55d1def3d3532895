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
