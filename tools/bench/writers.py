"""Programs that log to a shared log without a server between: how much, and how soon it is seen.

The engines, the writers and the server share this machine's processors. Where other programs have
them too, only the processor time that a million points cost says something.
"""

import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

from _harness import Report, Samples
from _load import Connection
from cluster import engine, member

from eventtrack.outbox.publishing import publish
from eventtrack.store import Store
from eventtrack.views.records import Metric

WRITERS = 16
POINTS, BATCH = 50_000, 500
WRITTEN_GOAL = 150_000.0
CALLS, EVERY_S = 30, 1.0
SEEN_GOAL_MS = 300.0
_spawn = multiprocessing.get_context("spawn")

# A program that logs a step a second, and says when it called.
PROGRAM = """
import sys, time, eventtrack
eventtrack.set_tracking_uri(sys.argv[1])
with eventtrack.start_run() as run:
    print(run.info.run_id, flush=True)
    for step in range(int(sys.argv[2])):
        time.sleep(float(sys.argv[3]))
        called = time.monotonic()
        eventtrack.log_metric("loss", 1 / (1 + step), step=step)
        print(called, flush=True)
"""


def written(report: Report, folder: Path) -> None:
    """Sixteen writers with a backlog each publish it at once."""
    rates, costs = [], []
    for number in range(report.rounds):
        with engine("three NATS nodes") as (url, _):
            took, cost = _publish_all(folder / f"writers-{number}", url)
        rates.append(WRITERS * POINTS / took)
        costs.append(cost * 1e6 / (WRITERS * POINTS))
    title = f"three NATS nodes: {WRITERS} writers publish"
    report.figure(title, Samples(rates), "points/s", goal=WRITTEN_GOAL)
    report.figure(f"{title}, processor time of the writers a million points", Samples(costs), "s")


def _publish_all(folder: Path, url: str) -> tuple[float, float]:
    """Seconds from the common start until the last has all acknowledged, and processor time."""
    barrier, answers = _spawn.Barrier(WRITERS), _spawn.Queue()
    writers = [
        _spawn.Process(target=_write, args=(folder / str(number), url, barrier, answers))
        for number in range(WRITERS)
    ]
    for writer in writers:
        writer.start()
    told = [answers.get(timeout=600) for _ in writers]
    for writer in writers:
        writer.join()
    begun, ended, cost = zip(*told, strict=True)
    return max(ended) - min(begun), sum(cost)


def _write(folder: Path, url: str, barrier: Barrier, answers: Any) -> None:
    folder.mkdir(parents=True)
    store = Store(folder / "store")
    run_id = store.runs.create("0").info.run_id
    for first in range(0, POINTS, BATCH):
        steps = range(first, first + BATCH)
        points = [Metric(key="loss", value=1 / (1 + n), timestamp=n, step=n) for n in steps]
        store.runs.log_batch(run_id, metrics=points)
    store.flush()
    barrier.wait()
    begun, spent = time.monotonic(), time.process_time()
    publish(store, url)
    answers.put((begun, time.monotonic(), time.process_time() - spent))


def seen(report: Report, folder: Path) -> None:
    """A program logs a step a second; how long until another machine's server shows the step."""
    for name in ("PostgreSQL", "three NATS nodes"):
        with engine(name) as (url, _), member(folder, f"seen-{name[0]}", url) as (port, _):
            delays = sorted(_delays(folder / f"state-{name[0]}", url, Connection(port)))
        p95 = delays[int(len(delays) * 0.95)]
        report.figure(f"{name}: from a call to a server's view, p50", Samples(delays), "ms")
        report.figure(
            f"{name}: from a call to a server's view, p95", Samples([p95]), "ms", goal=SEEN_GOAL_MS
        )


def _delays(state: Path, url: str, connection: Connection) -> Iterator[float]:
    """Milliseconds from each call until the server has the step."""
    words = [sys.executable, "-c", PROGRAM, url, str(CALLS), str(EVERY_S)]
    environment = {**os.environ, "EVENTTRACK_STATE": str(state)}
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment) as program:
        assert program.stdout is not None
        run_id = program.stdout.readline().strip()
        for step in range(CALLS):
            called = float(program.stdout.readline())
            while _last_step(connection, run_id) < step:
                time.sleep(0.005)
            yield (time.monotonic() - called) * 1000


def _last_step(connection: Connection, run_id: str) -> int:
    found = connection.post(
        "runs/search", {"experiment_ids": ["0"], "filter": f"attributes.run_id = '{run_id}'"}
    )
    metrics = [run["data"].get("metrics", []) for run in found.get("runs", [])]
    return max((int(metric["step"]) for run in metrics for metric in run), default=-1)


def main() -> None:
    """Measure, print, and compare with the goals."""
    report = Report(__doc__.splitlines()[0])
    with report.folder() as folder:
        written(report, folder)
        seen(report, folder)
    report.finish()


if __name__ == "__main__":
    main()
