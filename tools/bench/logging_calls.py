"""Logging: what a call costs, how soon its point can be read elsewhere, what it takes on disk."""

import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from _harness import Report, Samples, disk_bytes, each_call_us, environment, median_of, seconds
from _limits import (
    encode_us,
    fdatasync_ms,
    mmap_copy_us,
    os_write_us,
    python_start_ms,
)
from _peer_driver import METRICS, WIDE
from _peers import Peers
from _work import new_store

import eventtrack
from eventtrack.store import Store, open_store

CALLS = 20_000
WIDE_CALLS = 2_000
DENSE_POINTS = 500_000
PAUSED_CALLS = 100
PAUSE_S = 0.01
PAUSED_MAX_US = 10
PROCESS_MAX_MS = 60

# What a new process does: waits for the word where it is given one, opens the store, asks until
# it can read all points of all metrics.
READER = """
import sys, time
from eventtrack.store import open_store
path, run_id, count, word = sys.argv[1:]
if word:
    print("ready", flush=True)
    sys.stdin.readline()
store = open_store(path, create=False)
def readable():
    return sum(len(store.metrics.arrays(run_id, key)) for key in store.metrics.keys(run_id))
while readable() < int(count):
    time.sleep(0.001)
print("read", flush=True)
"""
FOLLOWER = """
import sys
from eventtrack.store import open_store
from eventtrack.watch import watch
store = open_store(sys.argv[1], create=False)
run_id = sys.argv[2]
known = 0
print("ready", flush=True)
for head in watch(store):
    count = len(store.metrics.arrays(run_id, "loss"))
    if count > known:
        known = count
        print(count, flush=True)
"""


