"""Histories made up by hypothesis: lists of calls, most of them allowed when their turn comes."""

from contextlib import suppress
from typing import NamedTuple

from hypothesis import strategies as st

from eventtrack.clock import ManualClock
from eventtrack.errors import EventtrackError
from eventtrack.store import Store
from eventtrack.views.history.facts import Facts, facts_of
from eventtrack.views.records import (
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Param,
    RunStatus,
    RunTag,
)
from tests.store.machines import dataset

RUNS = [letter * 32 for letter in "abc"]
NAMES = ["x", "y", "z"]


class Operation(NamedTuple):
    """One call: its name, the run or experiment it is about, and up to two values."""

    name: str
    place: int
    key: str
    value: str
    number: int


def operations(names: list[str], longest: int = 25) -> st.SearchStrategy[list[Operation]]:
    """Lists of calls of these names."""
    one = st.builds(
        Operation,
        st.sampled_from(names),
        st.integers(0, 2),
        st.sampled_from(["k", "l", "mlflow.runName"]),
        st.sampled_from(["u", "v", ""]),
        st.integers(0, 2),
    )
    return st.lists(one, max_size=longest)


OF_RUNS = [
    *("create", "update", "rename", "params", "tags", "untag"),
    *("delete", "restore", "artifact", "overwrite"),
]
OF_POINTS = ["points", "batch", "inputs", "outputs", "artifact off"]
OF_EXPERIMENTS = ["make", "name", "tag", "tag off", "hide", "show"]
EVERYTHING = OF_RUNS + OF_POINTS + OF_EXPERIMENTS


def perform(store: Store, clock: ManualClock, operation: Operation) -> None:
    """Make a call; a refusal is as good as an answer."""
    clock.advance(operation.number)
    with suppress(EventtrackError):
        if operation.name in OF_EXPERIMENTS:
            _on_experiment(store, operation)
        elif operation.name in OF_POINTS:
            _on_points(store, operation)
        else:
            _on_run(store, operation)


def _on_run(store: Store, operation: Operation) -> None:
    run_id, (_, _, key, value, number) = RUNS[operation.place], operation
    match operation.name:
        case "create":
            store.runs.create("0", run_id=run_id, run_name=NAMES[number], tags={"k": value})
        case "update":
            end = 1000 + number if value else None
            store.runs.update(run_id, status=RunStatus.ALL[number], end_time=end)
        case "rename":
            store.runs.update(run_id, name=NAMES[number])
        case "params":
            store.runs.log_params(run_id, {key: value, "n": number})
        case "tags":
            store.runs.set_tags(run_id, {key: value, "t": number})
        case "untag":
            store.runs.delete_tag(run_id, key)
        case "delete":
            store.runs.delete(run_id)
        case "restore":
            store.runs.restore(run_id)
        case "artifact":
            store.artifacts.log_bytes(run_id, value.encode(), f"{key}/{number}")
        case "overwrite":
            store.artifacts.log_bytes(run_id, f"{value}{number}".encode(), "same")


def _on_points(store: Store, operation: Operation) -> None:
    run_id, (_, _, key, value, number) = RUNS[operation.place], operation
    match operation.name:
        case "points":
            store.metrics.log(run_id, "m", float(number), number)
        case "batch":
            store.runs.log_batch(
                run_id,
                [Metric(key="m", value=number, timestamp=number)],
                [Param(key=f"p{number}", value=value)],
                [RunTag(key=key, value=value)],
            )
        case "inputs":
            store.runs.log_inputs(
                run_id, [dataset(NAMES[number])], [LoggedModelInput(model_id=key)]
            )
        case "outputs":
            store.runs.log_outputs(run_id, [LoggedModelOutput(model_id=key, step=number)])
        case "artifact off":
            store.artifacts.delete(run_id, "same" if number else key)


def _on_experiment(store: Store, operation: Operation) -> None:
    _, place, key, value, number = operation
    if operation.name == "make":
        store.experiments.create(NAMES[number], tags={key: value} if value else None)
        return
    made = [event.stream[11:] for event in store.events.read(types=["experiment.created"])]
    experiment_id = made[place % len(made)]
    match operation.name:
        case "name":
            store.experiments.rename(experiment_id, NAMES[number])
        case "tag":
            store.experiments.set_tags(experiment_id, {key: value, "t": number})
        case "tag off":
            store.experiments.delete_tag(experiment_id, key)
        case "hide":
            store.experiments.delete(experiment_id)
        case "show":
            store.experiments.restore(experiment_id)


def all_facts(store: Store) -> dict[str, Facts]:
    """What holds of every run and experiment, by stream."""
    streams = {event.stream for event in store.events.read()}
    with store._context.entities() as entities:
        found = {stream: facts_of(entities, entities.reader, stream) for stream in streams}
    return {stream: facts for stream, facts in found.items() if facts}
