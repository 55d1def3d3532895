"""Forks: runs whose histories begin with those of others, by reference."""

import pytest

from eventtrack.errors import InvalidStateError, InvalidValueError, NotFoundError
from eventtrack.store import Store
from eventtrack.store.reasons import reason
from eventtrack.tags import FORKED_TAG, PARENT_TAG
from eventtrack.views.records import Metric
from tests.store.machines import exchange, refused, send
from tests.store.test_withdrawals import log, steps


def values(store: Store, run_id: str, key: str = "loss") -> list[float]:
    return list(store.metrics.arrays(run_id, key).values)


def replica_of(store: Store) -> bytes:
    return store._engine.log.replica


def test_a_fork_begins_with_the_points_up_to_its_step(store: Store, run_id: str) -> None:
    log(store, run_id, range(6))
    log(store, run_id, range(2), "acc")
    fork = store.forks.fork(run_id, 3)
    assert steps(store, fork) == [0, 1, 2, 3]
    assert store.runs.get(fork).data.metrics == {"loss": 3.0, "acc": 1.0}
    log(store, fork, range(4, 6), add=0.5)
    assert values(store, fork) == [0.0, 1.0, 2.0, 3.0, 4.5, 5.5]
    assert values(store, run_id) == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    history = store.metrics.history(fork, "loss", max_results=5)
    assert [(point.step, point.run_id) for point in history] == [(at, fork) for at in range(5)]
    assert {point.key: point.step for point in store.metrics.latest(fork)} == {"acc": 1, "loss": 5}


def test_what_becomes_of_the_run_later_does_not_change_the_fork(store: Store, run_id: str) -> None:
    log(store, run_id, range(6))
    store.metrics.withdraw(run_id, ["loss"], 1, 1)
    fork = store.forks.fork(run_id, 4)
    assert steps(store, fork) == [0, 2, 3, 4]
    store.metrics.rewind(run_id, 0)
    log(store, run_id, range(1, 5), add=0.5)
    [withdrawal, *_] = store.events.read(types=["run.points_withdrawn"])
    store.history.undo(withdrawal.address)
    assert values(store, fork) == [0.0, 2.0, 3.0, 4.0]
    store.runs.delete(run_id)
    assert values(store, fork) == [0.0, 2.0, 3.0, 4.0]
    assert store.maintenance.verify()[0]


def test_a_fork_is_rewound_below_its_beginning(store: Store, run_id: str) -> None:
    log(store, run_id, range(6))
    fork = store.forks.fork(run_id, 4)
    log(store, fork, range(5, 7))
    store.metrics.rewind(fork, 2)
    log(store, fork, range(3, 4), add=0.5)
    assert values(store, fork) == [0.0, 1.0, 2.0, 3.5]
    assert values(store, run_id) == [float(step) for step in range(6)]


def test_forks_of_forks_have_the_points_of_all_ancestors(store: Store, run_id: str) -> None:
    log(store, run_id, range(4))
    first = store.forks.fork(run_id, 2)
    log(store, first, range(3, 6), add=0.25)
    second = store.forks.fork(first, 4)
    log(store, second, range(5, 6), add=0.5)
    third = store.forks.fork(second, 1)
    assert values(store, second) == [0.0, 1.0, 2.0, 3.25, 4.25, 5.5]
    assert values(store, third) == [0.0, 1.0]
    assert store.maintenance.verify()[0]


def test_params_and_tags_are_inherited_as_chosen(store: Store, run_id: str) -> None:
    store.runs.log_params(run_id, {"lr": "0.1"})
    store.runs.set_tags(
        run_id, {"team": "a", "mlflow.source.name": "x", "mlflow.note.content": "n"}
    )
    fork = store.runs.get(store.forks.fork(run_id, 3, run_name="mine")).data
    assert fork.params == {"lr": "0.1"}
    assert fork.tags == {
        "team": "a",
        "mlflow.note.content": "n",
        "mlflow.runName": "mine",
        PARENT_TAG: run_id,
        FORKED_TAG: f"{run_id}@3",
    }
    bare = store.runs.get(store.forks.fork(run_id, params=False, tags=False)).data
    assert bare.params == {}
    assert set(bare.tags) == {"mlflow.runName", PARENT_TAG, FORKED_TAG}
    [[_, depth], *_] = [row for row in store.runs.tree("0") if row[0].info.run_name == "mine"]
    assert depth == 1


