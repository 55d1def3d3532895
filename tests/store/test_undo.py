"""Undo: what held before an event holds again after it, and what cannot be undone says why."""

import pytest
from hypothesis import given, settings

from eventtrack.clock import ManualClock
from eventtrack.errors import InvalidStateError, InvalidValueError, NotFoundError
from eventtrack.events.envelope import Draft, encode_groups
from eventtrack.ids import SeededIds
from eventtrack.store import Store
from eventtrack.views.history.events import EventRecord
from eventtrack.views.history.facts import Facts
from eventtrack.views.records import LoggedModelOutput
from tests.store.machines import dataset, refused
from tests.store.operations import (
    OF_EXPERIMENTS,
    OF_RUNS,
    Operation,
    all_facts,
    operations,
    perform,
)


def last(store: Store) -> EventRecord:
    """The newest event."""
    return list(store.events.read())[-1]


def undo_last(store: Store) -> list[str]:
    """Undo the newest event; the types of the events that did it."""
    address = last(store).address
    undone = store.history.undo(address)
    assert {event.cause for event in undone} == {address}
    return [event.type for event in undone]


def same(before: dict[str, Facts], after: dict[str, Facts]) -> None:
    """Demand that `after` is what was before, but for two things that stay.

    What was born is deleted, not unborn; and an end time can be changed, not removed.
    """
    for stream in {*before, *after}:
        old, new = before.get(stream), dict(after[stream])
        if old is None:
            assert new["lifecycle"] == "deleted"
            continue
        if "end_time" not in old:
            new.pop("end_time", None)
        assert new == old, stream


def refusal(store: Store, address: str) -> str:
    """Undo an event; why that cannot be, or nothing."""
    try:
        undone = store.history.undo(address)
    except InvalidStateError as error:
        return error.message
    return "" if {event.cause for event in undone} == {address} else "its cause is missing"


def check_undoing_backwards(store: Store, clock: ManualClock, history: list[Operation]) -> None:
    steps: list[tuple[str, dict[str, Facts]]] = []
    born = [Operation("create", place, "k", "u", place) for place in range(2)]
    for operation in [*born, *history]:
        head, before = store.events.head(), all_facts(store)
        perform(store, clock, operation)
        steps += [(event.address, before) for event in store.events.read(head)]
    for address, before in reversed(steps):
        head = store.events.head()
        reason = refusal(store, address)
        if "another experiment is called" in reason:
            return  # it is deleted by now, but keeps its name
        assert (
            not reason or "end_time can be changed" in reason or "the same value before" in reason
        )
        assert (store.events.head() == head) == bool(reason)
        same(before, all_facts(store))


@settings(max_examples=40, deadline=None)
@given(history=operations([*OF_RUNS, "create"], longest=15))
def test_undoing_what_happened_to_runs_backwards_brings_back_every_earlier_state(
    tmp_path_factory: pytest.TempPathFactory, history: list[Operation]
) -> None:
    clock = ManualClock()
    store = Store(tmp_path_factory.mktemp("undo") / "store", clock=clock, ids=SeededIds("undo"))
    check_undoing_backwards(store, clock, history)
    assert store.maintenance.verify()[0]
    store.close()


@settings(max_examples=25, deadline=None)
@given(history=operations(OF_EXPERIMENTS, longest=15))
def test_undoing_what_happened_to_experiments_backwards_brings_back_every_earlier_state(
    tmp_path_factory: pytest.TempPathFactory, history: list[Operation]
) -> None:
    clock = ManualClock()
    store = Store(tmp_path_factory.mktemp("undo") / "store", clock=clock, ids=SeededIds("undo"))
    check_undoing_backwards(store, clock, history)
    store.close()


def test_an_undo_is_on_record_with_its_cause(store: Store, run_id: str) -> None:
    store.runs.set_tags(run_id, {"t": "a"})
    tagged = last(store)
    (undone,) = store.history.undo(tagged.address)
    assert (undone.type, undone.body, undone.cause) == (
        "run.tag_deleted",
        {"key": "t"},
        tagged.address,
    )
    assert [event.type for event in store.history.timeline(run_id)] == [
        "run.started",
        "run.tags_set",
        "run.tag_deleted",
    ]


def test_a_preview_shows_what_an_undo_would_do_and_does_nothing(store: Store, run_id: str) -> None:
    store.runs.set_tags(run_id, {"t": "a"})
    address, head = last(store).address, store.events.head()
    preview = store.history.inverse(address)
    assert store.events.head() == head
    undone = store.history.undo(address)
    assert [(one.type, one.body, one.cause) for one in preview] == [
        (one.type, one.body, one.cause) for one in undone
    ]


