"""Withdrawn points no longer count, anywhere; the record, and moments before, still have them."""

import random
import struct

import pytest

from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.projections.points import Points
from eventtrack.store import Store
from eventtrack.store.intake import Intake
from eventtrack.store.reasons import reason
from eventtrack.views.records import Metric
from tests.store.machines import exchange, refused, send

LAST = 2**63 - 1


def log(store: Store, run_id: str, steps: range, key: str = "loss", add: float = 0.0) -> None:
    """A point for each step, a second apart."""
    points = [Metric(key, step + add, 1000 * step, step) for step in steps]
    store.runs.log_batch(run_id, points)


def steps(store: Store, run_id: str, key: str = "loss") -> list[int]:
    return list(store.metrics.arrays(run_id, key).steps)


def found(store: Store, filter_string: str) -> int:
    return len(store.runs.search(["0"], filter_string))


def last_address(store: Store, kind: str) -> str:
    return list(store.events.read(types=[kind]))[-1].address


def test_a_rewound_run_goes_on_from_its_step(store: Store, run_id: str) -> None:
    log(store, run_id, range(10))
    store.metrics.rewind(run_id, 3)
    assert steps(store, run_id) == [0, 1, 2, 3]
    assert store.runs.get(run_id).data.metrics == {"loss": 3.0}
    log(store, run_id, range(4, 6), add=0.5)
    arrays = store.metrics.arrays(run_id, "loss")
    assert list(arrays.values) == [0.0, 1.0, 2.0, 3.0, 4.5, 5.5]
    assert [point.step for point in store.metrics.history(run_id, "loss")] == [0, 1, 2, 3, 4, 5]
    [latest] = store.metrics.latest(run_id)
    assert (latest.step, latest.value) == (5, 5.5)


def test_searches_tables_and_facts_follow(store: Store, run_id: str) -> None:
    log(store, run_id, range(10))
    log(store, run_id, range(3), "acc")
    before = store.events.head()
    assert found(store, "metrics.loss > 5") == 1
    store.metrics.rewind(run_id, 3)
    assert found(store, "metrics.loss > 5") == 0
    assert found(store, "metrics.loss = 3") == 1
    [row] = store.overview.table(["0"], [("metrics", "loss")]).rows
    assert row.cells == [3.0]
    changes = {change.fact: change for change in store.history.diff(str(before), "now")}
    assert changes["metric.loss"].after == "3 (step 3, 4 points)"
    assert changes["metric.loss"].address == last_address(store, "run.points_withdrawn")
    [withdrawal] = [fact for fact in changes if fact.startswith("withdrawal.")]
    assert changes[withdrawal].after == "steps from 4 of all metrics"
    assert "metric.acc" not in changes


def test_a_metric_without_a_point_that_counts_is_gone(store: Store, run_id: str) -> None:
    log(store, run_id, range(3))
    log(store, run_id, range(3), "acc")
    assert store.metrics.withdraw(run_id, ["loss"])
    assert store.metrics.keys(run_id) == ["acc"]
    assert steps(store, run_id) == []
    assert found(store, "metrics.loss IS NOT NULL") == 0
    assert store.runs.get(run_id).data.metrics == {"acc": 2.0}


def test_steps_of_one_metric_are_withdrawn_and_logged_anew(store: Store, run_id: str) -> None:
    log(store, run_id, range(8))
    log(store, run_id, range(8), "acc")
    with reason("spikes"):
        store.metrics.withdraw(run_id, ["loss"], 2, 4)
    assert steps(store, run_id) == [0, 1, 5, 6, 7]
    assert steps(store, run_id, "acc") == list(range(8))
    [event] = store.events.read(types=["run.points_withdrawn"])
    assert event.reason == "spikes"
    log(store, run_id, range(3, 4), add=0.25)
    assert sorted(steps(store, run_id)) == [0, 1, 3, 5, 6, 7]