def test_searches_and_orders_know_the_latest_points_of_forks(store: Store, run_id: str) -> None:
    log(store, run_id, range(6))
    inherits = store.forks.fork(run_id, 3)
    goes_on = store.forks.fork(run_id, 3)
    log(store, goes_on, range(4, 5), add=0.5)

    def found(filter_string: str, order: str = "") -> list[str]:
        runs = store.runs.search(["0"], filter_string, order_by=[order] if order else None)
        return [run.info.run_id for run in runs]

    assert found("metrics.loss = 3") == [inherits]
    assert found("metrics.loss > 4 AND metrics.loss < 5") == [goes_on]
    assert set(found("metrics.loss IS NOT NULL")) == {run_id, inherits, goes_on}
    assert found("metrics.loss != 5", "metrics.loss DESC") == [goes_on, inherits]
    assert found("", "metrics.loss ASC") == [inherits, goes_on, run_id]
    store.metrics.rewind(inherits, -1)
    assert found("metrics.loss IS NULL") == [inherits]


def test_moments_show_forks_as_they_were(store: Store, run_id: str) -> None:
    log(store, run_id, range(6))
    fork = store.forks.fork(run_id, 3)
    before, digest = store.events.head(), store.maintenance.digest()
    log(store, fork, range(4, 6), add=0.5)
    store.metrics.rewind(run_id, 1)
    with store.at(str(before)) as then:
        assert list(then.metrics.arrays(fork, "loss").steps) == [0, 1, 2, 3]
        assert then.runs.get(fork).data.metrics == {"loss": 3.0}
        assert then.digest() == digest


def test_a_fork_that_came_before_its_run_shows_its_points_once_they_come(
    store: Store, other: Store, run_id: str
) -> None:
    log(store, run_id, range(4))
    send(store, other)
    fork = other.forks.fork(run_id, 2)
    log(other, fork, range(3, 5), add=0.5)
    log(store, run_id, range(1), add=0.25)  # not seen there
    third = Store(store.path.parent / "third")
    own = [it for it in other._engine.log.read(0, 1000) if it.header.replica == replica_of(other)]
    third._engine.log.transact(lambda txn: [txn.append_foreign(it.data) for it in own])
    assert steps(third, fork) == [3, 4]
    send(store, third)
    exchange(store, other)
    for machine in (store, other, third):
        assert values(machine, fork) == [0.0, 1.0, 2.0, 3.5, 4.5]
    assert store.maintenance.digest() == other.maintenance.digest()
    third.close()


def test_erasing_the_points_of_a_run_erases_them_in_its_forks(
    store: Store, other: Store, run_id: str
) -> None:
    log(store, run_id, range(4))
    fork = store.forks.fork(run_id, 2)
    log(store, fork, range(3, 4), add=0.5)
    exchange(store, other)
    store.redaction.redact_envelopes(store.feeds.of_stream(f"run/{run_id}"), "a secret")
    assert values(store, fork) == [3.5]
    send(store, other)
    assert values(other, fork) == [3.5]
    assert store.maintenance.digest() == other.maintenance.digest()


def test_gc_keeps_the_run_of_a_fork(store: Store, run_id: str) -> None:
    log(store, run_id, range(4))
    fork = store.forks.fork(run_id, 2)
    store.runs.delete(run_id)
    [kept] = store.garbage.find().kept
    assert (kept.id, kept.reason) == (run_id, f"run {fork} names it")
    store.runs.delete(fork)
    assert {thing.id for thing in store.garbage.find().garbage} == {run_id, fork}


