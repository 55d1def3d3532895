"""The server: durable batches from many clients at once, and large files.

What counts on a busy machine is the processor time of a request: the rest waits for a turn.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from _bulk import write_runs
from _harness import Report, Samples, environment, measure, seconds
from _limits import fdatasync_ms
from _load import (
    CLIENTS,
    Connection,
    Load,
    batch,
    forget_peak,
    load,
    log_batches,
    metric,
    peak_mb,
    search,
)
from _peers import Peers

from eventtrack.store import open_store

RUN_S = 3.0
# The peer answers a few requests a second.
PEER_RUN_S = 12.0
# Runs in the store that is searched.
SEARCHED = 10_000
FILE_BYTES = 10**9
FILE_ROUNDS = 3
_BLOCK_BYTES = 2**20
_START_S = 60


@contextlib.contextmanager
def server(
    folder: Path, name: str = "server", arguments: Sequence[str] = ()
) -> Iterator[tuple[int, int]]:
    """A server of a store in a folder, as its users start it: port and process."""
    command = [sys.executable, "-m", "eventtrack", "--store", str(folder / name), "--json"]
    process = subprocess.Popen(
        [*command, "server", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    with ending(process):
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        yield int(url.rpartition(":")[2]), process.pid


@contextlib.contextmanager
def mlflow_server(python: Path, folder: Path) -> Iterator[tuple[int, int]]:
    """MLflow's server on SQLite with one worker, as eventtrack's has one: port and process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(python), "-m", "mlflow", "server", "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    process = subprocess.Popen(
        [*command, "--artifacts-destination", str(folder / "files"), "--port", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=folder,
        env=environment(MLFLOW_DISABLE_TELEMETRY="true", HOME=str(folder)),
    )
    with ending(process):
        give_up = time.monotonic() + _START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                if time.monotonic() > give_up or process.poll() is not None:
                    raise
                time.sleep(0.1)
        yield port, process.pid


@contextlib.contextmanager
def ending(process: "subprocess.Popen[str] | subprocess.Popen[bytes]") -> Iterator[None]:
    """End a process with the block, and its children with it."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def batches(report: Report, peers: Peers, folder: Path) -> None:
    """Durable `log-batch` requests."""
    sync = report.limit("fdatasync", fdatasync_ms(folder, report.rounds), "ms")
    encoded = json.dumps(batch("f" * 32)).encode()
    decode = measure(lambda: [msgspec.json.decode(encoded) for _ in range(1000)], report.rounds)
    limit = report.limit("msgspec decodes a request", decode.scaled(1e3), "us")
    with server(folder) as (port, process):
        loads = [log_batches(port, process, RUN_S) for _ in range(report.rounds)]
    for each in loads:
        assert not each.problems, each.problems
    theirs = mlflow_loads(report, peers, folder)
    name = f"log-batch of 100 metrics, {CLIENTS} clients"
    goals = (2000.0, None, 30.0, None)
    units = ("requests/s", "ms", "ms", "us")
    titles = ("", ", p50", ", p99", ", the server's processor time a request")
    for place, (title, unit, goal) in enumerate(zip(titles, units, goals, strict=True)):
        found, other = _column(loads, place), {}
        if theirs:
            other["mlflow"] = _column(theirs, place).median
        against = limit if unit == "us" else sync if unit == "ms" else None
        report.figure(f"{name}{title}", found, unit, goal=goal, limit=against, peers=other)


def _column(loads: list[Load], place: int) -> Samples:
    return Samples([float(each[place]) for each in loads])  # type: ignore[arg-type]


def small_requests(report: Report, folder: Path) -> None:
    """Requests of other sizes and from other numbers of clients, all durable."""
    kinds: tuple[tuple[str, int, str, Callable[[str], dict[str, Any]], float], ...] = (
        ("log-metric, 1 client", 1, "runs/log-metric", metric, 2500),
        ("log-metric, 8 clients", 8, "runs/log-metric", metric, 8000),
        ("log-batch of 1,000, 4 clients", 4, "runs/log-batch", partial(batch, points=1000), 900),
        ("search of 10,000 runs, pages of 100, 4 clients", 4, "runs/search", search, 400),
    )
    write_runs(folder / "small", SEARCHED, "0")
    with contextlib.closing(open_store(folder / "small")) as store:
        store.catch_up()
    with server(folder, "small") as (port, process):
        for name, count, path, body, goal in kinds:
            loads = [load(port, process, RUN_S, count, path, body) for _ in range(report.rounds)]
            for each in loads:
                assert not each.problems, each.problems
            report.figure(name, _column(loads, 0), "requests/s", goal=goal)
            report.figure(f"{name}, p99", _column(loads, 2), "ms")
            title = f"{name}, the server's processor time a request"
            report.figure(title, _column(loads, 3), "us")


def wake_ups(report: Report, folder: Path) -> None:
    """How often the server's threads wake while a page is open and nothing happens."""
    with server(folder, "quiet") as (port, process), socket.socket() as page:
        page.connect(("127.0.0.1", port))
        head = f"GET /api/eventtrack/1/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n"
        page.sendall(head.encode())
        time.sleep(RUN_S)
        rates = []
        for _ in range(report.rounds):
            before = _switches(process)
            time.sleep(RUN_S)
            rates.append((_switches(process) - before) / RUN_S)
    title = "wake-ups with an open page while nothing happens"
    report.figure(title, Samples(rates), "a second", goal=20)