def test_an_undo_can_be_undone(store: Store, run_id: str) -> None:
    store.runs.log_params(run_id, {"p": 1})
    before = store.runs.get(run_id)
    assert undo_last(store) == ["run.params_withdrawn"]
    assert undo_last(store) == ["run.params_corrected"]
    assert store.runs.get(run_id) == before


def test_a_withdrawn_param_may_be_logged_with_another_value(store: Store, run_id: str) -> None:
    store.runs.log_params(run_id, {"p": 1, "q": 1})
    undo_last(store)
    store.runs.log_params(run_id, {"p": 2})
    assert store.runs.get(run_id).data.params == {"p": "2"}
    assert store.runs.search(["0"], "params.q IS NULL AND params.p = '2'")


def test_undoing_a_rename_brings_name_and_tag_back(store: Store, run_id: str) -> None:
    store.runs.update(run_id, name="second")
    store.runs.set_tags(run_id, {"mlflow.runName": "third"})
    undo_last(store)
    run = store.runs.get(run_id)
    assert run.info.run_name == run.data.tags["mlflow.runName"] == "second"


def test_undoing_a_rename_of_a_run_without_a_name_tag_leaves_it_without(
    store: Store, run_id: str
) -> None:
    store.runs.delete_tag(run_id, "mlflow.runName")
    before = store.runs.get(run_id)
    store.runs.update(run_id, name="second")
    undo_last(store)
    assert store.runs.get(run_id) == before
    store.runs.set_tags(run_id, {"mlflow.runName": "second"})
    undo_last(store)
    assert store.runs.get(run_id) == before


def test_undoing_a_file_brings_back_the_one_it_replaced(store: Store, run_id: str) -> None:
    store.artifacts.log_bytes(run_id, b"old", "f")
    store.artifacts.log_bytes(run_id, b"new", "f")
    undo_last(store)
    with store.artifacts.open(run_id, "f") as file:
        assert file.read() == b"old"


def overtaken(store: Store, run_id: str) -> dict[str, str]:
    """Events that a later one has overtaken, by address, each with the reason to be told."""
    reasons: dict[str, str] = {}

    def note(reason: str) -> None:
        reasons[last(store).address] = reason

    store.runs.set_tags(run_id, {"t": "a"})
    note("changed again since")
    store.runs.set_tags(run_id, {"t": "b"})
    store.runs.delete_tag(run_id, "t")
    note("tag.t changed again since")
    store.runs.set_tags(run_id, {"t": "c"})
    store.runs.update(run_id, status="FAILED")
    note("status changed again since")
    store.runs.update(run_id, status="KILLED")
    store.artifacts.log_bytes(run_id, b"1", "f")
    note("artifact.f changed again since")
    store.artifacts.log_bytes(run_id, b"2", "f")
    store.runs.delete(run_id)
    note("lifecycle changed again since")
    store.runs.restore(run_id)
    store.experiments.set_tag("0", "t", "a")
    note("changed again since")
    store.experiments.delete_tag("0", "t")
    note("changed again since")
    store.experiments.set_tag("0", "t", "b")
    store.experiments.rename("0", "x")
    note("name changed again since")
    store.experiments.rename("0", "y")
    store.experiments.delete("0")
    note("lifecycle changed again since")
    store.experiments.restore("0")
    return reasons


def test_what_a_later_event_has_overtaken_cannot_be_undone(store: Store, run_id: str) -> None:
    for address, reason in overtaken(store, run_id).items():
        with refused(store, InvalidStateError, reason):
            store.history.undo(address)
        with refused(store, InvalidStateError, reason):
            store.history.inverse(address)


def test_an_experiment_does_not_get_back_a_name_that_another_has_now(store: Store) -> None:
    experiment_id = store.experiments.create("a")
    store.experiments.rename(experiment_id, "b")
    address = last(store).address
    store.experiments.create("a")
    with refused(store, InvalidStateError, "another experiment is called 'a' now"):
        store.history.undo(address)