def test_gc_keeps_all_ancestors_of_a_fork(store: Store, run_id: str) -> None:
    log(store, run_id, range(4))
    middle = store.forks.fork(run_id)
    last = store.forks.fork(middle)
    store.runs.delete(run_id)
    store.runs.delete(middle)
    assert store.garbage.find().garbage == []
    store.runs.delete(last)
    assert {thing.id for thing in store.garbage.find().garbage} == {run_id, middle, last}


def test_columns_have_metrics_that_a_fork_only_inherits(store: Store, run_id: str) -> None:
    log(store, run_id, range(4), "acc")
    elsewhere = store.experiments.create("elsewhere")
    fork = store.forks.fork(run_id, experiment_id=elsewhere)
    assert store.overview.columns([elsewhere]).metrics == ["acc"]
    [row] = store.overview.table([elsewhere], [("metrics", "acc")]).rows
    assert (row.info.run_id, row.cells) == (fork, [3.0])


def test_both_runs_show_the_fork_and_why(store: Store, run_id: str) -> None:
    log(store, run_id, range(4))
    with reason("a smaller rate"):
        fork = store.forks.fork(run_id, 2)
    lines = [(it.fact, it.after, it.event.reason) for it in store.history.blame(run_id)]
    assert (f"fork.{fork}", "begins with its points", "a smaller rate") in lines
    lines = [(it.fact, it.after, it.event.reason) for it in store.history.blame(fork)]
    assert ("forked_from", f"run {run_id} at step 2", "a smaller rate") in lines
    for kind in ("run.forked", "run.history_shared"):
        [event] = store.events.read(types=[kind])
        with pytest.raises(InvalidStateError, match="fork"):
            store.history.undo(event.address)


