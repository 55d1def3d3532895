"""Many threads, one store: nothing lost or doubled, and of two that differ exactly one wins."""

import threading
import time
from pathlib import Path

import pytest

from eventtrack.errors import EventtrackError, InvalidValueError, StoreClosedError
from eventtrack.store import Store, open_store
from tests.crash import workers
from tests.crash.workers import Threads, opened

POINTS = 200


def run_apart(scenario: object, path: Path) -> None:
    """Run a scenario in a process of its own: a thread that hangs is killed with it."""
    assert callable(scenario)
    workers.finish(workers.start(scenario, path))


def work_in_eight_threads(path: Path) -> None:
    store = open_store(path)
    shared = store.runs.create("0").info.run_id
    threads, ready = Threads(), threading.Barrier(8)

    def work(number: int) -> None:
        own = store.runs.create("0", tags={"thread": number}).info.run_id
        ready.wait(workers.PATIENCE_S)
        for step in range(POINTS):
            store.metrics.log(own, "loss", number, step)
            store.metrics.log(shared, f"loss-{number}", number, step)
            if step % 20 == 0:
                store.runs.log_params(own, {f"p{step}": step})
                store.runs.log_params(shared, {f"p{number}-{step}": step})
                store.runs.set_tags(shared, {f"t{number}": step})
                # What this thread has logged is in every answer it gets.
                found = store.runs.search(["0"], f"tags.thread = '{number}'")[0]
                assert found.info.run_id == own
                assert found.data.params[f"p{step}"] == str(step)
                assert len(store.metrics.arrays(own, "loss")) == step + 1

    for number in range(8):
        threads.run(work, number)
    threads.join()
    for number in range(8):
        assert list(store.metrics.arrays(shared, f"loss-{number}").steps) == list(range(POINTS))
    run = store.runs.get(shared)
    assert len(run.data.params) == 8 * 10
    assert [run.data.tags[f"t{number}"] for number in range(8)] == ["180"] * 8
    assert len(list(store.events.read(types=["run.metric_logged"]))) == 16 * POINTS
    workers.assert_sound(store)
    store.close()


@pytest.mark.slow
def test_eight_threads_log_into_their_own_and_into_one_run(tmp_path: Path) -> None:
    run_apart(work_in_eight_threads, tmp_path / "store")


def change_one_param(path: Path) -> None:
    store = open_store(path)
    for number in range(20):
        run_id = store.runs.create("0").info.run_id
        ready = threading.Barrier(4)
        won: list[int] = []
        lost: list[int] = []

        def log(
            value: int,
            run_id: str = run_id,
            ready: threading.Barrier = ready,
            won: list[int] = won,
            lost: list[int] = lost,
        ) -> None:
            ready.wait(workers.PATIENCE_S)
            try:
                store.runs.log_params(run_id, {"lr": value})
                won.append(value)
            except InvalidValueError:
                lost.append(value)

        threads = Threads()
        for value in range(4):
            threads.run(log, value)
        threads.join()
        assert len(won) == 1, (number, won)
        assert len(lost) == 3
        assert store.runs.get(run_id).data.params == {"lr": str(won[0])}
    store.close()


def test_of_threads_that_log_one_param_exactly_one_wins(tmp_path: Path) -> None:
    run_apart(change_one_param, tmp_path / "store")


def close_under_threads(path: Path) -> None:
    for _ in range(10):
        store = open_store(path)
        threads = Threads()
        counts: dict[str, int] = {}

        def log(store: Store = store, counts: dict[str, int] = counts) -> None:
            try:
                run_id = store.runs.create("0").info.run_id
                counts[run_id] = 0
                while True:
                    workers.call(store, run_id, counts[run_id])
                    counts[run_id] += 1
            except StoreClosedError:
                pass

        for _ in range(4):
            threads.run(log)
        while sum(counts.values()) <= 40:
            time.sleep(0.005)
        store.close()
        threads.join()
        with opened(path) as again:
            workers.assert_exactly_once(again, counts)


