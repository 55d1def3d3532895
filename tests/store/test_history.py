"""Timelines, and blame: who set each fact, and what it was before."""

import pytest
from hypothesis import given, settings

from eventtrack.clock import ManualClock
from eventtrack.errors import NotFoundError
from eventtrack.ids import SeededIds
from eventtrack.store import Store
from eventtrack.views.history.blame import BlameLine
from eventtrack.views.records import LoggedModelInput, LoggedModelOutput
from tests.store.machines import dataset, exchange, refused, types_of
from tests.store.operations import (
    OF_POINTS,
    OF_RUNS,
    RUNS,
    Operation,
    all_facts,
    operations,
    perform,
)


def rows(lines: list[BlameLine]) -> list[tuple[str, str | None, str | None]]:
    return [(line.fact, line.before, line.after) for line in lines]


def test_a_timeline_is_every_event_of_a_run_and_no_other(store: Store, run_id: str) -> None:
    neighbour = store.runs.create("0").info.run_id
    store.runs.log_params(run_id, {"p": 1})
    store.runs.log_params(neighbour, {"p": 1})
    store.metrics.log(run_id, "m", 1.0)
    store.runs.update(run_id, status="FINISHED")
    timeline = store.history.timeline(run_id)
    assert types_of(store, run_id) == [
        "run.started",
        "run.params_logged",
        "run.metric_logged",
        "run.updated",
    ]
    assert timeline == list(store.events.read(stream=f"run/{run_id}"))


def test_a_deleted_run_keeps_its_timeline(store: Store, run_id: str) -> None:
    store.runs.delete(run_id)
    assert types_of(store, run_id) == ["run.started", "run.deleted"]


def test_an_unknown_run_has_no_history(store: Store) -> None:
    with refused(store, NotFoundError):
        store.history.timeline("f" * 32)
    with refused(store, NotFoundError):
        store.history.blame("f" * 32)


def test_blame_tells_each_change_of_a_fact_with_what_was_before(store: Store) -> None:
    run_id = store.runs.create("0", run_name="n", start_time=1).info.run_id
    store.runs.set_tags(run_id, {"t": "a"})
    store.runs.set_tags(run_id, {"t": "b"})
    store.runs.delete_tag(run_id, "t")
    assert rows(store.history.blame(run_id, "tag.t")) == [
        ("tag.t", None, "a"),
        ("tag.t", "a", "b"),
        ("tag.t", "b", None),
    ]


def test_blame_takes_a_fact_or_the_name_behind_its_kind(store: Store, run_id: str) -> None:
    store.runs.log_params(run_id, {"k": 1})
    store.runs.set_tags(run_id, {"k": 2})
    assert [line.fact for line in store.history.blame(run_id, "k")] == ["param.k", "tag.k"]
    assert [line.fact for line in store.history.blame(run_id, "param.k")] == ["param.k"]
    assert store.history.blame(run_id, "none") == []


def test_blame_knows_every_type_of_event_of_a_run(store: Store, run_id: str) -> None:
    store.runs.update(run_id, status="FAILED", end_time=5, name="second")
    store.runs.log_params(run_id, {"p": 1})
    store.history.undo(str(store.events.head()))
    store.runs.set_tags(run_id, {"mlflow.runName": "third"})
    store.runs.delete_tag(run_id, "mlflow.runName")
    store.metrics.log(run_id, "m", 0.5, 2)
    store.metrics.sink(run_id).log_many({"m": 1.5}, 3)
    store.runs.log_inputs(run_id, [dataset("d", "digest")], [LoggedModelInput(model_id="in")])
    store.runs.log_outputs(run_id, [LoggedModelOutput(model_id="out")])
    store.artifacts.log_bytes(run_id, b"x", "f")
    store.artifacts.delete(run_id, "f")
    store.runs.delete(run_id)
    store.runs.restore(run_id)
    sha256 = "2d711642b726"
    assert rows(store.history.blame(run_id)) == [
        ("experiment", None, "0"),
        ("user", None, ""),
        ("start_time", None, str(ManualClock().now_ms())),
        ("lifecycle", None, "active"),
        ("name", None, "first"),
        ("status", None, "RUNNING"),
        ("tag.mlflow.runName", None, "first"),
        ("status", "RUNNING", "FAILED"),
        ("end_time", None, "5"),
        ("name", "first", "second"),
        ("tag.mlflow.runName", "first", "second"),
        ("param.p", None, "1"),
        ("param.p", "1", None),
        ("tag.mlflow.runName", "second", "third"),
        ("name", "second", "third"),
        ("tag.mlflow.runName", "third", None),
        ("metric.m", None, "0.5 (step 2)"),
        ("metric.m", "0.5 (step 2)", "1.5 (step 3)"),
        ("input.d", None, "digest"),
        ("input.model.in", None, "in"),
        ("output.model.out", None, "out"),
        ("artifact.f", None, f"1 bytes, sha256 {sha256}"),
        ("artifact.f", f"1 bytes, sha256 {sha256}", None),
        ("lifecycle", "active", "deleted"),
        ("lifecycle", "deleted", "active"),
    ]


