"""Sync: a million points over a folder, a bucket, a pipe and HTTP, and a round without news."""

import contextlib
import json
import os
import shlex
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from _harness import Report, Samples, measure
from _work import new_store, store_of_one_series, store_of_runs

from eventtrack.store import Store
from eventtrack.sync import Ways, create_bundle, synchronize
from eventtrack.sync.frames import encode_heads
from eventtrack.sync.peer import StoreRemote
from eventtrack.sync.ssh import COMMAND_VARIABLE

POINTS = 1_000_000
RUNS = 10_000
GOAL_POINTS_PER_S = 300_000
ROUNDS = 3


def shell_for_ssh(folder: Path) -> str:
    """A URL for a store in `folder` behind a plain shell in ssh's place."""
    script, program = folder / "ssh", folder / "eventtrack-there"
    script.write_text('#!/bin/sh\nexec sh -c "exec $2"\n')
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m eventtrack "$@"\n')
    for file in (script, program):
        file.chmod(0o755)
    os.environ[COMMAND_VARIABLE] = str(script)
    return f"ssh://host{{path}}?program={program}"


@contextlib.contextmanager
def served(path: Path) -> Iterator[str]:
    """The URL of a server of the store at `path`, in a process of its own."""
    words = [sys.executable, "-m", "eventtrack", "--store", str(path), "--json", "server"]
    with subprocess.Popen([*words, "--port", "0"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
        process.terminate()


@contextlib.contextmanager
def bucket_server() -> Iterator[str]:
    """The URL of an S3 server, in a process of its own; the environment names it as well."""
    words = [sys.executable, str(Path(__file__).parents[1] / "s3_server.py")]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        os.environ |= {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_REGION": "us-east-1",
            "AWS_ALLOW_HTTP": "true",
        }
        yield url
        process.kill()


def over_a_bucket(report: Report, folder: Path, store: Store) -> None:
    """Both ways of a whole store; what a round without news asks for; and small segments."""
    pushed, pulled, whole = [], [], []
    with bucket_server() as server:

        def requests() -> int:
            with urllib.request.urlopen(f"{server}/-/requests") as answer:
                return len(json.load(answer))

        for number in range(ROUNDS):
            target, url = new_store(folder, f"bucket target {number}"), f"s3://bucket/{number}"
            began = time.perf_counter()
            synchronize(store, url, Ways(pull=False))
            half = time.perf_counter()
            synchronize(target, url, Ways(push=False))
            ended = time.perf_counter()
            pushed.append(POINTS / (half - began))
            pulled.append(POINTS / (ended - half))
            whole.append(POINTS / (ended - began))
            target.close()
        report.figure("push to a bucket of a test server", Samples(pushed), "points/s")
        report.figure("pull from it", Samples(pulled), "points/s")
        name = "from store to store over a bucket of a test server"
        report.figure(name, Samples(whole), "points/s", goal=GOAL_POINTS_PER_S)
        for rounds in range(300):
            store.runs.create("0", run_name=str(rounds))
            synchronize(store, url, Ways(pull=False))
        requests()
        nothing = measure(lambda: synchronize(store, url), report.rounds).scaled(1e3)
        report.figure("a round without news, bucket", nothing, "ms", goal=50)
        report.note(f"requests of a round without news, bucket: {requests() / (report.rounds + 1)}")


def rates(report: Report, folder: Path, store: Store, title: str, points: int) -> None:
    """Both ways of a whole store, to new places each time."""
    there = shell_for_ssh(folder)
    taken: dict[str, list[float]] = {}

    def timed(name: str, began: float) -> None:
        taken.setdefault(name, []).append(points / (time.perf_counter() - began))

    for number in range(ROUNDS):
        stick = folder / f"{title} stick {number}"
        target = new_store(folder, f"{title} target {number}")
        began = time.perf_counter()
        synchronize(store, str(stick), Ways(pull=False))
        timed("push to a folder", began)
        second = time.perf_counter()
        synchronize(target, str(stick), Ways(push=False))
        timed("pull from a folder", second)
        timed("from store to store over a folder", began)
        began = time.perf_counter()
        target.maintenance.stats()
        timed("what a reader then folds", began)
        target.close()
        began = time.perf_counter()
        synchronize(store, there.format(path=folder / f"{title}-there-{number}"))
        timed("from store to store over a pipe, a new process", began)
        with served(folder / f"{title}-served-{number}") as url:
            began = time.perf_counter()
            synchronize(store, url)
            timed("from store to store over HTTP, pushed", began)
            target = new_store(folder, f"{title} puller {number}")
            began = time.perf_counter()
            synchronize(target, url)
            timed("from store to store over HTTP, pulled", began)
            target.close()
    for name, found in taken.items():
        goal = GOAL_POINTS_PER_S if name.startswith("from") else None
        report.figure(f"{name}, {title}", Samples(found), "points/s", goal=goal)


def main() -> None:
    """All of it."""
    report = Report(__doc__.splitlines()[0])
    with report.folder() as folder:
        store, _ = store_of_one_series(folder, POINTS)
        rates(report, folder, store, "one series", POINTS)
        began = time.perf_counter()
        info = create_bundle(store, folder / "all.bundle")
        report.note(f"a bundle of it: {time.perf_counter() - began:.2f} s, {info.bytes:,} bytes")
        over_a_bucket(report, folder, store)
        store.close()
        store, _ = store_of_runs(folder, RUNS)
        stick = str(folder / "runs-stick")
        synchronize(store, stick)
        nothing = measure(lambda: synchronize(store, stick), report.rounds).scaled(1e3)
        report.figure(f"a round without news, {RUNS:,} runs, folder", nothing, "ms", goal=50)
        with served(folder / "runs-served") as url:
            synchronize(store, url)
            nothing = measure(lambda: synchronize(store, url), report.rounds).scaled(1e3)
            report.figure(f"a round without news, {RUNS:,} runs, HTTP", nothing, "ms", goal=50)
        remote = StoreRemote(store)
        heads = remote.heads()
        report.note(f"heads of {len(heads)} feed: {len(encode_heads(heads))} bytes")
        store.runs.create("0")
        began = time.perf_counter()
        synchronize(store, stick)
        took = time.perf_counter() - began
        report.note(f"one more run, {RUNS:,} runs: {1e3 * took:.1f} ms")
        store.close()
    report.finish()


if __name__ == "__main__":
    main()