def test_a_fork_costs_the_same_for_many_points(store: Store) -> None:
    def written(count: int) -> int:
        run = store.runs.create("0").info.run_id
        log(store, run, range(count))
        environment = store._engine.views.in_use().environment
        before = environment.info()["last_pgno"]
        fork = store.forks.fork(run, count // 2)
        assert len(steps(store, fork)) == count // 2 + 1
        return environment.info()["last_pgno"] - before

    assert written(100_000) <= written(10) + 20


def test_refusals(store: Store, run_id: str) -> None:
    with refused(store, NotFoundError):
        store.forks.fork("0" * 32)
    with refused(store, NotFoundError):
        store.forks.fork(run_id, experiment_id="17")
    with refused(store, InvalidValueError):
        store.forks.fork(run_id, 2**63)
    store.runs.delete(run_id)
    with refused(store, InvalidValueError, "deleted"):
        store.forks.fork(run_id)


def test_a_run_without_points_is_forked(store: Store, run_id: str) -> None:
    fork = store.forks.fork(run_id)
    store.runs.log_batch(run_id, [Metric("loss", 1.0, 1, 1)])
    assert store.metrics.keys(fork) == []


class TestMerges:
    """The points and files of a run count for another, too."""

    @pytest.fixture
    def second(self, store: Store, run_id: str) -> str:
        """The run that went on after a crash."""
        log(store, run_id, range(5))
        second = store.runs.create("0", run_name="second").info.run_id
        log(store, second, range(5, 8))
        return second

    def test_points_count_also_those_that_come_later(
        self, store: Store, run_id: str, second: str
    ) -> None:
        assert store.forks.merge(run_id, second)
        log(store, second, range(8, 9))
        assert steps(store, run_id) == list(range(9))
        assert steps(store, second) == [5, 6, 7, 8]
        assert store.runs.get(run_id).data.metrics == {"loss": 8.0}
        [found] = store.runs.search(["0"], "metrics.loss = 8 AND attributes.run_name = 'first'")
        assert found.info.run_id == run_id
        head = store.events.head()
        assert not store.forks.merge(run_id, second)
        assert store.events.head() == head
        assert store.maintenance.verify()[0]

    def test_files_count_and_own_files_come_first(
        self, store: Store, run_id: str, second: str
    ) -> None:
        store.artifacts.log_bytes(run_id, b"old", "model/a.txt")
        store.artifacts.log_bytes(second, b"new", "model/a.txt")
        store.artifacts.log_bytes(second, b"more", "model/b.txt")
        store.forks.merge(run_id, second)
        assert [file.path for file in store.artifacts.list(run_id, "model")] == [
            "model/a.txt",
            "model/b.txt",
        ]
        with store.artifacts.open(run_id, "model/a.txt") as file:
            assert file.read() == b"old"
        with store.artifacts.open(run_id, "model/b.txt") as file:
            assert file.read() == b"more"

    def test_undo_and_moments(self, store: Store, run_id: str, second: str) -> None:
        before, digest = store.events.head(), store.maintenance.digest()
        store.forks.merge(run_id, second)
        merged = str(store.events.head())
        [event] = store.events.read(types=["run.merged"])
        store.history.undo(event.address)
        assert steps(store, run_id) == list(range(5))
        with store.at(str(before)) as then:
            assert list(then.metrics.arrays(run_id, "loss").steps) == list(range(5))
            assert then.digest() == digest
        with store.at(merged) as then:
            assert list(then.metrics.arrays(run_id, "loss").steps) == list(range(8))
        [undone] = store.events.read(types=["run.unmerged"])
        store.history.undo(undone.address)
        assert steps(store, run_id) == list(range(8))

    def test_a_rewind_covers_the_points_of_merged_runs(
        self, store: Store, other: Store, run_id: str, second: str
    ) -> None:
        store.forks.merge(run_id, second)
        store.metrics.rewind(run_id, 6)
        assert steps(store, run_id) == list(range(7))
        assert steps(store, second) == [5, 6, 7]
        exchange(store, other)
        assert steps(other, run_id) == list(range(7))
        assert store.maintenance.digest() == other.maintenance.digest()

    def test_a_fork_begins_with_the_points_of_all_merged_runs(
        self, store: Store, other: Store, run_id: str, second: str
    ) -> None:
        third = store.runs.create("0").info.run_id
        log(store, third, range(8, 10))
        store.forks.merge(second, third)
        store.forks.merge(run_id, second)
        before = steps(store, run_id)
        store.metrics.withdraw(run_id, ["loss"], 5, 5)
        fork = store.forks.fork(run_id, 8)
        expected = [step for step in before if step not in (5, 9)]
        assert steps(store, fork) == expected
        log(store, second, range(20, 21))
        store.metrics.rewind(run_id, 0)
        log(store, fork, range(11, 12))
        assert steps(store, fork) == [*expected, 11]
        assert {run.info.run_id for run in store.runs.search(["0"])} == {
            run_id,
            second,
            third,
            fork,
        }
        again = store.forks.fork(fork, 6)
        assert steps(store, again) == [step for step in expected if step <= 6]
        exchange(store, other)
        assert steps(other, fork) == [*expected, 11]
        assert store.maintenance.digest() == other.maintenance.digest()
        for gone in (run_id, second, third):
            store.runs.delete(gone)
        assert not {thing.id for thing in store.garbage.find().garbage} & {run_id, second, third}

    def test_a_merged_run_that_is_deleted_counts_and_gc_keeps_it(
        self, store: Store, run_id: str, second: str
    ) -> None:
        store.forks.merge(run_id, second)
        store.runs.delete(second)
        assert steps(store, run_id) == list(range(8))
        [kept] = store.garbage.find().kept
        assert kept.id == second

    def test_merges_in_a_circle_are_refused_and_those_of_two_machines_agree(
        self, store: Store, other: Store, run_id: str, second: str
    ) -> None:
        exchange(store, other)
        store.forks.merge(run_id, second)
        other.forks.merge(second, run_id)
        exchange(store, other)
        for machine in (store, other):
            assert steps(machine, run_id) == steps(machine, second) == list(range(8))
        assert store.maintenance.digest() == other.maintenance.digest()
        with refused(store, InvalidValueError, "cannot merge"):
            store.forks.merge(run_id, run_id)
        with refused(store, NotFoundError):
            store.forks.merge(run_id, "0" * 32)
