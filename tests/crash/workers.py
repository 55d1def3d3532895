"""What the processes do that these tests start, kill and wait for.

They come from a fork server that has loaded eventtrack and opened nothing: as good as a new
program, and twenty times faster.
"""

import faulthandler
import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType
from typing import Any, Self

from eventtrack.log import drain
from eventtrack.log.environment import Environment
from eventtrack.log.journal import Journal
from eventtrack.store import Store, open_store
from eventtrack.views.records import Metric

# Seconds after which something that should have happened never will.
PATIENCE_S = 60.0

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.crash.workers"])


def start(work: Callable[..., object], *arguments: object) -> BaseProcess:
    """A process of its own that does `work`."""
    process = _context.Process(target=_run, args=(work, *arguments))
    process.start()
    return process


def _run(work: Callable[..., object], *arguments: object) -> None:
    faulthandler.enable()
    work(*arguments)


def finish(*processes: BaseProcess) -> None:
    """Wait until they have ended, and ended well; one that hangs says where, and is killed."""
    for process in processes:
        process.join(PATIENCE_S)
    hung = [process for process in processes if process.is_alive()]
    for process in hung:
        os.kill(process.pid or 0, signal.SIGABRT)
        process.join(1)
        process.kill()
    assert not hung, "it hangs"
    assert [process.exitcode for process in processes] == [0] * len(processes)


def together(count: int, work: Callable[..., object], *arguments: object) -> None:
    """Do `work(number, wait, *arguments)` in several processes; `wait` returns in all at once."""
    barrier = _context.Barrier(count)
    finish(*(start(work, number, barrier.wait, *arguments) for number in range(count)))


def fork(work: Callable[[], object]) -> int:
    """Do `work` in a forked child, which then exits without cleaning up; returns its pid."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def reap(pid: int) -> None:
    """Wait for a forked child, which must have ended well; one that hangs is killed."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            assert status == 0, f"a forked child ended with {status}"
            return
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise AssertionError("a forked child hangs")
        time.sleep(0.002)


class Threads:
    """Threads that go on until told to stop, and whose errors are not lost."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def run(self, work: Callable[..., object], *arguments: object) -> None:
        """Start a thread that does `work`."""

        def guarded() -> None:
            try:
                work(*arguments)
            except BaseException as error:
                self.errors.append(error)

        thread = threading.Thread(target=guarded, daemon=True)
        self._threads.append(thread)
        thread.start()

    def join(self) -> None:
        """Wait until all have ended, and ended well."""
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "a thread hangs"
        if self.errors:
            raise self.errors[0]

    def finish(self) -> None:
        """Tell all to stop, and wait for them."""
        self.stop.set()
        self.join()


def until(condition: Callable[[], object]) -> None:
    """Wait for a condition; an assertion fails when it does not come."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.005)


@contextmanager
def opened(path: Path) -> Iterator[Store]:
    """The store, opened anew and closed at the end."""
    store = open_store(path)
    try:
        yield store
    finally:
        store.close()


def shrink(*, journal_bytes: int = 0, map_bytes: int = 0, drain_ms: int = 0) -> None:
    """Make this process rotate its journal, grow its map or drain at once, or never."""
    if journal_bytes:
        Journal.__init__.__defaults__ = (journal_bytes,)
    if map_bytes:
        defaults = Environment.__init__.__kwdefaults__
        assert defaults is not None
        defaults["map_bytes"] = map_bytes
    if drain_ms:
        vars(drain).update(JOURNAL_DRAIN_INTERVAL_MS=drain_ms, JOURNAL_HELD_S=0.0)


def call(store: Store, run_id: str, number: int) -> None:
    """The call of that number: mostly points, now and then a decision."""
    kind = number % 23
    if kind == 5:
        store.runs.log_params(run_id, {f"p{number}": number})
    elif kind == 11:
        store.runs.set_tags(run_id, {"last": number})
    elif kind == 17:
        store.runs.log_batch(run_id, [Metric(key="call", value=number, timestamp=1, step=number)])
    elif kind == 21:
        store.metrics.sink(run_id).log_many({"call": float(number)}, number, 1)
    else:
        store.metrics.log(run_id, "call", float(number), number, 1)