def test_blame_knows_what_a_birth_says(store: Store) -> None:
    run_id = store.runs.create("0", user_id="ada", start_time=7).info.run_id
    assert rows(store.history.blame(run_id, "user")) == [("user", None, "ada")]
    assert rows(store.history.blame(run_id, "start_time")) == [("start_time", None, "7")]
    experiment_id = store.experiments.create("own", artifact_location="s3://bucket/own")
    assert rows(store.history.blame(f"experiment/{experiment_id}", "artifact_location")) == [
        ("artifact_location", None, "s3://bucket/own")
    ]


def test_a_run_goes_with_its_experiment_and_blame_says_so(store: Store) -> None:
    experiment_id = store.experiments.create("short")
    run_id = store.runs.create(experiment_id).info.run_id
    store.experiments.delete(experiment_id)
    lines = store.history.blame(run_id, "lifecycle")
    assert rows(lines) == [("lifecycle", None, "active"), ("lifecycle", "active", "deleted")]
    assert lines[-1].event.type == "experiment.deleted"


def test_a_claim_that_lost_changes_nothing_in_blame(
    store: Store, other: Store, clock: ManualClock
) -> None:
    run_id = store.runs.create("0").info.run_id
    exchange(store, other)
    for machine in (other, store):
        clock.advance(1)
        machine.runs.log_params(run_id, {"p": machine.path.name})
    exchange(store, other)
    assert rows(store.history.blame(run_id, "p")) == [
        ("param.p", None, "other"),
        ("param.p", "other", "other"),
    ]


def test_blame_names_the_session_and_the_event(store: Store, other: Store) -> None:
    run_id = store.runs.create("0").info.run_id
    exchange(store, other)
    other.runs.set_tags(run_id, {"t": "theirs"})
    exchange(store, other)
    (line,) = store.history.blame(run_id, "t")
    assert line.session is not None
    assert line.session.session_id == line.event.session
    assert line.event.replica == other.stats().replica
    assert store.events.get(line.event.address) == [line.event]


def test_blame_follows_recorded_time_not_arrival(
    store: Store, other: Store, clock: ManualClock
) -> None:
    run_id = store.runs.create("0").info.run_id
    exchange(store, other)
    clock.advance(1)
    other.runs.set_tags(run_id, {"t": "earlier"})
    clock.advance(1)
    store.runs.set_tags(run_id, {"t": "later"})
    exchange(store, other)
    for one in (store, other):
        assert [line.after for line in one.history.blame(run_id, "t")] == ["earlier", "later"]
        assert one.runs.get(run_id).data.tags["t"] == "later"


BIRTH = Operation("create", 0, "k", "u", 0)
FACTS = ("param.", "tag.", "status", "name", "end_time", "lifecycle", "artifact.", "input.")


@settings(max_examples=30, deadline=None)
@given(history=operations([*OF_RUNS, *OF_POINTS]))
def test_the_last_line_of_blame_is_what_holds(
    tmp_path_factory: pytest.TempPathFactory, history: list[Operation]
) -> None:
    clock = ManualClock()
    store = Store(tmp_path_factory.mktemp("blame") / "store", clock=clock, ids=SeededIds("blame"))
    for operation in [BIRTH, *history]:
        perform(store, clock, operation)
    for run_id in RUNS:
        facts = all_facts(store).get(f"run/{run_id}")
        if facts is None:
            continue
        values: dict[str, str | None] = {"lifecycle": "active"}
        for line in store.history.blame(run_id):
            assert line.before == values.get(line.fact) or line.fact == "lifecycle"
            values[line.fact] = line.after
        held = {fact: value for fact, value in values.items() if value is not None}
        assert {fact: text for fact, text in held.items() if fact.startswith(FACTS)} == {
            fact: text for fact, text in facts.items() if fact.startswith(FACTS)
        }
    store.close()
