"""Corrected params: another value counts, the old one stays on record, and undo brings it back."""

import pytest

from eventtrack.clock import ManualClock
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.store import Store
from tests.store.machines import exchange, refused


def value_of(store: Store, run_id: str) -> str | None:
    """The run's learning rate."""
    return store.runs.get(run_id).data.params.get("lr")


@pytest.fixture
def logged(store: Store, run_id: str) -> str:
    """A run with a param."""
    store.runs.log_params(run_id, {"lr": "0.1"})
    return run_id


def test_a_corrected_param_has_its_new_value_everywhere(store: Store, logged: str) -> None:
    before = str(store.events.head())
    store.corrections.correct_param(logged, "lr", 0.01, "the old default")
    assert value_of(store, logged) == "0.01"
    assert len(store.runs.search(["0"], "params.lr = '0.01'")) == 1
    assert store.runs.search(["0"], "params.lr = '0.1'") == []
    [line] = store.history.blame(logged, "param.lr")[1:]
    assert (line.before, line.after, line.event.reason) == ("0.1", "0.01", "the old default")
    with store.at(before) as then:
        assert then.runs.get(logged).data.params == {"lr": "0.1"}
    [change] = store.history.diff(before, "now")
    assert (change.before, change.after, change.reason) == ("0.1", "0.01", "the old default")


def test_logging_goes_on_refusing_another_value(store: Store, logged: str) -> None:
    store.corrections.correct_param(logged, "lr", "0.01", "a test")
    with refused(store, InvalidValueError, "Changing param values is not allowed"):
        store.runs.log_params(logged, {"lr": "0.1"})
    store.runs.log_params(logged, {"lr": "0.01"})


def test_a_correction_is_undone_and_done_again(store: Store, logged: str) -> None:
    store.corrections.correct_param(logged, "lr", "0.01", "a test")
    [undone] = store.history.undo(f"{store.events.head()}.0")
    assert value_of(store, logged) == "0.1"
    store.history.undo(undone.address)
    assert value_of(store, logged) == "0.01"


def test_what_cannot_be_corrected_says_why(store: Store, logged: str) -> None:
    with refused(store, NotFoundError, "no param 'depth'"):
        store.corrections.correct_param(logged, "depth", 3, "a test")
    with refused(store, InvalidValueError, "reason"):
        store.corrections.correct_param(logged, "lr", 3, " ")
    with refused(store, InvalidValueError, "reason"):
        store.corrections.correct_param(logged, "lr", 3, None)  # type: ignore[arg-type]
    head = store.events.head()
    store.corrections.correct_param(logged, "lr", "0.1", "it is right")
    assert store.events.head() == head
    store.runs.delete(logged)
    with refused(store, InvalidValueError, "active"):
        store.corrections.correct_param(logged, "lr", 3, "a test")


def test_the_last_correction_holds_on_every_machine(
    store: Store, other: Store, clock: ManualClock, logged: str
) -> None:
    exchange(store, other)
    store.corrections.correct_param(logged, "lr", "0.02", "first")
    clock.advance(5)
    other.corrections.correct_param(logged, "lr", "0.03", "second")
    exchange(store, other)
    assert value_of(store, logged) == value_of(other, logged) == "0.03"
    assert store.maintenance.digest() == other.maintenance.digest()


def test_a_value_that_a_rank_logs_later_is_a_rival_and_does_not_count(
    store: Store, other: Store, clock: ManualClock
) -> None:
    run_id = store.runs.create("0").info.run_id
    exchange(store, other)
    store.runs.log_params(run_id, {"lr": "0.1"})
    store.corrections.correct_param(run_id, "lr", "0.01", "a test")
    clock.advance(5)
    other.runs.log_params(run_id, {"lr": "0.1"})  # it does not know of the correction
    exchange(store, other)
    assert value_of(store, run_id) == value_of(other, run_id) == "0.01"
    [conflict] = store.conflicts()
    assert conflict.fact == "param.lr"