def irreversible(store: Store, run_id: str) -> dict[str, str]:
    """Events that have no inverse, by address, each with the reason to be told."""
    reasons: dict[str, str] = {}
    reasons["1.0"] = "nothing is known of session/"
    store.metrics.log(run_id, "m", 1.0)
    store.flush()
    reasons[last(store).address] = "points of a metric stay"
    store.metrics.sink(run_id).log_many({"m": 1.0})
    store.flush()
    reasons[last(store).address] = "points of a metric stay"
    store.runs.log_inputs(run_id, [dataset("d")])
    reasons[last(store).address] = "stays on record"
    store.runs.log_outputs(run_id, [LoggedModelOutput(model_id="m")])
    reasons[last(store).address] = "stays on record"
    store.artifacts.log_bytes(run_id, b"", "f")
    store.artifacts.delete(run_id, "f")
    reasons[last(store).address] = "their bytes may be gone"
    store.runs.update(run_id, end_time=5)
    reasons[last(store).address] = "end_time can be changed, not removed"
    body = encode_groups([("run.dreamt", 1, [b"\x90"])])
    store._engine.execute(lambda reader: (None, [Draft(f"run/{run_id}", body, 1)]))
    reasons[last(store).address] = "knows no inverse"
    body = encode_groups([("model.made", 1, [b"\x90"])])
    store._engine.execute(lambda reader: (None, [Draft("model/m", body, 1)]))
    reasons[last(store).address] = "nothing is known of model/m"
    return reasons


def test_what_cannot_be_undone_says_why(store: Store, run_id: str) -> None:
    for address, reason in irreversible(store, run_id).items():
        with refused(store, InvalidStateError, reason):
            store.history.undo(address)


def test_a_file_that_was_written_over_in_its_location_does_not_come_back(
    store: Store, tmp_path_factory: pytest.TempPathFactory
) -> None:
    location = str(tmp_path_factory.mktemp("files"))
    experiment_id = store.experiments.create("own", artifact_location=location)
    run_id = store.runs.create(experiment_id).info.run_id
    store.artifacts.log_bytes(run_id, b"old", "f")
    store.artifacts.log_bytes(run_id, b"new", "f")
    with refused(store, InvalidStateError, "was written over"):
        store.history.undo(last(store).address)


def test_a_position_of_several_events_wants_one_of_them_named(store: Store, run_id: str) -> None:
    store.runs.log_batch(run_id)
    store.artifacts.log_bytes(run_id, b"", "f")
    for step in range(2):
        store.metrics.log(run_id, "m", 1.0, step)
    position = store.events.head()
    with refused(store, InvalidStateError, f"position {position} holds 2 events"):
        store.history.undo(str(position))


def test_a_position_of_one_event_is_address_enough(store: Store, run_id: str) -> None:
    store.runs.set_tags(run_id, {"t": "a"})
    store.history.undo(str(store.events.head()))
    assert "t" not in store.runs.get(run_id).data.tags


def test_what_is_no_event_cannot_be_undone(store: Store) -> None:
    with refused(store, NotFoundError):
        store.history.undo("999")
    with refused(store, InvalidValueError):
        store.history.undo("x")


def test_undoing_a_birth_deletes_and_undoing_that_restores(store: Store, run_id: str) -> None:
    assert undo_last(store) == ["run.deleted"]
    assert undo_last(store) == ["run.restored"]
    assert undo_last(store) == ["run.deleted"]
    experiment_id = store.experiments.create("a")
    assert undo_last(store) == ["experiment.deleted"]
    assert undo_last(store) == ["experiment.restored"]
    assert store.experiments.get(experiment_id).lifecycle_stage == "active"


def test_where_an_alias_points_to_and_a_stage_are_undone(store: Store) -> None:
    registry = store.registry
    registry.create("m")
    for _ in range(2):
        registry.create_version("m", "s3://b/m")
    registry.set_alias("m", "champion", 1)
    registry.set_alias("m", "champion", 2)
    registry.set_stage("m", 1, "Staging")
    registry.set_stage("m", 1, "Production")
    first, second = store.events.read(types=["registered.alias_set"])
    with refused(store, InvalidStateError, "alias.champion changed again since"):
        store.history.undo(first.address)
    store.history.undo(second.address)
    assert registry.get("m").aliases == {"champion": 1}
    registry.delete_alias("m", "champion")
    [gone] = store.events.read(types=["registered.alias_deleted"])
    store.history.undo(gone.address)
    assert registry.get("m").aliases == {"champion": 1}
    staged = list(store.events.read(types=["registered.version_staged"]))
    store.history.undo(staged[-1].address)
    assert registry.get_version("m", 1).current_stage == "Staging"
    store.history.undo(staged[0].address)
    assert registry.get_version("m", 1).current_stage == "None"


def test_an_undo_within_a_batch_names_what_it_recorded(store: Store, run_id: str) -> None:
    store.runs.set_tags(run_id, {"stage": "draft"})
    event = last(store)
    with store.batch():
        undone = store.history.undo(event.address)
    assert [(each.type, each.cause) for each in undone] == [("run.tag_deleted", event.address)]
    assert last(store).address == undone[0].address
