"""Slow training: one step a second, while another process and a page watch. Takes real time."""

import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _harness import Report, Samples, environment
from _work import new_store

STEPS = 300
EIGHT = 8
HISTORY = "/api/2.0/mlflow/metrics/get-history"

# What a training does: logs the metrics of a step, one call each or all in one call, once a second.
# At the end it says when it logged each step, and what it wrote to the disk for it.
TRAINING = """
import json, sys, time
from pathlib import Path
from eventtrack.store import open_store
path, run_id, steps, metrics, calls = sys.argv[1:]
names = [f"metric-{place}" for place in range(int(metrics))]
def written():
    text = Path("/proc/self/io").read_text()
    return int(text.partition("\\nwrite_bytes:")[2].split()[0])
store = open_store(path, create=False)
sink = store.metrics.sink(run_id)
for _ in range(30):  # a store in use: its file has the free pages that commits work with
    sink.log("warm-up", 0.0)
    store.flush()
size = (store.path / "log" / "data.mdb").stat().st_blocks * 512
before, commits, logged = written(), store.change_count(), []
for step in range(int(steps)):
    time.sleep(1)
    logged.append(time.perf_counter())
    if calls == "one":
        sink.log_many(dict.fromkeys(names, 1 / (step + 1)), step)
    else:
        for name in names:
            sink.log(name, 1 / (step + 1), step)
store.flush()
size = (store.path / "log" / "data.mdb").stat().st_blocks * 512 - size
print(json.dumps([logged, size, written() - before, store.change_count() - commits]), flush=True)
store.close()
"""
# A process that watches the store, as `eventtrack watch` does: says when it sees each step.
WATCHER = """
import sys, time
from eventtrack.store import open_store
from eventtrack.watch import watch
path, run_id, steps = sys.argv[1:]
store = open_store(path, create=False)
known = 0
print("ready", flush=True)
for _ in watch(store):
    count = len(store.metrics.arrays(run_id, "metric-0"))
    for step in range(known, count):
        print(time.perf_counter(), flush=True)
    known = count
    if known == int(steps):
        break
"""


class Training:
    """A training in a store of its own, with a process and a page that watch if `watched`."""

    def __init__(self, folder: Path, metrics: int, calls: str, *, watched: bool) -> None:
        name = f"{metrics}-{calls}-{watched}"
        store = new_store(folder, name)
        self.run_id = store.runs.create("0").info.run_id
        self.path, self.metrics = store.path, metrics
        store.close()
        self.watcher = self.server = None
        self.page: list[float] = []
        if watched:
            words = [str(self.path), self.run_id, str(STEPS)]
            self.watcher = _python("-c", WATCHER, *words)
            assert self.watcher.stdout is not None
            self.watcher.stdout.readline()
            words = ["--store", str(self.path), "--json", "server", "--port", "0"]
            self.server = _python("-m", "eventtrack", *words)
            assert self.server.stdout is not None
            url = json.loads(self.server.stdout.readline())["url"]
            port = int(url.rpartition(":")[2])
            threading.Thread(target=self._watch_page, args=(port,), daemon=True).start()
        self.training = _python(
            "-c", TRAINING, str(self.path), self.run_id, str(STEPS), str(metrics), calls
        )

    def _watch_page(self, port: int) -> None:
        known = 0
        for _ in _news(port):
            count = len(
                _get(port, f"{HISTORY}?run_id={self.run_id}&metric_key=metric-0").get("metrics", ())
            )
            self.page += [time.perf_counter()] * (count - known)
            known = count

    def finish(self) -> dict[str, list[float]]:
        """What it cost, a number for each figure; latencies have one for each step."""
        out, _ = self.training.communicate()
        logged, size, written, commits = json.loads(out)
        found: dict[str, list[float]] = {
            "written": [written / STEPS / 1024],
            "commits": [commits / STEPS],
        }
        if self.watcher is not None and self.server is not None:
            seen = [float(line) for line in self.watcher.communicate()[0].split()]
            time.sleep(1)
            self.server.terminate()
            self.server.communicate()
            found["watcher"] = _between_ms(logged, seen)
            found["page"] = _between_ms(logged, self.page)
        found["log"] = [size / STEPS / self.metrics]
        return found


def _between_ms(logged: list[float], seen: list[float]) -> list[float]:
    assert len(seen) == len(logged), f"{len(logged)} steps were logged, {len(seen)} seen"
    return [(late - early) * 1e3 for early, late in zip(logged, seen, strict=True)]


def _python(*words: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, text=True, env=environment()
    )


def _news(port: int) -> Iterator[bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", "/api/eventtrack/1/live")
    answer = connection.getresponse()
    try:
        while line := answer.readline():
            if line.startswith(b"event: changes"):
                yield line
    except OSError:
        return


def _get(port: int, path: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", path)
    return json.loads(connection.getresponse().read())


def main() -> None:
    """All of it, at the same time: trainings that sleep disturb no other."""
    report = Report(__doc__.splitlines()[0])
    with report.folder() as folder:
        trainings = {
            f"{metrics} a step{', watched' if watched else ''}": Training(
                folder, metrics, "one", watched=watched
            )
            for metrics in (1, EIGHT)
            for watched in (False, True)
        }
        trainings[f"{EIGHT} a step, a call each"] = Training(folder, EIGHT, "each", watched=False)
        for name, training in trainings.items():
            for key, values in training.finish().items():
                title, unit, goal = FIGURES[key]
                report.figure(f"{name}: {title}", Samples(values), unit, goal=goal)
    report.finish()


FIGURES: dict[str, tuple[str, str, float]] = {
    "log": ("the log", "bytes/point", 80),
    "written": ("written to disk", "KiB/step", 10),
    "commits": ("durable commits a step", "", 1),
    "watcher": ("until a process that watches has the point", "ms", 300),
    "page": ("until a page has the point", "ms", 300),
}


if __name__ == "__main__":
    main()
