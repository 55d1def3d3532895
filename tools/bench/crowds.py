"""Crowds: 300 writers of one run over HTTP, and 64 processes on one folder.

    python tools/bench/crowds.py --writers 300 --processes 64

Each writer logs a step a second, as a training does, into the same run: its latency counts, and
every point has to be there. The processes start together, each with a run of its own; none waits
for another, and a new process then reads all of their points.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

from _harness import Report, Samples, environment
from _limits import python_start_ms
from _load import Connection, at_step, cpu_s, metric
from server import server

from eventtrack.store import open_store

RUN_S = 5
P99_MAX_MS = 50
POINTS = 1_000
# Steps have 7 digits.
FIRST_STEP = 1_000_000

# A process of a crowd: a run of its own, then how long its calls took, each.
PROGRAM = """
import json, sys, time
import eventtrack
eventtrack.set_tracking_uri(sys.argv[1])
clock, taken = time.perf_counter, []
with eventtrack.start_run():
    for step in range(int(sys.argv[2])):
        began = clock()
        eventtrack.log_metric("loss", 1 / (1 + step), step=step)
        taken.append(clock() - began)
print(json.dumps(taken))
"""


def writers(report: Report, folder: Path, count: int) -> None:
    """Many clients log into one run, a step a second each, spread over the second."""
    with server(folder, "writers") as (port, process):
        connection = Connection(port)
        run_id = connection.post("runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
        request = connection.request("runs/log-metric", metric(run_id))
        spent = cpu_s(process)
        taken = [
            asyncio.run(_write_all(port, request, count, FIRST_STEP + place * count * RUN_S))
            for place in range(report.rounds)
        ]
        spent = cpu_s(process) - spent
    points = count * RUN_S * report.rounds
    with closing(open_store(folder / "writers")) as store:
        found = len(store.metrics.arrays(run_id, "loss"))
    assert found == points, f"{points:,} points were answered for, {found:,} are there"
    title = f"log-metric, {count} clients of one run, a step a second each"
    report.figure(f"{title}, p50", Samples([statistics.median(one) for one in taken]), "ms")
    last = [statistics.quantiles(one, n=100)[98] for one in taken]
    report.figure(f"{title}, p99", Samples(last), "ms", goal=P99_MAX_MS)
    used = Samples([spent / points * 1e6])
    report.figure(f"{title}, the server's processor time a request", used, "us")


async def _write_all(port: int, request: bytes, count: int, first: int) -> list[float]:
    """The latency of each request in milliseconds, of all writers; `first` is the first step."""
    taken: list[float] = []
    began = time.perf_counter() + 1  # until all are connected

    async def write(place: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for step in range(RUN_S):
            await asyncio.sleep(began + place / count + step - time.perf_counter())
            sent = time.perf_counter()
            writer.write(at_step(request, first + place * RUN_S + step))
            await _answer(reader)
            taken.append((time.perf_counter() - sent) * 1e3)
        writer.close()
        await writer.wait_closed()

    await asyncio.gather(*map(write, range(count)))
    return taken


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), head
    size = head.lower().partition(b"content-length:")[2].partition(b"\r")[0]
    await reader.readexactly(int(size))


def processes(report: Report, folder: Path, count: int) -> None:
    """Many processes start at once and log into one store."""
    limit = report.limit("Python's start", python_start_ms(report.rounds), "ms")
    each, last = [], []
    for place in range(report.rounds):
        path = folder / f"processes-{place}"
        open_store(path).close()  # made beforehand, as by the first of a sweep
        words = [sys.executable, "-c", PROGRAM, str(path), str(POINTS)]
        began = time.perf_counter()
        crowd = [
            subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=environment())
            for _ in range(count)
        ]
        calls = [call for one in crowd for call in json.loads(one.communicate()[0])]
        each.append((time.perf_counter() - began) * 1e3 / count)
        last.append(statistics.quantiles(calls, n=100)[98] * 1e6)
        with closing(open_store(path)) as store:
            runs = store.runs.search(["0"], max_results=count + 1)
            found = sum(len(store.metrics.arrays(run.info.run_id, "loss")) for run in runs)
        assert len(runs) == count, f"{count} processes, {len(runs)} runs"
        assert found == count * POINTS, f"{count * POINTS:,} points were logged, {found:,} found"
    title = f"{count} processes on one folder, {POINTS:,} points each"
    report.figure(f"{title}, until the last has ended, a process", Samples(each), "ms", limit=limit)
    report.figure(f"{title}, p99 of a call", Samples(last), "us")


def main() -> None:
    """All of it."""
    report = Report(
        __doc__.splitlines()[0],
        numbers={
            "--writers": (300, "clients of one run"),
            "--processes": (64, "processes on one folder"),
        },
    )
    with report.folder() as folder:
        writers(report, folder, int(report.options.writers))
        processes(report, folder, int(report.options.processes))
    report.finish()


if __name__ == "__main__":
    main()
