"""The store as it was: at a position, at a time, and what differs between two moments."""

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings

from eventtrack.clock import ManualClock
from eventtrack.errors import EventtrackError, InvalidValueError, NotFoundError
from eventtrack.ids import SeededIds
from eventtrack.store import Moment, Store
from eventtrack.views.history.facts import Facts
from tests.store.machines import refused
from tests.store.operations import (
    EVERYTHING,
    RUNS,
    Operation,
    all_facts,
    operations,
    perform,
)


def iso(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat()


def test_positions_and_times_answer_for_then(store: Store, run_id: str, clock: ManualClock) -> None:
    store.runs.log_params(run_id, {"p": 1})
    position, time_ms = store.events.head(), clock.now_ms()
    clock.advance(1)
    store.runs.set_tags(run_id, {"t": 1})
    store.runs.delete(run_id)
    for moment in (str(position), iso(time_ms), Moment(position=position)):
        with store.at(moment) as then:
            assert then.position == position
            run = then.runs.get(run_id)
            assert (run.info.lifecycle_stage, run.data.params) == ("active", {"p": "1"})
            assert "t" not in run.data.tags
            assert len(then.runs.search(["0"])) == 1
    with store.at("now") as then:
        assert then.runs.get(run_id) == store.runs.get(run_id)
        assert then.digest() == store.maintenance.digest()


def test_before_everything_there_is_nothing(store: Store, run_id: str) -> None:
    for moment in ("0", "1970-01-02"):
        with store.at(moment) as then:
            assert then.position == 0
            assert then.experiments.search() == []
            with pytest.raises(NotFoundError):
                then.runs.get(run_id)


def test_beyond_the_head_is_now(store: Store, run_id: str) -> None:
    with store.at("999999999999999999999") as then:
        assert then.runs.get(run_id) == store.runs.get(run_id)


def test_points_still_in_the_journal_belong_to_now(store: Store, run_id: str) -> None:
    store.metrics.log(run_id, "m", 1.0, 1, 1)
    with store.at("now") as then:
        assert then.metrics.arrays(run_id, "m").steps.tolist() == [1]
        assert then.metrics.keys(run_id) == ["m"]


def test_artifacts_of_then_can_be_read(store: Store, run_id: str) -> None:
    store.artifacts.log_bytes(run_id, b"old", "f")
    head = store.events.head()
    store.artifacts.log_bytes(run_id, b"new", "f")
    with store.at(str(head)) as then, then.artifacts.open(run_id, "f") as file:
        assert file.read() == b"old"


COMMANDS = {
    "artifacts": {"begin", "delete", "log_bytes", "log_file", "log_folder"},
    "datasets": {"create", "delete", "set_tags", "merge_records", "delete_records"},
    "experiments": {"create", "delete", "ensure_default", "rename", "restore", "set_tags"},
    "metrics": {"log", "prepare", "record", "sink"},
    "models": {"create", "delete", "finalize", "log_params", "set_tags"},
    "registry": {"create", "create_version", "delete", "rename", "set_alias", "set_stage"},
    "runs": {"create", "delete", "log_batch", "log_params", "restore", "set_tags", "update"},
    "scorers": {"delete", "register"},
    "traces": {"delete", "log_spans", "link_run", "record", "set_tag"},
}


@pytest.mark.parametrize("noun", COMMANDS)
def test_a_moment_answers_questions_and_has_no_commands(store: Store, noun: str) -> None:
    with store.at("now") as then:
        now_has, then_has = public(getattr(store, noun)), public(getattr(then, noun))
    assert now_has > then_has
    assert COMMANDS[noun] <= now_has - then_has


def public(thing: object) -> set[str]:
    return {name for name in dir(thing) if not name.startswith("_")}


def test_types_say_that_a_moment_has_no_commands(store: Store, run_id: str) -> None:
    """Each remark here silences a fault; if there were no fault, mypy would refuse the remark."""
    with store.at("now") as then, pytest.raises(AttributeError):
        then.runs.create("0")  # type: ignore[attr-defined]
    with store.at("now") as then, pytest.raises(AttributeError):
        then.metrics.log(run_id, "m", 1.0)  # type: ignore[attr-defined]
    with store.at("now") as then, pytest.raises(AttributeError):
        then.traces.assessments.delete("t", "a")  # type: ignore[attr-defined]
    with store.at("now") as then, pytest.raises(AttributeError):
        then.models.artifacts.log_bytes("m", b"x", "f")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "text", ["", "tomorrow", "-1", "1.5", "2026-13-01", "1" * 5000, "0001-01-01", "²"]
)
def test_what_is_no_moment_is_refused(store: Store, text: str) -> None:
    with refused(store, InvalidValueError, "is no moment"), store.at(text):
        pass


def test_a_time_means_all_of_its_millisecond() -> None:
    start = 1_700_000_000_000
    for milliseconds in range(1000):
        for rest in ("", "001", "999"):
            text = f"2023-11-14T22:13:20.{milliseconds:03}{rest}+00:00"
            assert Moment.parse(text).time_ms == start + milliseconds, text