def number_of(kind: str, body: dict[str, Any]) -> int | None:
    """The number of the call that an event is from; None for an event that is from none."""
    if kind == "run.params_logged":
        return int(next(iter(body["params"].values())))
    if kind == "run.tags_set" and "last" in body["tags"]:
        return int(body["tags"]["last"])
    if kind == "run.metric_logged":
        return int(body["step"])
    if kind == "run.metrics_logged":
        steps = body["steps"]
        return int(steps if isinstance(steps, int) else steps[0])
    return None


def write(path: Path, notes: Path, calls: int = 10**9, **small: int) -> None:
    """Make call after call, and note each one that has returned.

    The notes are lines: `run ID` when a run was made, a number when its call of it returned.
    """
    shrink(**small)
    descriptor = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    store = open_store(path)
    number = 0
    while number < calls and not notes.with_suffix(".stop").exists():
        run_id = store.runs.create("0").info.run_id
        os.write(descriptor, f"run {run_id}\n".encode())
        for one in range(min(500, calls - number)):
            call(store, run_id, one)
            os.write(descriptor, f"{one}\n".encode())
            number += 1
        store.runs.update(run_id, status="FINISHED", end_time=1)
    store.close()


def returned(notes: Path) -> dict[str, int]:
    """How many calls of each run have returned, from the notes of its process."""
    counts: dict[str, int] = {}
    run_id = ""
    for line in notes.read_text().split("\n")[:-1] if notes.exists() else ():
        if line.startswith("run "):
            run_id = line[4:]
            counts[run_id] = 0
        else:
            counts[run_id] = int(line) + 1
    return counts


def until_returned(notes: Path, calls: int) -> None:
    """Wait until a process has noted at least so many calls."""
    until(lambda: sum(returned(notes).values()) >= calls)


def assert_exactly_once(store: Store, counts: dict[str, int]) -> None:
    """Each run's events are its calls, in order, each once; one more may have been under way."""
    for run_id, count in counts.items():
        events = store.events.read(stream=f"run/{run_id}")
        numbers = [number_of(event.type, event.body) for event in events]
        seen = [number for number in numbers if number is not None]
        assert seen == list(range(len(seen))), f"run {run_id}: {count} returned, found {seen}"
        assert count <= len(seen) <= count + 1
        points = store.metrics.arrays(run_id, "call")
        assert len(points) == len({*points.steps})
        wanted = [number for number in seen if number % 23 not in (5, 11)]
        assert sorted(points.steps) == wanted


def assert_sound(store: Store) -> None:
    """Log, feeds, journals, views and blobs are what they must be."""
    report = store.maintenance.check()
    assert report.ok, report.problems
    same, live, rebuilt = store.maintenance.verify()
    assert same, (live, rebuilt)


def kill_after(work: Callable[..., None], *arguments: object) -> None:
    """Do `work`, then die by `kill -9`."""
    work(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)


class Tripwire:
    """Counts the lines of eventtrack that this process runs, and kills it at one of them."""

    def __init__(self, kill_at: int) -> None:
        self.lines = 0
        self._kill_at = kill_at

    def __enter__(self) -> Self:
        threading.settrace(self._trace)
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        threading.settrace(None)

    def _trace(self, frame: FrameType, event: str, _: object) -> Any:
        if f"{os.sep}eventtrack{os.sep}" not in frame.f_code.co_filename:
            return None
        if event == "line":
            self.lines += 1
            if self.lines == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
        return self._trace


def trip(work: Callable[..., None], path: Path, kill_at: int, lines: Path) -> None:
    """Do `work(path)`, dying at its line `kill_at`; if it gets through, note how many it ran."""
    with Tripwire(kill_at) as wire:
        work(path)
    lines.write_text(str(wire.lines))
