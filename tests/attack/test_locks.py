"""Processes that are stopped or killed with a lock or a snapshot in their hands."""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eventtrack.errors import EventtrackWarning, StoreLockedError
from eventtrack.log import environment, locking
from eventtrack.log.locking import FileLock, find_holder, locked
from eventtrack.outbox.outbox import Outbox
from eventtrack.rest import TrackingServer
from eventtrack.rest.address import address_of
from eventtrack.store import open_store
from eventtrack.tokens import Tokens
from tests.attack.damaged import ROOT, in_child

HOLD = """
import fcntl, os, sys, time
descriptor = os.open(sys.argv[1], os.O_RDONLY)
fcntl.flock(descriptor, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(600)
"""
WORK = HOLD.replace("time.sleep(600)", "while True: pass")


@contextmanager
def holder(path: Path, code: str = HOLD) -> Iterator[subprocess.Popen[str]]:
    """A process that has the lock of a file or folder."""
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits are told of after a moment, and given up after a few."""
    monkeypatch.setattr(locking, "LOCK_TOLD_S", 0.05)
    monkeypatch.setattr(locking, "LOCK_WAIT_S_MAX", 0.3)


def write(path: Path, run_id: str, place: str) -> None:
    """Do what needs the lock of a place."""
    if place == "tokens":
        Tokens(path).create("ada", "read")
    elif place == "journal":
        with locked(path / place, "adopt"):
            pass
    else:
        open_store(path).runs.set_tags(run_id, {"a": "b"})


@pytest.mark.usefixtures("soon")
class TestStopped:
    @pytest.mark.parametrize("place", ["log/data.mdb", "views", "journal", "tokens"])
    def test_who_holds_a_lock_is_named_and_waited_for_no_longer_than_a_limit(
        self, tmp_path: Path, place: str
    ) -> None:
        store = open_store(tmp_path / "store")
        run_id = store.runs.create("0").info.run_id
        if place == "views":
            [path] = (tmp_path / "store").glob("views/*/data.mdb")
        else:
            path = tmp_path / "store" / ("" if place == "tokens" else place)
        with holder(path) as process:
            os.kill(process.pid, signal.SIGSTOP)
            with warnings.catch_warnings(record=True) as warned:
                warnings.simplefilter("always")
                with pytest.raises(StoreLockedError, match=str(process.pid)) as caught:
                    write(tmp_path / "store", run_id, place)
            assert "is stopped" in caught.value.message
            assert f"kill -CONT {process.pid}" in caught.value.hint
            [said] = [one for one in warned if one.category is EventtrackWarning]
            assert f"process {process.pid}" in str(said.message)
        # The lock that was waited for in vain is nobody's now, and is taken as ever.
        store.runs.set_tags(run_id, {"a": "b"})
        assert store.runs.get(run_id).data.tags["a"] == "b"

    def test_who_empties_an_outbox_is_waited_for_no_longer_than_a_limit(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "users.lock").touch()
        server = TrackingServer(address_of("http://127.0.0.1:9"))
        with holder(tmp_path / "users.lock") as process:
            os.kill(process.pid, signal.SIGSTOP)
            with (
                pytest.warns(EventtrackWarning, match=f"process {process.pid}"),
                pytest.raises(StoreLockedError, match=str(process.pid)),
            ):
                Outbox(tmp_path, server)
        Outbox(tmp_path, server).close(0)

    def test_reads_go_on(self, tmp_path: Path) -> None:
        store = open_store(tmp_path / "store")
        run_id = store.runs.create("0").info.run_id
        with holder(tmp_path / "store" / "log" / "data.mdb") as process:
            os.kill(process.pid, signal.SIGSTOP)
            assert store.runs.get(run_id).info.run_id == run_id

    def test_threads_that_queue_behind_each_other_are_all_told_at_once(
        self, tmp_path: Path
    ) -> None:
        store = open_store(tmp_path / "store")
        run_id = store.runs.create("0").info.run_id
        refused: list[float] = []

        def write() -> None:
            try:
                store.runs.set_tags(run_id, {"a": "b"})
            except StoreLockedError:
                refused.append(time.monotonic())

        with holder(tmp_path / "store" / "log" / "data.mdb"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            threads = [threading.Thread(target=write) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join(60)
        assert len(refused) == 8

    def test_a_holder_that_works_is_waited_for(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        lock = FileLock(tmp_path / "file")
        with holder(tmp_path / "file", WORK) as process:
            done = threading.Event()

            def wait() -> None:
                with lock.held():
                    done.set()

            thread = threading.Thread(target=wait)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                thread.start()
                assert not done.wait(1.5)
                process.kill()
                assert done.wait(60)
                thread.join()


def test_a_lock_that_comes_is_taken_without_a_word(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    lock, other = FileLock(tmp_path / "file"), FileLock(tmp_path / "file")
    other.acquire()
    timer = threading.Timer(0.05, other.release)
    timer.start()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        lock.acquire()
    timer.join()
    lock.release()
    assert find_holder(tmp_path / "file") is None


def test_many_threads_and_lock_objects_never_hold_one_lock_at_once(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    inside: list[int] = []
    seen: list[int] = []

    def work(number: int) -> None:
        lock = FileLock(tmp_path / "file")
        for _ in range(50):
            with lock.held():
                inside.append(number)
                seen.append(len(inside))
                inside.pop()
        lock.close()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert seen == [1] * 400


def test_a_killed_reader_does_not_keep_pages_from_being_used_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "READER_CHECKS", 4)
    store = open_store(tmp_path / "store")
    run_id = store.runs.create("0").info.run_id
    code = (
        "import os, sys; from eventtrack.store import open_store\n"
        "read = open_store(sys.argv[1])._engine.log.environment.read(); read.__enter__()\n"
        "os.kill(os.getpid(), 9)"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "store")],
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    readers = store._engine.log.environment._lmdb.readers
    pids = {line.split()[0] for line in readers().splitlines()[1:]}
    assert pids - {str(os.getpid())}, "the killed one left no slot"
    for number in range(12):
        store.runs.set_tags(run_id, {"n": str(number)})
    pids = {line.split()[0] for line in readers().splitlines()[1:]}
    assert pids <= {str(os.getpid())}


def test_a_child_of_a_process_that_waits_does_not_keep_the_lock(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    lock, other = FileLock(tmp_path / "file"), FileLock(tmp_path / "file")
    other.acquire()
    thread = threading.Thread(target=lock.acquire)
    thread.start()
    assert in_child(lambda: None) == 0
    other.release()
    thread.join(60)
    lock.release()
    other.acquire()
    other.release()