def test_undo_brings_points_back_and_takes_them_away_again(store: Store, run_id: str) -> None:
    log(store, run_id, range(6))
    digest = store.maintenance.digest()
    store.metrics.rewind(run_id, 2)
    store.history.undo(last_address(store, "run.points_withdrawn"))
    assert steps(store, run_id) == list(range(6))
    assert found(store, "metrics.loss = 5") == 1
    assert store.maintenance.digest() != digest  # the withdrawal is on record
    store.history.undo(last_address(store, "run.points_restored"))
    assert steps(store, run_id) == [0, 1, 2]


def test_the_same_rewind_twice_is_one_and_later_points_need_another(
    store: Store, run_id: str
) -> None:
    log(store, run_id, range(6))
    assert store.metrics.rewind(run_id, 2)
    head = store.events.head()
    assert not store.metrics.rewind(run_id, 2)
    assert store.events.head() == head
    log(store, run_id, range(6), add=0.5)
    assert store.metrics.rewind(run_id, 2)
    assert sorted(steps(store, run_id)) == [0, 0, 1, 1, 2, 2]


def test_moments_before_a_rewind_show_what_was_seen_then(store: Store, run_id: str) -> None:
    log(store, run_id, range(6))
    seen = store.maintenance.digest()
    before = store.events.head()
    store.metrics.rewind(run_id, 2)
    after = store.events.head()
    log(store, run_id, range(3, 5), add=0.5)
    with store.at(str(before)) as then:
        assert list(then.metrics.arrays(run_id, "loss").steps) == list(range(6))
        assert then.runs.get(run_id).data.metrics == {"loss": 5.0}
        assert len(then.runs.search(["0"], "metrics.loss = 5")) == 1
        assert then.digest() == seen
    with store.at(str(after)) as then:
        assert list(then.metrics.arrays(run_id, "loss").steps) == [0, 1, 2]
    assert store.maintenance.verify()[0]


def test_points_that_the_writer_had_not_seen_count_on_every_machine(
    store: Store, other: Store, run_id: str
) -> None:
    log(store, run_id, range(4))
    exchange(store, other)
    log(other, run_id, range(4, 8), add=0.5)  # another rank, offline
    log(store, run_id, range(4, 6))
    store.metrics.rewind(run_id, 1)
    log(store, run_id, range(2, 3), add=0.25)
    send(store, other)
    # Only here the withdrawal divides the points: those of this machine were not covered.
    assert sorted(steps(other, run_id)) == [0, 1, 2, 4, 5, 6, 7]
    send(other, store)
    assert steps(store, run_id) == steps(other, run_id)
    assert store.maintenance.digest() == other.maintenance.digest()
    assert store.maintenance.verify()[0]
    assert other.maintenance.verify()[0]


def test_two_machines_that_rewind_at_once_agree(store: Store, other: Store, run_id: str) -> None:
    log(store, run_id, range(8))
    exchange(store, other)
    log(store, run_id, range(8, 9))
    store.metrics.rewind(run_id, 5)
    log(other, run_id, range(8, 9), add=0.5)
    other.metrics.withdraw(run_id, ["loss"], 2, 3)
    exchange(store, other)
    assert steps(store, run_id) == steps(other, run_id) == [0, 1, 4, 5, 8]
    assert store.maintenance.digest() == other.maintenance.digest()


def test_what_an_import_brings_again_stays_withdrawn(store: Store, run_id: str) -> None:
    bring(store, run_id, range(5))
    store.metrics.rewind(run_id, 2)
    bring(store, run_id, range(6))
    assert steps(store, run_id) == [0, 1, 2, 5]


def bring(store: Store, run_id: str, wanted: range) -> None:
    """Import a series."""
    points = Points()
    points.steps.extend(wanted)
    points.timestamps.extend(wanted)
    points.values.extend(map(float, wanted))
    intake = Intake(store)
    intake.series(run_id, "loss", points)
    intake.flush()


