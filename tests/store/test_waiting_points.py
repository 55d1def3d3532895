"""Slow points wait in the journal of their process; every read shows them all the same."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.projections.digest import digest
from eventtrack.store import Store, open_store
from tests.crash import workers
from tests.crash.workers import opened

RUN = "b" * 32


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with a run of id b..., with points that the log has."""
    with opened(tmp_path / "store") as store:
        store.runs.create("0", run_id=RUN)
        for step in range(3):
            store.metrics.log(RUN, "loss", 1.0, step, step)
        store.flush()
        yield store


def train(path: Path, notes: Path) -> None:
    """Log two steps, say so, and wait for the end."""
    store = open_store(path)
    sink = store.metrics.sink(RUN)
    sink.log("loss", 0.5, 3, 3)
    sink.log_many({"loss": 0.25, "accuracy": 0.75}, 4, 4)
    notes.touch()
    workers.until(notes.with_suffix(".end").exists)


@pytest.fixture
def training(store: Store, tmp_path: Path) -> Iterator[int]:
    """The process of a training whose points wait, with the head of the log before them."""
    notes = tmp_path / "notes"
    process = workers.start(train, store.path, notes)
    workers.until(notes.exists)
    yield process.pid or 0
    notes.with_suffix(".end").touch()
    process.join()


def test_reads_show_what_waits_and_write_nothing(store: Store, training: int) -> None:
    head = store.events.head()
    assert list(store.metrics.arrays(RUN, "loss").steps) == [0, 1, 2, 3, 4]
    assert [(it.key, it.value) for it in store.metrics.latest(RUN)] == [
        ("accuracy", 0.75),
        ("loss", 0.25),
    ]
    assert store.metrics.keys(RUN) == ["accuracy", "loss"]
    assert [it.step for it in store.metrics.history(RUN, "loss", 2)] == [0, 1]
    found = store.runs.search(["0"], "metrics.accuracy > 0.7 and metrics.loss < 0.3")
    assert [run.info.run_id for run in found] == [RUN]
    assert not store.runs.search(["0"], "metrics.loss > 0.4")
    assert store.events.head() == head
    assert training


def test_what_waits_is_shown_as_the_log_will_show_it(store: Store, training: int) -> None:
    with store.replication.views() as reader:
        ahead = digest(reader)
    assert ahead != store.maintenance.digest()
    store.gather()
    assert store.maintenance.digest() == ahead
    assert store.maintenance.verify()[0]
    assert training


def test_points_are_shown_once_whether_they_wait_or_not(store: Store, training: int) -> None:
    assert len(store.metrics.arrays(RUN, "loss")) == 5
    store.gather()
    assert len(store.metrics.arrays(RUN, "loss")) == 5
    store.runs.set_tags(RUN, {"a": "b"})
    assert len(store.metrics.arrays(RUN, "loss")) == 5
    assert training


def test_a_kill_loses_nothing_that_was_shown(store: Store, training: int) -> None:
    assert len(store.metrics.arrays(RUN, "loss")) == 5
    os.kill(training, signal.SIGKILL)
    workers.until(lambda: _is_gone(store))
    assert len(store.metrics.arrays(RUN, "loss")) == 5


def _is_gone(store: Store) -> bool:
    """Whether the journal of the dead process was moved into the log."""
    store.catch_up()
    waiting = store.waiting()
    return waiting is not None and not waiting.drafts


def test_a_rewind_and_a_fork_take_what_waits(store: Store, training: int) -> None:
    fork = store.forks.fork(RUN)
    assert len(store.metrics.arrays(fork, "loss")) == 5
    assert store.metrics.rewind(RUN, 2)
    assert list(store.metrics.arrays(RUN, "loss").steps) == [0, 1, 2]
    assert list(store.metrics.arrays(fork, "loss").steps) == [0, 1, 2, 3, 4]
    assert training


def test_a_read_in_another_process_shows_what_a_read_here_showed(
    store: Store, training: int
) -> None:
    assert len(store.metrics.arrays(RUN, "loss")) == 5
    store.close()
    with opened(store.path) as other:
        assert len(other.metrics.arrays(RUN, "loss")) == 5
    assert training


def test_a_program_that_ends_still_sees_what_waits(tmp_path: Path) -> None:
    program = (
        "import atexit, sys\n"
        "from pathlib import Path\n"
        "from eventtrack.store import Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "run_id = store.runs.create('0').info.run_id\n"
        "atexit.register(lambda: print(store.runs.get(run_id).data.metrics['loss']))\n"
        "store.metrics.sink(run_id).log('loss', 0.5, 1)\n"
        "store.runs.get(run_id)\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "store")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("0.5\n", 0), done.stderr