@pytest.mark.slow
def test_closing_loses_no_call_that_had_returned(tmp_path: Path) -> None:
    """Threads that log on get `StoreClosedError`, wherever the close found them."""
    run_apart(close_under_threads, tmp_path / "store")
    with opened(tmp_path / "store") as store:
        workers.assert_sound(store)


def open_and_close_in_threads(path: Path) -> None:
    threads = Threads()
    runs: list[str] = []

    def work() -> None:
        for _ in range(15):
            try:
                store = open_store(path)
                run_id = store.runs.create("0").info.run_id
                store.metrics.log(run_id, "loss", 1.0)
                runs.append(run_id)
                store.close()
            except StoreClosedError:
                continue  # another thread closed what they share

    for _ in range(4):
        threads.run(work)
    threads.join()
    with opened(path) as store:
        assert all(len(store.metrics.arrays(run_id, "loss")) == 1 for run_id in runs)


@pytest.mark.slow
def test_threads_open_and_close_one_store_as_they_like(tmp_path: Path) -> None:
    """The folder is never opened anew before it was let go of."""
    run_apart(open_and_close_in_threads, tmp_path / "store")


def flush_from_everywhere(path: Path) -> None:
    store = open_store(path)
    run_id = store.runs.create("0").info.run_id
    threads = Threads()

    def log(number: int) -> None:
        for step in range(POINTS):
            store.metrics.log(run_id, f"loss-{number}", 0.5, step)
            if step % 10 == 0:
                store.flush()
                assert store.metrics.arrays(run_id, f"loss-{number}").steps[-1] == step

    for number in range(4):
        threads.run(log, number)
    threads.join()
    assert len(list(store.events.read(types=["run.metric_logged"]))) == 4 * POINTS
    store.close()


@pytest.mark.slow
def test_threads_flush_at_once(tmp_path: Path) -> None:
    run_apart(flush_from_everywhere, tmp_path / "store")


def begin_to_log_beside_a_batch(path: Path) -> None:
    for number in range(10):
        store = open_store(path)
        run_id = store.runs.create("0").info.run_id
        threads, inside = Threads(), threading.Event()

        def bulk(
            store: Store = store, run_id: str = run_id, inside: threading.Event = inside
        ) -> None:
            with store.batch():
                inside.set()
                store.metrics.log(run_id, "within", 1.0)
                store.runs.set_tags(run_id, {"t": 1})

        def single(
            store: Store = store, run_id: str = run_id, inside: threading.Event = inside
        ) -> None:
            inside.wait(workers.PATIENCE_S)
            store.metrics.log(run_id, "beside", 1.0)

        threads.run(bulk)
        threads.run(single)
        threads.join()
        metrics = store.runs.get(run_id).data.metrics
        assert metrics == {"within": 1.0, "beside": 1.0}, number
        store.close()


def test_the_first_points_of_two_threads_may_come_from_a_batch_and_beside_it(
    tmp_path: Path,
) -> None:
    """Both need a journal that is not there yet; one of them holds the writer."""
    run_apart(begin_to_log_beside_a_batch, tmp_path / "store")


def test_a_batch_that_raises_is_undone_but_keeps_the_points_of_other_threads(
    tmp_path: Path,
) -> None:
    with opened(tmp_path / "store") as store:
        run_id = store.runs.create("0").info.run_id

        def fail() -> None:
            with store.batch():
                store.runs.set_tags(run_id, {"t": 1})
                other = threading.Thread(target=store.metrics.log, args=(run_id, "loss", 1.0))
                other.start()
                other.join()
                raise LookupError

        store.metrics.log(run_id, "loss", 0.0, 1)
        with pytest.raises(LookupError):
            fail()
        assert "t" not in store.runs.get(run_id).data.tags
        assert len(store.metrics.arrays(run_id, "loss")) == 2


def test_a_store_cannot_be_closed_within_its_batch(tmp_path: Path) -> None:
    with opened(tmp_path / "store") as store:
        with store.batch(), pytest.raises(EventtrackError, match="within a batch"):
            store.close()
        assert store.runs.create("0")
