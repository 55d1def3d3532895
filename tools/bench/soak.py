"""A soak: batches, searches, histories and uploads at once, for minutes or an hour.

    python tools/bench/soak.py --minutes 60

What counts is that neither memory nor the processor time of a request grows: the last third of the
time stands beside the middle third, and the first, in which caches fill, is left out. Clients pause
between requests, as trainings and pages do, so the server is busy but not at its limit.
"""

import random
import statistics
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

from _harness import Report, Samples
from _load import Connection, anonymous_mb, at_step, batch, cpu_s, search
from server import server

PAUSE_S = 0.02
SAMPLE_S = 0.5
# Before and in the soak; the greatest in MB of anonymous memory.
IDLE_MAX_MB = 35
LOADED_MAX_MB = 64
GROWTH_MAX = 1.1
RUNS = 50
PAGE = 1000
_POINT = {"value": 0.25, "timestamp": 1_700_000_000_000}
_FILE_BYTES = 2**20
_fork = get_context("fork")


class Client(NamedTuple):
    """A kind of client: what each does again and again, and how many there are."""

    name: str
    clients: int
    work: "Callable[[Connection, str, int], object]"


def _log(connection: Connection, run_id: str, step: int) -> None:
    connection.ask(at_step(connection.request("runs/log-batch", batch(run_id, 20)), step))


def _search(connection: Connection, run_id: str, step: int) -> None:
    connection.post("runs/search", search(run_id))


def _history(connection: Connection, run_id: str, step: int) -> None:
    words = f"run_id={run_id}&metric_key=metric-0&max_results={PAGE}"
    connection.get(f"metrics/get-history?{words}")


def _upload(connection: Connection, run_id: str, step: int) -> None:
    block = random.randbytes(_FILE_BYTES)
    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/{step % 100}.bin"
    connection.upload(path, [block])


CLIENTS = (
    Client("log-batch of 20", 4, _log),
    Client("search", 2, _search),
    Client("history", 2, _history),
    Client("upload of 1 MiB", 1, _upload),
)


def _run(client: Client, port: int, run_id: str, ends: float, answers: Any) -> None:
    connection, step, taken = Connection(port), random.randrange(10**6, 2 * 10**6), []
    while (began := time.monotonic()) < ends:
        client.work(connection, run_id, step)
        taken.append((began, (time.monotonic() - began) * 1e3))
        step += 1
        time.sleep(PAUSE_S)
    answers.put((client.name, taken))


def soak(report: Report, folder: Path, minutes: float) -> None:
    """All clients at once, and the server's memory beside them."""
    with server(folder) as (port, process):
        time.sleep(2)
        idle = anonymous_mb(process)
        connection = Connection(port)
        runs = [
            connection.post("runs/create", {"experiment_id": "0"})["run"]["info"]["run_id"]
            for _ in range(RUNS)
        ]
        for run_id in runs:  # a full page of history, so that pages do not grow in the soak
            points = [{"key": "metric-0", **_POINT, "step": step} for step in range(PAGE)]
            connection.post("runs/log-batch", {"run_id": run_id, "metrics": points})
        answers, began = _fork.Queue(), time.monotonic()
        ends = began + minutes * 60
        crowd = [
            _fork.Process(target=_run, args=(client, port, random.choice(runs), ends, answers))
            for client in CLIENTS
            for _ in range(client.clients)
        ]
        for one in crowd:
            one.start()
        memory, used = [], []
        while time.monotonic() < ends:
            time.sleep(SAMPLE_S)
            memory.append((time.monotonic(), anonymous_mb(process)))
            used.append((time.monotonic(), cpu_s(process)))
        found = [answers.get(timeout=60) for _ in crowd]
        for one in crowd:
            one.join()
    third = (ends - began) / 3
    middle, last = (began + third, began + 2 * third), (began + 2 * third, ends)
    report.figure("anonymous memory, idle", Samples([idle]), "MB", goal=IDLE_MAX_MB)
    most = max(size for _, size in memory)
    report.figure("anonymous memory, the most", Samples([most]), "MB", goal=LOADED_MAX_MB)
    sizes = [statistics.median(_within(memory, *part)) for part in (middle, last)]
    _growth(report, "anonymous memory", *sizes)
    for client in CLIENTS:
        calls = [call for name, taken in found if name == client.name for call in taken]
        late = _within(calls, *last)
        report.figure(f"{client.name}, p50", Samples([statistics.median(late)]), "ms")
        report.figure(f"{client.name}, p95", Samples([statistics.quantiles(late, n=20)[18]]), "ms")
    calls = [call for _, taken in found for call in taken]
    costs = [_cost_us(_within(used, *part), len(_within(calls, *part))) for part in (middle, last)]
    report.figure("the server's processor time a request", Samples([costs[1]]), "us")
    _growth(report, "the server's processor time a request", *costs)
    count = len(calls)
    report.note(f"{count:,} requests in {minutes:g} minutes; latencies are of the last third.")


def _within(samples: list[tuple[float, float]], began: float, ended: float) -> list[float]:
    return [value for at, value in samples if began <= at < ended]


def _cost_us(used: list[float], requests: int) -> float:
    return (used[-1] - used[0]) / requests * 1e6


def _growth(report: Report, name: str, middle: float, last: float) -> None:
    title = f"{name}, last third to middle third"
    report.figure(title, Samples([last / middle]), "x", goal=GROWTH_MAX)


def main() -> None:
    """All of it."""
    minutes = {"--minutes": (0.5, "how long")}
    report = Report(__doc__.splitlines()[0], numbers=minutes)
    with report.folder() as folder:
        soak(report, folder, report.options.minutes)
    report.finish()


if __name__ == "__main__":
    main()
