"""The work that peers do, each in a virtual environment of its own: standard library only.

`python _peer_NAME.py TASK FOLDER ROUNDS` prints the samples of a task as JSON. What it does is what
`logging_calls.py` and `runs.py` have eventtrack do.
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Protocol

PARAMS = {f"param-{place}": f"value-{place}" for place in range(10)}
TAGS = {f"tag-{place}": f"value-{place}" for place in range(5)}
METRICS = tuple(f"metric-{place}" for place in range(5))
STEPS = 10
WIDE = tuple(f"metric-{place}" for place in range(100))


class Peer(Protocol):
    """Another tracker. `calls`: as many of 20,000 as it does in a few seconds."""

    calls: int

    def open(self, folder: Path) -> None:
        """Be ready to log into a folder."""

    def begin(self, params: dict[str, str], tags: dict[str, str]) -> None:
        """Start a run with params and tags."""

    def log(self, metrics: dict[str, float], step: int) -> None:
        """Log one point of each metric."""

    def end(self) -> None:
        """End the run; all of it is on its way to the disk."""

    def count(self, folder: Path) -> int:
        """In a new process: how many points of `loss` can be read."""


def main(peer: Peer) -> None:
    """Do what the command line asks for."""
    task, folder, rounds = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    if task == "read":
        # `rounds` is the number of points to wait for.
        while peer.count(folder) < rounds:
            time.sleep(0.005)
        return
    peer.open(folder)
    tasks = {"call_us": _call_us, "visible_ms": _visible_ms, "script_ms": _script_ms}
    print(json.dumps([tasks[task](peer, folder) for _ in range(rounds)]))


def _call_us(peer: Peer, folder: Path) -> float:
    peer.begin({}, {})
    clock = time.perf_counter_ns
    taken = []
    for step in range(peer.calls):
        began = clock()
        peer.log({"loss": 0.25}, step)
        taken.append(clock() - began)
    peer.end()
    return statistics.median(taken) / 1000


def _visible_ms(peer: Peer, folder: Path) -> float:
    """Per 1,000 calls, the start of the process that reads them included."""
    peer.begin({}, {})
    began = time.perf_counter()
    for step in range(peer.calls):
        peer.log({"loss": 0.25}, step)
    peer.end()
    subprocess.run([sys.executable, sys.argv[0], "read", str(folder), str(peer.calls)], check=True)
    return (time.perf_counter() - began) / peer.calls * 1e6


def _script_ms(peer: Peer, folder: Path) -> float:
    began = time.perf_counter()
    peer.begin(PARAMS, TAGS)
    for step in range(STEPS):
        peer.log(dict.fromkeys(METRICS, 0.25), step)
    peer.end()
    return (time.perf_counter() - began) * 1e3
