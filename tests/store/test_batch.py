"""Batches: one durable commit for many calls, or nothing of them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from eventtrack.errors import EventtrackError, InvalidValueError, NotFoundError
from eventtrack.store import Store


class InterruptionError(Exception):
    """What goes wrong at the end of a batch."""


@contextmanager
def interrupted_batch(store: Store) -> Iterator[None]:
    """A batch that comes to nothing after all its calls."""
    with suppress(InterruptionError), store.batch():
        yield
        raise InterruptionError


def test_a_batch_is_one_commit(store: Store, run_id: str) -> None:
    before = store.change_count()
    with store.batch():
        for number in range(20):
            store.runs.log_params(run_id, {f"p{number}": number})
    assert store.change_count() == before + 1
    assert len(store.runs.get(run_id).data.params) == 20


def test_a_batch_that_raises_leaves_nothing(store: Store, run_id: str) -> None:
    head, digest = store.events.head(), store.maintenance.digest()
    with interrupted_batch(store):
        store.experiments.create("a")
        store.runs.create("0")
        store.runs.set_tags(run_id, {"t": 1})
    assert store.events.head() == head
    assert store.maintenance.digest() == digest
    assert store.experiments.get_by_name("a") is None
    assert store.maintenance.verify()[0]


def test_a_refusal_within_a_batch_need_not_end_it(store: Store, run_id: str) -> None:
    with store.batch():
        store.runs.log_params(run_id, {"p": 1})
        with pytest.raises(InvalidValueError):
            store.runs.log_params(run_id, {"p": 2})
        store.runs.set_tags(run_id, {"t": 1})
    run = store.runs.get(run_id)
    assert run.data.params == {"p": "1"}
    assert run.data.tags["t"] == "1"


def test_what_a_batch_did_is_seen_inside_it(store: Store) -> None:
    with store.batch():
        experiment_id = store.experiments.create("a")
        run_id = store.runs.create(experiment_id, tags={"t": "x"}).info.run_id
        assert len(store.runs.search([experiment_id], "tags.t = 'x'")) == 1
        store.runs.delete(run_id)
        assert store.runs.search([experiment_id]) == []
        store.runs.restore(run_id)
        store.artifacts.log_bytes(run_id, b"x", "f")
        assert store.artifacts.list(run_id)[0].path == "f"


def test_points_logged_in_a_batch_are_seen_inside_it_and_keep_their_place(
    store: Store, run_id: str
) -> None:
    store.metrics.log(run_id, "m", 1.0, 1)
    with store.batch():
        store.runs.set_tags(run_id, {"t": 1})
        store.metrics.log(run_id, "m", 2.0, 2)
        assert store.metrics.arrays(run_id, "m").steps.tolist() == [1, 2]
        store.runs.set_tags(run_id, {"t": 2})
        store.metrics.log(run_id, "m", 3.0, 3)
        store.flush()
    assert store.metrics.arrays(run_id, "m").steps.tolist() == [1, 2, 3]
    assert [event.type for event in store.history.timeline(run_id)] == [
        "run.started",
        "run.metric_logged",
        "run.tags_set",
        "run.metric_logged",
        "run.tags_set",
        "run.metric_logged",
    ]


def test_points_survive_a_batch_that_raises(store: Store, run_id: str) -> None:
    with interrupted_batch(store):
        store.metrics.log(run_id, "m", 1.0, 1)
        store.runs.set_tags(run_id, {"t": 1})
        assert store.metrics.keys(run_id) == ["m"]
    assert store.metrics.arrays(run_id, "m").steps.tolist() == [1]
    assert "t" not in store.runs.get(run_id).data.tags
    assert store.maintenance.verify()[0]


def test_a_batch_within_a_batch_belongs_to_it(store: Store, run_id: str) -> None:
    before = store.change_count()
    with interrupted_batch(store), store.batch():
        store.runs.set_tags(run_id, {"t": 1})
    assert store.change_count() == before
    assert "t" not in store.runs.get(run_id).data.tags


def test_a_run_may_be_deleted_and_restored_within_a_batch(store: Store, run_id: str) -> None:
    head = store.events.head()
    with store.batch():
        store.metrics.log(run_id, "m", 1.0)
        store.runs.delete(run_id)
        assert store.events.head() == head  # the log shows what is committed
        with pytest.raises(EventtrackError):
            store.metrics.log(run_id, "m", 2.0)
        store.runs.restore(run_id)
        store.metrics.log(run_id, "m", 3.0)
    assert store.metrics.arrays(run_id, "m").values.tolist() == [1.0, 3.0]


def test_other_threads_wait_until_a_batch_ends(store: Store, run_id: str) -> None:
    began, done = threading.Event(), threading.Event()

    def write() -> None:
        began.set()
        store.runs.log_params(run_id, {"p": "theirs"})
        done.set()

    thread = threading.Thread(target=write)
    with store.batch():
        store.runs.set_tags(run_id, {"t": 1})
        thread.start()
        assert began.wait(timeout=10)
        assert not done.wait(timeout=0.1)
        assert store.runs.get(run_id).data.params == {}
    thread.join(timeout=10)
    assert done.is_set()
    assert store.runs.get(run_id).data.params == {"p": "theirs"}


def test_other_threads_do_not_see_an_unfinished_batch(store: Store) -> None:
    seen: list[object] = []
    with store.batch():
        run_id = store.runs.create("0").info.run_id

        def look() -> None:
            try:
                seen.append(store.runs.get(run_id))
            except NotFoundError as error:
                seen.append(error)

        thread = threading.Thread(target=look)
        thread.start()
        thread.join(timeout=10)
    assert [type(one) for one in seen] == [NotFoundError]


def test_another_thread_s_first_sink_and_a_batch_do_not_wait_for_each_other(
    store: Store, run_id: str
) -> None:
    thread = threading.Thread(target=lambda: store.metrics.log(run_id, "m", 1.0, 1))
    with store.batch():
        thread.start()
        thread.join(timeout=0.1)
        store.metrics.log(run_id, "m", 2.0, 2)
    thread.join(timeout=10)
    assert not thread.is_alive()
    assert store.metrics.arrays(run_id, "m").steps.tolist() in ([1, 2], [2, 1])


def test_threads_that_write_at_once_lose_nothing(store: Store, run_id: str) -> None:
    def write(number: int) -> None:
        for step in range(20):
            store.runs.log_params(run_id, {f"p{number}.{step}": 1})
            store.metrics.log(run_id, f"m{number}", 1.0, step)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(store.runs.get(run_id).data.params) == 80
    assert [len(store.metrics.arrays(run_id, f"m{number}")) for number in range(4)] == [20] * 4
    assert store.maintenance.verify()[0]


def test_of_threads_that_decide_at_once_one_wins(store: Store, run_id: str) -> None:
    refusals: list[InvalidValueError] = []

    def claim(number: int) -> None:
        try:
            store.runs.log_params(run_id, {"p": number})
        except InvalidValueError as error:
            refusals.append(error)

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert len(refusals) == 7
    assert len(list(store.events.read(types=["run.params_logged"]))) == 1