class TestLongSeries:
    """Figures that follow without a look at the points are those of a look at each point."""

    @pytest.fixture(params=["climbing", "all at one step", "twice", "in no order"])
    def points(self, request: pytest.FixtureRequest) -> list[Metric]:
        count, chance = 13_000, random.Random(request.param)
        order = {
            "climbing": list(range(count)),
            "all at one step": [7] * count,
            "twice": [*range(count // 2), *range(count // 2 - 3000, count)],
            "in no order": chance.sample(range(count), count),
        }[request.param]
        return [Metric("m", chance.random(), 100 + at, step) for at, step in enumerate(order)]

    @pytest.mark.parametrize(
        "ranges", [[(5000, LAST)], [(0, 4095)], [(100, 200), (4000, 9000)], [(7, 7)], [(6, 8)]]
    )
    def test_what_is_left(
        self, store: Store, run_id: str, points: list[Metric], ranges: list[tuple[int, int]]
    ) -> None:
        store.runs.log_batch(run_id, points)
        for first, last in ranges:
            store.metrics.withdraw(run_id, ["m"], first, last)
        left = [it for it in points if not any(low <= it.step <= high for low, high in ranges)]
        arrays = store.metrics.arrays(run_id, "m")
        assert sorted(zip(arrays.timestamps, arrays.steps, arrays.values, strict=True)) == [
            (it.timestamp, it.step, it.value) for it in left
        ]
        latest = {it.key: it for it in store.metrics.latest(run_id)}
        if not left:
            assert latest == {}
            return
        top = max(left, key=lambda it: (it.step, it.timestamp, it.value))
        assert (latest["m"].step, latest["m"].value) == (top.step, top.value)
        with store.metrics.series([(run_id, "m")]) as [series]:
            assert series is not None
            assert series.count == len(left)


def test_a_rewind_costs_the_same_for_many_points(store: Store, run_id: str) -> None:
    """Chunks are neither read nor written: the pages of the views stay as they are."""

    def pages_written(count: int) -> int:
        run = store.runs.create("0").info.run_id
        log(store, run, range(count))
        environment = store._engine.views.in_use().environment
        before = environment.info()["last_pgno"]
        store.metrics.rewind(run, count // 2)
        assert len(steps(store, run)) == count // 2 + 1
        return environment.info()["last_pgno"] - before

    assert pages_written(200_000) <= pages_written(10) + 20


class TestRefusals:
    def test_an_unknown_run_metric_or_range(self, store: Store, run_id: str) -> None:
        log(store, run_id, range(3))
        with refused(store, NotFoundError):
            store.metrics.rewind("0" * 32, 1)
        with refused(store, NotFoundError, "no metric 'losss'"):
            store.metrics.rewind(run_id, 1, ["losss"])
        with refused(store, InvalidValueError, "comes after"):
            store.metrics.withdraw(run_id, None, 2, 1)
        with refused(store, InvalidValueError):
            store.metrics.rewind(run_id, 2**63)
        with refused(store, InvalidValueError, "list of metrics"):
            store.metrics.withdraw(run_id, "loss")

    def test_a_deleted_run(self, store: Store, run_id: str) -> None:
        log(store, run_id, range(3))
        store.runs.delete(run_id)
        with refused(store, InvalidValueError, "deleted"):
            store.metrics.rewind(run_id, 1)

    def test_a_step_beyond_all_steps_withdraws_nothing(self, store: Store, run_id: str) -> None:
        log(store, run_id, range(3))
        assert not store.metrics.rewind(run_id, LAST)


def test_a_reason_block_counts_too(store: Store, run_id: str) -> None:
    log(store, run_id, range(3))
    with reason("resumed"):
        store.metrics.rewind(run_id, 1)
    lines = [it for it in store.history.blame(run_id) if it.fact.startswith("withdrawal.")]
    assert [(it.before, it.after, it.event.reason) for it in lines] == [
        (None, "steps from 2 of all metrics", "resumed")
    ]


def test_the_points_of_a_redacted_run_are_erased_withdrawn_or_not(
    store: Store, run_id: str
) -> None:
    secret = struct.unpack("<d", b"SECRET!1")[0]
    store.runs.log_batch(run_id, [Metric("loss", secret, 1, 9)])
    store.metrics.rewind(run_id, 0)
    assert found(store, "metrics.loss IS NOT NULL") == 0
    store.redaction.redact_envelopes(store.feeds.of_stream(f"run/{run_id}"), "a secret")
    store.redaction.finish()
    data = (store.path / "log" / "data.mdb").read_bytes()
    assert struct.pack(">d", secret) not in data