def test_a_moment_prints_as_it_is_read() -> None:
    for text in ("17", "now"):
        assert str(Moment.parse(text)) == text
    moment = Moment.parse("2026-05-03T14:00:00.123+02:00")
    assert Moment.parse(str(moment)).time_ms == moment.time_ms


class Recorded:
    """A store with what it was after each call of a history."""

    def __init__(self, store: Store, clock: ManualClock, history: list[Operation]) -> None:
        self.at_position: dict[int, tuple[str, dict[str, Facts]]] = {}
        self.at_time: dict[int, str] = {}
        for operation in history:
            perform(store, clock, operation)
            digest = store.maintenance.digest()
            self.at_position[store.events.head()] = digest, all_facts(store)
            self.at_time[clock.now_ms()] = digest


@settings(max_examples=25, deadline=None)
@given(history=operations(EVERYTHING, longest=12))
def test_every_moment_is_folded_into_what_the_store_was_then(
    tmp_path_factory: pytest.TempPathFactory, history: list[Operation]
) -> None:
    clock = ManualClock()
    store = Store(tmp_path_factory.mktemp("at") / "store", clock=clock, ids=SeededIds("at"))
    recorded = Recorded(store, clock, history)
    for position, (digest, _) in recorded.at_position.items():
        with store.at(str(position)) as then:
            assert (then.digest(), then.position) == (digest, position)
    for time_ms, digest in recorded.at_time.items():
        with store.at(iso(time_ms)) as then:
            assert then.digest() == digest
    assert store.maintenance.verify()[0]
    store.close()


def changed(before: Facts, after: Facts) -> list[tuple[str, str | None, str | None]]:
    facts = sorted({*before, *after})
    rows = [(fact, before.get(fact), after.get(fact)) for fact in facts]
    return [row for row in rows if row[1] != row[2]]


@settings(max_examples=20, deadline=None)
@given(history=operations(EVERYTHING, longest=12))
def test_a_difference_is_what_one_must_change_to_get_from_one_moment_to_the_other(
    tmp_path_factory: pytest.TempPathFactory, history: list[Operation]
) -> None:
    clock = ManualClock()
    store = Store(tmp_path_factory.mktemp("diff") / "store", clock=clock, ids=SeededIds("diff"))
    moments = sorted(Recorded(store, clock, history).at_position.items())
    for (older, (_, before)), (newer, (_, after)) in pairwise(moments):
        wanted = [
            (stream, *row)
            for stream in sorted({*before, *after})
            for row in changed(before.get(stream, {}), after.get(stream, {}))
        ]
        found = store.history.diff(str(older), str(newer))
        assert [(one.subject, one.fact, one.before, one.after) for one in found] == wanted
        for one in found:
            kinds = {(True, False): "added", (False, True): "removed", (False, False): "changed"}
            assert one.kind == kinds[one.before is None, one.after is None]
    store.close()


def test_a_difference_turned_round_is_its_opposite(store: Store, run_id: str) -> None:
    head = store.events.head()
    store.runs.set_tags(run_id, {"t": "a"})
    (forth,) = store.history.diff(str(head), "now")
    (back,) = store.history.diff("now", str(head))
    assert (forth.kind, forth.before, forth.after) == ("added", None, "a")
    assert (back.kind, back.before, back.after) == ("removed", "a", None)
    assert store.history.diff("now", "now") == []


def test_runs_go_and_come_back_with_their_experiment(store: Store) -> None:
    """Their own streams are not touched: the change is the experiment's, and its author's."""
    experiment_id = store.experiments.create("e")
    run_id = store.runs.create(experiment_id).info.run_id
    before = str(store.events.head())
    store.experiments.delete(experiment_id)
    [event] = store.events.get(str(store.events.head()))
    gone = store.history.diff(before, "now")
    assert [(one.subject, one.fact, one.after) for one in gone] == [
        (f"experiment/{experiment_id}", "lifecycle", "deleted"),
        (f"run/{run_id}", "lifecycle", "deleted"),
    ]
    assert {one.address for one in gone} == {event.address}
    [only] = [
        one for group in store.history.changes(before, "now", subject=run_id) for one in group
    ]
    assert only == gone[1]
    store.experiments.restore(experiment_id)
    store.runs.set_tags(run_id, {"t": "a"})
    assert [one.fact for one in store.history.diff(before, "now")] == ["tag.t"]
    store.runs.delete(run_id)
    of_run = store.history.diff(before, "now")[0]
    assert (of_run.subject, of_run.fact) == (f"run/{run_id}", "lifecycle")
    assert of_run.address == f"{store.events.head()}.0"


def test_two_runs_differ_by_their_facts(store: Store) -> None:
    for run_id, rate in zip(RUNS, (1, 2), strict=False):
        store.runs.create("0", run_id=run_id, run_name="same", start_time=1)
        store.runs.log_params(run_id, {"rate": rate, "same": 0})
    (change,) = store.history.diff_runs(RUNS[0], RUNS[1])
    assert (change.kind, change.fact) == ("changed", "param.rate")
    assert (change.before, change.after) == ("1", "2")
    with pytest.raises(EventtrackError):
        store.history.diff_runs(RUNS[0], RUNS[2])
