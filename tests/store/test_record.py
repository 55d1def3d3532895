"""Points that are appended without a look at the views: refused all the same when they must be."""

import subprocess
import sys

import pytest

from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.events import types
from eventtrack.events.envelope import Draft
from eventtrack.store import Store
from eventtrack.store.permits import Permits
from eventtrack.views.records import Metric

OTHER = """
import sys
from eventtrack.store import open_store
store = open_store(sys.argv[1])
exec(sys.argv[2])
"""


def elsewhere(store: Store, code: str) -> None:
    """Change the store in another process."""
    subprocess.run([sys.executable, "-c", OTHER, str(store.path), code], check=True)


def point(step: int) -> Metric:
    """A point of the metric `m`."""
    return Metric(key="m", value=float(step), timestamp=1, step=step)


def steps(store: Store, run_id: str) -> list[int]:
    """The steps of the metric `m`."""
    return list(store.metrics.arrays(run_id, "m").steps)


def folded(store: Store) -> int:
    """How far the views are, without a query, which would bring them up to date."""
    return store._engine.views._current().checkpoint().position


def test_points_wait_for_a_reader_to_be_folded(store: Store, run_id: str) -> None:
    store.runs.log_batch(run_id, [point(0)])
    before = folded(store)
    for step in range(1, 5):
        store.runs.log_batch(run_id, [point(step)])
    assert folded(store) == before
    assert steps(store, run_id) == [0, 1, 2, 3, 4]
    assert folded(store) == before + 4


@pytest.mark.parametrize("where", ["here", "elsewhere"])
@pytest.mark.parametrize("what", ["run", "experiment"])
def test_a_deletion_forbids_points_at_once(
    store: Store, run_id: str, where: str, what: str
) -> None:
    store.runs.log_batch(run_id, [point(0)])
    store.runs.log_batch(run_id, [point(1)])
    delete, restore = (
        (f"store.runs.delete('{run_id}')", f"store.runs.restore('{run_id}')")
        if what == "run"
        else ("store.experiments.delete('0')", "store.experiments.restore('0')")
    )
    change = elsewhere if where == "elsewhere" else lambda store, code: exec(code, {"store": store})
    change(store, delete)
    with pytest.raises(InvalidValueError, match="active"):
        store.runs.log_batch(run_id, [point(2)])
    change(store, restore)
    store.runs.log_batch(run_id, [point(3)])
    assert steps(store, run_id) == [0, 1, 3]


def test_of_many_each_is_refused_by_itself_and_the_rest_share_a_commit(
    store: Store, run_id: str
) -> None:
    deleted = store.runs.create("0").info.run_id
    store.runs.delete(deleted)
    drafts = [
        store.metrics.prepare(one, [point(step)])
        for step, one in enumerate([run_id, deleted, "f" * 32, run_id])
    ]
    for _ in range(2):  # once with a look at the views, once without
        before = store.change_count()
        refused = store.metrics.record(drafts)
        assert [type(one) for one in refused] == [
            type(None),
            InvalidValueError,
            NotFoundError,
            type(None),
        ]
        store.metrics.record([])
        assert store.change_count() - before <= 2
    assert steps(store, run_id) == [0, 3]


def log_and_give_up(store: Store, run_id: str | None, made: list[str]) -> None:
    """Log a point in a batch, to a new run unless one is named, and let the batch fail."""
    with store.batch():
        made.append(run_id or store.runs.create("0").info.run_id)
        store.runs.log_batch(made[-1], [point(1)])
        assert 1 in steps(store, made[-1])
        raise ZeroDivisionError


def test_points_within_a_batch_are_part_of_it(store: Store, run_id: str) -> None:
    store.runs.log_batch(run_id, [point(0)])
    made: list[str] = []
    with pytest.raises(ZeroDivisionError):
        log_and_give_up(store, run_id, made)
    with pytest.raises(ZeroDivisionError):
        log_and_give_up(store, None, made)
    with pytest.raises(NotFoundError):
        store.runs.log_batch(made[-1], [point(1)])
    assert steps(store, run_id) == [0]


def test_what_a_process_logged_before_stands_before(store: Store, run_id: str) -> None:
    store.runs.log_batch(run_id, [point(0)])
    for step in range(1, 9, 2):
        store.metrics.log(run_id, "m", 0.0, step=step)
        store.runs.log_batch(run_id, [point(step + 1)])
    logged = [
        event.body["step"] if event.type == "run.metric_logged" else event.body["steps"]
        for event in store.events.read(types=["run.metric_logged", "run.metrics_logged"])
    ]
    assert logged == list(range(9))


def test_a_permit_does_not_outlast_what_was_not_seen(store: Store, run_id: str) -> None:
    permits, log, stream = Permits(), store._engine.log, f"run/{run_id}"
    start = log.head()
    store.runs.delete(run_id)
    permits.follow(log, log.head())
    permits.grant([stream], start)  # found active before the deletion, granted after it was seen
    assert stream not in permits
    permits.grant([stream], log.head())
    assert stream in permits
    strange = Draft(stream, b"\x91\x93\xa3run\x01\x91\x90", 1)
    log.transact(lambda txn: txn.append(strange, b"s" * 16))
    permits.follow(log, log.head())  # of a type that nobody here knows
    assert stream not in permits
    permits.grant([stream], log.head())
    elsewhere = Draft("store/erasures", strange.body, 1)
    log.transact(lambda txn: txn.append(elsewhere, b"s" * 16))
    permits.follow(log, log.head())
    assert stream not in permits


def test_a_permit_does_not_outlast_a_payload_that_came_later(
    store: Store, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deletion whose contents a partial sync had left out lies before what was looked at."""
    permits, log, stream = Permits(), store._engine.log, f"run/{run_id}"
    permits.follow(log, log.head())
    permits.grant([stream], log.head())
    permits.follow(log, log.head())
    assert stream in permits
    monkeypatch.setattr(log, "rewrites", lambda: 1)
    permits.follow(log, log.head())
    assert stream not in permits


def test_a_single_step_and_time_stand_for_all(store: Store, run_id: str) -> None:
    batch = [Metric(key=key, value=1.0, timestamp=5, step=2) for key in "abc"]
    store.runs.log_batch(run_id, batch)
    (event,) = store.events.read(types=["run.metrics_logged"])
    assert (event.body["steps"], event.body["timestamps_ms"]) == (2, 5)
    assert types.MetricsLogged(**event.body).keys == ["a", "b", "c"]