def _switches(process: int) -> int:
    """How often the threads of a process gave up their processor by themselves."""
    count = 0
    for task in Path(f"/proc/{process}/task").iterdir():
        status = (task / "status").read_text()
        count += int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
    return count


def mlflow_loads(report: Report, peers: Peers, folder: Path) -> list[Load]:
    """The same load on MLflow's server; nothing where it is not here or fails."""
    python = peers.python("mlflow")
    if python is None:
        return []
    try:
        with mlflow_server(python, folder) as (port, process):
            loads = [log_batches(port, process, PEER_RUN_S)]
    except (OSError, subprocess.SubprocessError) as error:
        report.note(f"mlflow's server failed: {error}")
        return []
    for problem in {problem for each in loads for problem in each.problems}:
        report.note(f"a client of mlflow's server gave up: {problem[:300]}")
    return loads


def large_files(report: Report, folder: Path) -> None:
    """A file of 1 GB up and down."""
    rounds = min(report.rounds, FILE_ROUNDS)
    source = folder / "source"
    with source.open("wb") as file:
        for block in blocks(0):
            file.write(block)
    copied = Samples([seconds(lambda: copy(source, folder / "copy")) for _ in range(rounds)])
    limit = report.limit("a copy of 1 GB on this disk, synced", copied, "s")
    up, down, peak = [], [], []
    with server(folder) as (port, process):
        connection = Connection(port)
        run = connection.post("runs/create", {"experiment_id": "0"})["run"]["info"]
        for place in range(rounds):
            name = f"/api/2.0/mlflow-artifacts/artifacts/0/{run['run_id']}/artifacts/{place}.bin"
            content = blocks(place + 1)
            forget_peak(process)
            up.append(seconds(partial(connection.upload, name, content)))
            down.append(seconds(partial(connection.download, name)))
            peak.append(peak_mb(process))
    report.figure("upload of 1 GB, durable", Samples(up), "s", limit=limit, ratio_goal=2)
    report.figure("download of 1 GB", Samples(down), "s", limit=limit, ratio_goal=1)
    report.figure("the server's peak memory (VmHWM) in both", Samples(peak), "MB", goal=100)


def blocks(number: int) -> list[bytes]:
    """1 GB that differs from that of other numbers, and takes no memory to speak of."""
    block = os.urandom(_BLOCK_BYTES)
    count, rest = divmod(FILE_BYTES - 8, _BLOCK_BYTES)
    return [number.to_bytes(8, "big"), *[block] * count, block[:rest]]


def copy(source: Path, target: Path) -> None:
    """Copy a file and sync it."""
    shutil.copyfile(source, target)
    with target.open("rb") as file:
        os.fsync(file.fileno())
    target.unlink()


def main() -> None:
    """All of it."""
    report = Report(__doc__.splitlines()[0])
    peers = Peers(report, ("mlflow",))
    with report.folder() as folder:
        batches(report, peers, folder)
        small_requests(report, folder)
        wake_ups(report, folder)
        large_files(report, folder)
    report.note(
        f"{CLIENTS} clients are processes of their own on this machine, with raw sockets kept "
        f"alive; rounds of {RUN_S:g} s (mlflow: one of {PEER_RUN_S:g} s). Both servers have one "
        "worker."
    )
    report.finish()


if __name__ == "__main__":
    main()
