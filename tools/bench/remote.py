"""Logging to a server: what a call costs, and how soon the server has what was logged."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from _harness import Report, Samples, each_call_us, environment, median_of, seconds
from _peers import Peers

import eventtrack
from eventtrack.fluent.location import close_all

CALLS = 20_000
POINTS = 100_000
RUNS = 20


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """The URL of `eventtrack server` over a new store."""
    command = [sys.executable, "-m", "eventtrack", "--store", str(folder / "server"), "--json"]
    process = subprocess.Popen(
        [*command, "server", "--port", "0"], env=environment(), stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.send_signal(signal.SIGTERM)


def calls(report: Report, peers: Peers, folder: Path, url: str) -> None:
    """The call by itself, on a path and to a server."""
    for name, uri, others in (
        ("on a path", str(folder / "path"), {}),
        ("to a server", url, peers.medians("call_us", ["mlflow"], BENCH_URI=url)),
    ):
        eventtrack.set_tracking_uri(uri)
        taken = []
        for _ in range(report.rounds):
            with eventtrack.start_run():
                taken.append(each_call_us(partial(eventtrack.log_metric, "loss", 0.25), CALLS))
            eventtrack.flush()
        title = f"log_metric {name}, p50 of {CALLS:,} calls"
        report.figure(title, median_of(taken), "us", goal=3, peers=others)


def arrival(report: Report, peers: Peers, url: str) -> None:
    """From the first call until the server has answered the last request."""
    eventtrack.set_tracking_uri(url)
    taken = []
    for _ in range(report.rounds):
        with eventtrack.start_run():
            began = time.perf_counter()
            for step in range(POINTS):
                eventtrack.log_metric("loss", 0.25, step)
            eventtrack.flush()
            taken.append((time.perf_counter() - began) * 1e6 / POINTS)
    others = peers.medians("visible_ms", ["mlflow"], BENCH_URI=url)
    title = f"{POINTS:,} calls until the server has all, per 1,000"
    report.figure(title, Samples(taken), "ms", goal=30, peers=others)


def start(report: Report, url: str) -> None:
    """A run that begins and ends, which asks the server once."""
    eventtrack.set_tracking_uri(url)

    def some() -> None:
        for _ in range(RUNS):
            with eventtrack.start_run():
                pass

    taken = [seconds(some) / RUNS * 1e3 for _ in range(report.rounds)]
    report.figure(f"a run that begins and ends, {RUNS} in a row", Samples(taken), "ms")


def main() -> None:
    """All of it."""
    report = Report(__doc__.splitlines()[0])
    peers = Peers(report)
    with report.folder() as folder:
        os.environ["EVENTTRACK_STATE"] = str(folder / "state")
        with server(folder) as url:
            calls(report, peers, folder, url)
            arrival(report, peers, url)
            start(report, url)
            close_all()  # before its outbox is removed
    report.finish()


if __name__ == "__main__":
    main()