class Process:
    """A process that answers a line on its standard output."""

    def __init__(self, code: str, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env=environment(),
        )

    def line(self) -> str:
        """Its next line."""
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def say(self) -> None:
        """Give it the word."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")

    def end(self) -> None:
        """Let it end, and wait for it."""
        self._process.terminate()
        self._process.communicate()


def calls(report: Report, peers: Peers, folder: Path) -> None:
    """The calls by themselves."""
    write = report.limit("os.write of 90 bytes", os_write_us(folder, report.rounds), "us")
    report.limit("copy of 90 bytes into a map", mmap_copy_us(folder, report.rounds), "us")
    report.limit("msgspec encodes a point", encode_us(report.rounds), "us")
    eventtrack.set_tracking_uri(str(folder / "calls"))
    fluent, sink, wide = [], [], []
    for _ in range(report.rounds):
        with eventtrack.start_run() as run:
            fluent.append(each_call_us(partial(eventtrack.log_metric, "loss", 0.25), CALLS))
            log = open_store(folder / "calls").metrics.sink(run.info.run_id).log
            sink.append(each_call_us(partial(log, "loss", 0.25), CALLS))
            five = dict.fromkeys(METRICS, 0.25)
            wide.append(each_call_us(partial(eventtrack.log_metrics, five), CALLS // 4))
    found = peers.medians("call_us")
    for name, taken, others in (("log_metric", fluent, found), ("sink.log", sink, {})):
        samples = median_of(taken)
        title = f"{name}, p50 of {CALLS:,} calls"
        report.figure(title, samples, "us", goal=0.9, limit=write, ratio_goal=3, peers=others)
    tail = Samples([statistics.quantiles(group, n=100)[98] for group in fluent])
    report.figure("log_metric, p99 of calls", tail, "us", goal=3, limit=write)
    report.figure("log_metrics of 5, p50 of calls", median_of(wide), "us", limit=write)


def after_a_pause(report: Report, folder: Path) -> None:
    """Calls of a program that works in between: caches and the processor have other things."""
    eventtrack.set_tracking_uri(str(folder / "calls"))
    nothing, written, taken = [], [], []
    with eventtrack.start_run(), (folder / "written").open("wb", buffering=0) as file:
        eventtrack.log_metric("loss", 1.0)
        for _ in range(PAUSED_CALLS):
            time.sleep(PAUSE_S)
            began = time.perf_counter_ns()
            ended = time.perf_counter_ns()
            nothing.append((ended - began) / 1e3)
            time.sleep(PAUSE_S)
            written.append(seconds(partial(file.write, bytes(90))) * 1e6)
            time.sleep(PAUSE_S)
            taken.append(seconds(partial(eventtrack.log_metric, "loss", 0.5)) * 1e6)
    report.limit("two looks at the clock after a pause", Samples(nothing), "us")
    limit = report.limit("a write of 90 bytes after a pause", Samples(written), "us")
    name = f"log_metric after a pause of {PAUSE_S * 1e3:g} ms, p50"
    report.figure(name, Samples(taken), "us", goal=PAUSED_MAX_US, limit=limit)


def processes(report: Report, folder: Path) -> None:
    """New processes, over the start of Python: one logs a metric, one lists experiments."""
    store = str(folder / "calls")
    code = f"import eventtrack as m; m.set_tracking_uri({store!r}); m.log_metric('loss', 0.5)"
    words = [sys.executable, "-m", "eventtrack", "--store", store, "experiments", "list"]
    listed, logged = [], []
    for _ in range(report.rounds):
        start = python_start_ms(1).median
        logged.append(python_start_ms(1, code).median - start)
        run = partial(subprocess.run, words, env=environment(), stdout=subprocess.DEVNULL)
        listed.append(seconds(run) * 1e3 - start)
    limit = report.limit("Python's start", python_start_ms(report.rounds), "ms")
    for name, taken in (("logs a metric and ends", logged), ("lists experiments", listed)):
        report.figure(
            f"a new process {name}, over Python's start",
            Samples(taken),
            "ms",
            goal=PROCESS_MAX_MS,
            limit=limit,
        )


def until_read(report: Report, peers: Peers, folder: Path) -> None:
    """From the first call until another process has read every point."""
    store = new_store(folder, "read")
    flushing, waiting, starting = [], [], []
    for _ in range(report.rounds):
        flushing.append(_log_and_read_ms(store, flush=True, started=True))
        waiting.append(_log_and_read_ms(store, flush=False, started=True))
        starting.append(_log_and_read_ms(store, flush=True, started=False))
    report.limit("Python's start", python_start_ms(report.rounds), "ms")
    code = "import eventtrack.store"
    report.limit("Python's start, importing the store", python_start_ms(report.rounds, code), "ms")
    name = f"{CALLS:,} calls until a new process reads them all, per 1,000"
    report.figure(f"{name}; flush(), its imports done", Samples(flushing), "ms", goal=3)
    report.figure(f"{name}; no flush, its imports done", Samples(waiting), "ms", goal=3)
    found = peers.medians("visible_ms")
    report.figure(f"{name}; flush(), its start included", Samples(starting), "ms", peers=found)


def _log_and_read_ms(store: Store, *, flush: bool, started: bool) -> float:
    """The time for 1,000 of the calls. `started`: the reader has imported before they begin."""
    run_id = store.runs.create("0").info.run_id
    arguments = (READER, str(store.path), run_id, str(CALLS))
    reader = Process(*arguments, "word") if started else None
    if reader is not None:
        assert reader.line() == "ready"
    began = time.perf_counter()
    log = store.metrics.sink(run_id).log
    for step in range(CALLS):
        log("loss", 0.25, step)
    if flush:
        store.flush()
    if reader is None:
        reader = Process(*arguments, "")
    else:
        reader.say()
    assert reader.line() == "read"
    taken = time.perf_counter() - began
    reader.end()
    return taken * 1e6 / CALLS


def latency(report: Report, folder: Path) -> None:
    """One point, from the call until another process, which watches, has it."""
    sync = report.limit("fdatasync of 4 KiB", fdatasync_ms(folder, report.rounds), "ms")
    store = new_store(folder, "latency")
    run_id = store.runs.create("0").info.run_id
    log = store.metrics.sink(run_id).log
    follower = Process(FOLLOWER, str(store.path), run_id)
    follower.line()
    seen = []
    flushed = []
    for step in range(5 * report.rounds):
        began = time.perf_counter()
        log("loss", 0.25, step)
        follower.line()
        seen.append((time.perf_counter() - began) * 1e3)
        time.sleep(0.02)
        log("accuracy", 0.5, step)
        flushed.append(seconds(store.flush) * 1e3)
    follower.end()
    report.figure("one call until a watching process has the point", Samples(seen), "ms", goal=100)
    report.figure("flush after one call", Samples(flushed), "ms", limit=sync)


def wide(report: Report, folder: Path) -> None:
    """100 metrics a call."""
    store = new_store(folder, "wide")
    metrics = dict.fromkeys(WIDE, 0.25)
    points = WIDE_CALLS * len(WIDE)

    def log_and_read() -> float:
        run_id = store.runs.create("0").info.run_id
        log_many = store.metrics.sink(run_id).log_many
        began = time.perf_counter()
        for step in range(WIDE_CALLS):
            log_many(metrics, step)
        assert sum(len(store.metrics.arrays(run_id, key)) for key in WIDE) == points
        return points / (time.perf_counter() - began)

    log_and_read()
    rates = Samples([log_and_read() for _ in range(report.rounds)])
    name = f"100 metrics a call, {WIDE_CALLS:,} calls until all are read"
    report.figure(name, rates, "points/s", goal=1_500_000)


def disk(report: Report, folder: Path) -> None:
    """What points take on disk, of a store that holds nothing else."""
    for name, metrics, goal in (
        ("one metric", ("loss",), 25),
        ("5 metrics a call", METRICS, 25),
        ("10 metrics a call", WIDE[:10], 15),
    ):
        found: dict[str, list[float]] = {"log": [], "views": []}
        for place in range(min(report.rounds, 3)):
            store = new_store(folder, f"{name}-{place}")
            sink = store.metrics.sink(store.runs.create("0").info.run_id)
            empty = {part: disk_bytes(store.path / part) for part in found}
            for step in range(DENSE_POINTS // len(metrics)):
                if len(metrics) == 1:
                    sink.log("loss", 1 / (step + 1), step)
                else:
                    sink.log_many(dict.fromkeys(metrics, 1 / (step + 1)), step)
                # At the pace of a fast training: the journal is drained many times meanwhile.
                if step % 2_000 == 0:
                    time.sleep(0.005)
            store.flush()
            store.catch_up()
            for part, taken in found.items():
                size = disk_bytes(store.path / part) - empty[part]
                taken.append(size / DENSE_POINTS)
            store.close()
        both = [sum(pair) for pair in zip(*found.values(), strict=True)]
        title = f"{name}, {DENSE_POINTS:,} points, on disk"
        report.figure(f"{title}, log and views", Samples(both), "bytes/point", goal=goal)
        for part, taken in found.items():
            report.figure(f"{title}, {part}", Samples(taken), "bytes/point")


def main() -> None:
    """All of it."""
    report = Report(__doc__.splitlines()[0])
    peers = Peers(report)
    with report.folder() as folder:
        calls(report, peers, folder)
        after_a_pause(report, folder)
        processes(report, folder)
        until_read(report, peers, folder)
        latency(report, folder)
        wide(report, folder)
        disk(report, folder)
    report.finish()


if __name__ == "__main__":
    main()
