"""Forks at bad moments: child and parent log on, nothing hangs, nothing is lost or doubled."""

import functools
import multiprocessing
import os
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from eventtrack.store import Store, open_store
from tests.crash import workers
from tests.crash.workers import Threads, opened

ROOT = Path(__file__).resolve().parents[2]
POINTS = 20


def run_apart(scenario: Callable[[Path], None], path: Path) -> None:
    """Run a scenario in a process of its own, whose threads and forks are not the test runner's."""
    workers.finish(workers.start(scenario, path))


def log_points(store: Store, run_id: str, count: int = POINTS) -> None:
    """Some points and a tag in a run."""
    for step in range(count):
        store.metrics.log(run_id, "loss", step / 3, step)
    store.runs.set_tags(run_id, {"pid": os.getpid()})


def assert_points(store: Store, run_id: str, count: int = POINTS) -> None:
    """Exactly these points, in this order, each from one event."""
    events = store.events.read(stream=f"run/{run_id}", types=["run.metric_logged"])
    assert [event.body["step"] for event in events] == list(range(count))
    assert list(store.metrics.arrays(run_id, "loss").steps) == list(range(count))


def new_run(store: Store) -> str:
    """A run's id."""
    return store.runs.create("0").info.run_id


class Busy:
    """Three threads that log, decide and search in this process until told to stop."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.run_id = new_run(store)
        self.points = 0
        self._threads = Threads()
        for work in (self._log, self._decide, self._search):
            self._threads.run(work)

    def finish(self) -> None:
        """Stop, and see that all points are there."""
        self._threads.finish()
        assert_points(self.store, self.run_id, self.points)

    def _log(self) -> None:
        while not self._threads.stop.is_set():
            self.store.metrics.log(self.run_id, "loss", 0.5, self.points)
            self.points += 1
            time.sleep(0.0002)

    def _decide(self) -> None:
        number = 0
        while not self._threads.stop.is_set():
            self.store.runs.set_tags(self.run_id, {"n": number})
            number += 1

    def _search(self) -> None:
        while not self._threads.stop.is_set():
            assert self.store.runs.search(["0"])


def fork_again_and_again(path: Path) -> None:
    store = open_store(path)
    busy = Busy(store)
    runs = [new_run(store) for _ in range(12)]
    for number, run_id in enumerate(runs):

        def child(run_id: str = run_id, number: int = number) -> None:
            log_points(store, run_id)
            if number % 3 == 0:
                store.close()

        workers.reap(workers.fork(child))
    busy.finish()
    for run_id in runs:
        assert_points(store, run_id)
    store.close()


@pytest.mark.slow
def test_children_log_while_threads_of_the_parent_do(tmp_path: Path) -> None:
    run_apart(fork_again_and_again, tmp_path / "store")
    with opened(tmp_path / "store") as store:
        workers.assert_sound(store)


def log_what_a_child_does_not_wait_for(path: Path) -> None:
    store = open_store(path)
    run_id = new_run(store)

    def child() -> None:
        for step in range(POINTS):
            store.metrics.log(run_id, "loss", 0.5, step)

    workers.reap(workers.fork(child))
    workers.until(lambda: len(store.metrics.arrays(run_id, "loss")) == POINTS)
    assert_points(store, run_id)


def test_what_a_child_left_in_its_journal_is_seen_by_the_parent(tmp_path: Path) -> None:
    run_apart(log_what_a_child_does_not_wait_for, tmp_path / "store")


def fork_from_three_threads(path: Path) -> None:
    store = open_store(path)
    busy, threads = Busy(store), Threads()

    def forks() -> None:
        for _ in range(10):
            run_id = new_run(store)
            workers.reap(workers.fork(functools.partial(log_points, store, run_id)))
            assert_points(store, run_id)

    for _ in range(3):
        threads.run(forks)
    threads.join()
    busy.finish()
    store.close()


@pytest.mark.slow
def test_threads_may_fork_at_the_same_time(tmp_path: Path) -> None:
    """The second fork began before the first had ended, and took the gates for open."""
    run_apart(fork_from_three_threads, tmp_path / "store")


def fork_within_a_batch(path: Path) -> None:
    store = open_store(path)
    run_id, other = new_run(store), new_run(store)
    busy = Busy(store)
    for number in range(5):
        with store.batch():
            store.runs.set_tags(run_id, {"batch": number})
            time.sleep(0.06)  # the drainer and the busy threads now wait for this batch
            # The child may not write before the batch has ended: it would wait for its parent.
            workers.reap(workers.fork(lambda: None))
    later = [workers.fork(lambda: log_points(store, other))]
    workers.reap(later[0])
    busy.finish()
    assert store.runs.get(run_id).data.tags["batch"] == "4"
    assert_points(store, other)
    store.close()


def test_a_fork_within_a_batch_hangs_nobody(tmp_path: Path) -> None:
    """Threads that wait for the batch to end are not waited for by the fork in it."""
    run_apart(fork_within_a_batch, tmp_path / "store")
    with opened(tmp_path / "store") as store:
        workers.assert_sound(store)


def leave_a_batch_in_the_child(path: Path) -> None:
    store = open_store(path)
    run_id = new_run(store)
    pid = -1

    def child() -> None:
        nonlocal pid
        with store.batch():
            store.runs.set_tags(run_id, {"from": "parent"})
            pid = os.fork()

    child()
    if not pid:
        os._exit(0)  # the block ended in the child too: it has no part in its parent's commit
    assert os.waitpid(pid, 0)[1] == 0
    assert store.runs.get(run_id).data.tags["from"] == "parent"
    assert len(list(store.events.read(types=["run.tags_set"]))) == 1
    store.runs.set_tags(run_id, {"after": "fork"})
    store.close()


def test_a_batch_that_a_child_leaves_is_committed_by_the_parent_alone(tmp_path: Path) -> None:
    run_apart(leave_a_batch_in_the_child, tmp_path / "store")
    with opened(tmp_path / "store") as store:
        workers.assert_sound(store)


def fork_while_stores_open_and_close(path: Path) -> None:
    threads = Threads()

    def open_and_close(number: int) -> None:
        while not threads.stop.is_set():
            store = open_store(path.with_name(f"store-{number}"))
            log_points(store, new_run(store), 3)
            store.close()

    threads.run(open_and_close, 0)
    threads.run(open_and_close, 1)

    def child() -> None:
        for number in range(2):
            with opened(path.with_name(f"store-{number}")) as store:
                run_id = new_run(store)
                log_points(store, run_id)
                assert_points(store, run_id)

    for _ in range(15):
        workers.reap(workers.fork(child))
    threads.finish()


@pytest.mark.slow
def test_stores_may_be_opened_and_closed_at_the_instant_of_a_fork(tmp_path: Path) -> None:
    run_apart(fork_while_stores_open_and_close, tmp_path / "store")


def nest(path: Path) -> None:
    store = open_store(path)
    runs = [new_run(store) for _ in range(4)]

    def descend(depth: int) -> None:
        log_points(store, runs[depth], POINTS // 2)
        if depth < 3:
            workers.reap(workers.fork(lambda: descend(depth + 1)))
        for step in range(POINTS // 2, POINTS):
            store.metrics.log(runs[depth], "loss", 0.5, step)

    descend(0)
    for run_id in runs:
        assert_points(store, run_id)
    store.close()


def test_a_child_of_a_child_of_a_child_logs_and_so_do_all_above_it(tmp_path: Path) -> None:
    run_apart(nest, tmp_path / "store")


def share_a_sink(path: Path) -> None:
    store = open_store(path)
    run_id = new_run(store)
    sink = store.metrics.sink(run_id)
    sink.log("loss", 0.5, 0)

    def child() -> None:
        threads, ready = Threads(), threading.Barrier(8)

        def log(number: int) -> None:
            ready.wait()
            sink.log("loss", 0.5, number)

        for number in range(1, 9):
            threads.run(log, number)
        threads.join()
        store.close()

    for _ in range(10):
        workers.reap(workers.fork(child))
    assert sorted({*store.metrics.arrays(run_id, "loss").steps}) == list(range(9))
    events = list(store.events.read(types=["run.metric_logged"]))
    assert len(events) == 81
    store.close()


@pytest.mark.slow
def test_threads_of_a_child_share_the_sink_of_the_parent(tmp_path: Path) -> None:
    """The first call of each finds the journal disowned; they take the new one, all of it."""
    run_apart(share_a_sink, tmp_path / "store")
    with opened(tmp_path / "store") as store:
        workers.assert_sound(store)


def use_a_pool(path: Path) -> None:
    store = open_store(path)
    busy = Busy(store)
    for context in (multiprocessing.get_context("fork"), multiprocessing.get_context("spawn")):
        runs = [new_run(store) for _ in range(4)]
        single = context.Process(target=log_in_a_process, args=(path, runs[0]))
        single.start()
        workers.finish(single)
        with ProcessPoolExecutor(2, mp_context=context) as pool:
            assert list(pool.map(log_in_a_process, [path] * 3, runs[1:])) == [POINTS] * 3
        for run_id in runs:
            assert_points(store, run_id)
    busy.finish()
    store.close()


def log_in_a_process(path: Path, run_id: str) -> int:
    """Some points, without any goodbye."""
    store = open_store(path)
    for step in range(POINTS):
        store.metrics.log(run_id, "loss", step / 3, step)
    return POINTS


@pytest.mark.slow
def test_processes_and_pools_log_however_they_are_started(tmp_path: Path) -> None:
    run_apart(use_a_pool, tmp_path / "store")
    with opened(tmp_path / "store") as store:
        workers.assert_sound(store)


@pytest.mark.parametrize("ending", ["sys.exit(0)", "os._exit(0)"])
def test_a_child_ends_as_it_likes(tmp_path: Path, ending: str) -> None:
    """Exit handlers, inherited from the parent, close what is the child's and nothing else."""
    script = f"""
        import os, sys
        from eventtrack.store import open_store
        store = open_store({str(tmp_path / "store")!r})
        run_id = store.runs.create("0", run_id="a" * 32).info.run_id
        store.metrics.log(run_id, "loss", 1.0, 0)
        pid = os.fork()
        if not pid:
            store.metrics.log(run_id, "loss", 2.0, 1)
            {ending}
        assert os.waitpid(pid, 0)[1] == 0
        store.metrics.log(run_id, "loss", 3.0, 2)
        """
    subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", textwrap.dedent(script)],
        check=True,
        timeout=workers.PATIENCE_S,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    with opened(tmp_path / "store") as store:
        steps = [one.body["step"] for one in store.events.read(types=["run.metric_logged"])]
        assert sorted(steps) == [0, 1, 2]
        workers.assert_sound(store)
