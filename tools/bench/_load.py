"""Load on a tracking server: standard library only, and as little of it as possible.

Clients are processes with a blocking socket each, kept alive, which send a request that was made
beforehand but for its step: some 20 us of processor time a request, so that on two cores the
server has the better part of both.
"""

import json
import os
import socket
import statistics
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

CLIENTS = 16
POINTS = 100
_API = "/api/2.0/mlflow/"
_STEP = b"7777777"
_POINT = {"value": 0.25, "timestamp": 1_700_000_000_000, "step": int(_STEP)}
_WARM_UP_S = 0.5
_fork = get_context("fork")


class Load(NamedTuple):
    """What clients met: all of them together."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us_per_request: float
    problems: list[str]


class Connection:
    """A connection to a server on this machine."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._host = f"Host: 127.0.0.1:{port}\r\n".encode()

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request in JSON."""
        answer: dict[str, Any] = json.loads(self.ask(self.request(path, body)))
        return answer

    def request(self, path: str, body: dict[str, Any]) -> bytes:
        """A request as it is sent."""
        content = json.dumps(body).encode()
        head = (
            f"POST {_API}{path} HTTP/1.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(content)}\r\n"
        )
        return head.encode() + self._host + b"\r\n" + content

    def get(self, path: str) -> bytes:
        """The answer to a question of MLflow's API."""
        return self.ask(f"GET {_API}{path} HTTP/1.1\r\n".encode() + self._host + b"\r\n")

    def ask(self, request: bytes) -> bytes:
        """Send a request; the body of the answer, which has to be 200."""
        self._socket.sendall(request)
        head, body, size = self._head()
        while len(body) < size:
            body += self._socket.recv(2**16)
        if not head.startswith(b"HTTP/1.1 200"):
            raise ConnectionError(f"{head[:50]!r}: {body[:300]!r}")
        return body

    def upload(self, path: str, blocks: list[bytes]) -> None:
        """PUT a file."""
        size = sum(map(len, blocks))
        head = f"PUT {path} HTTP/1.1\r\nContent-Length: {size}\r\n".encode()
        self._socket.sendall(head + self._host + b"\r\n")
        for block in blocks:
            self._socket.sendall(block)
        head, _, _ = self._head()
        assert head.startswith(b"HTTP/1.1 200"), head

    def download(self, path: str) -> int:
        """GET a file and throw it away; returns its size."""
        self._socket.sendall(f"GET {path} HTTP/1.1\r\n".encode() + self._host + b"\r\n")
        head, body, size = self._head()
        assert head.startswith(b"HTTP/1.1 200"), head
        left, buffer = size - len(body), bytearray(2**20)
        while left > 0:
            left -= self._socket.recv_into(buffer, min(left, len(buffer)))
        return size

    def _head(self) -> tuple[bytes, bytes, int]:
        """The head of an answer, what came with it, and the size of the body."""
        found = b""
        while b"\r\n\r\n" not in found:
            more = self._socket.recv(2**16)
            if not more:
                raise ConnectionError(f"the server closed the connection after {found[:500]!r}")
            found += more
        head, _, body = found.partition(b"\r\n\r\n")
        sizes = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
        return head, body, int(sizes[0].partition(b":")[2])


def log_batches(port: int, server: int, run_s: float) -> Load:
    """`log-batch` of 100 metrics at one step from 16 clients, each into a run of its own."""
    return load(port, server, run_s, CLIENTS, "runs/log-batch", batch)


def load(
    port: int,
    server: int,
    run_s: float,
    count: int,
    path: str,
    body: Callable[[str], dict[str, Any]],
) -> Load:
    """The same request again and again from some clients, each with a run of its own.

    Args:
        server: The process whose processor time, with that of its children, is counted.
        count: How many clients.
        body: The request's body for a run with a step that is replaced each time.
    """
    ready, stop = _fork.Barrier(count + 1), _fork.Value("b", 0, lock=False)
    taken = _fork.Queue()
    work = (port, path, body, ready, stop, taken)
    clients = [_fork.Process(target=_client, args=work) for _ in range(count)]
    for client in clients:
        client.start()
    ready.wait(60)
    time.sleep(_WARM_UP_S)
    began, cpu = time.perf_counter(), cpu_s(server)
    time.sleep(run_s)
    cpu, ended = cpu_s(server) - cpu, time.perf_counter()
    stop.value = 1
    calls, problems = [], []
    for _ in clients:
        mine, problem = taken.get(timeout=60)
        calls += mine
        problems += [problem] if problem else []
    for client in clients:
        client.join()
    within = [(end - start) * 1e3 for start, end in calls if began <= end <= ended]
    if len(within) < 2:
        raise OSError(f"{len(within)} requests were answered in {run_s} s; {problems[:1]}")
    centiles = statistics.quantiles(within, n=100)
    rate = len(within) / (ended - began)
    each = cpu / len(within) * 1e6
    return Load(rate, statistics.median(within), centiles[98], each, problems)


def batch(run_id: str, points: int = POINTS) -> dict[str, Any]:
    """A batch with a step that is to be replaced."""
    names = [f"metric-{place}" for place in range(points)]
    return {"run_id": run_id, "metrics": [{"key": name, **_POINT} for name in names]}


def metric(run_id: str) -> dict[str, Any]:
    """One point with a step that is to be replaced."""
    return {"run_id": run_id, "key": "loss", **_POINT}


def at_step(request: bytes, step: int) -> bytes:
    """The request with a step of as many digits, 7, in the place of its own."""
    return request.replace(_STEP, b"%d" % step)


def search(run_id: str) -> dict[str, Any]:
    """A page of 100 runs, the best first."""
    best = ["metrics.`metric-0` ASC"]
    return {"experiment_ids": ["0"], "max_results": 100, "order_by": best}


def cpu_s(process: int) -> float:
    """The processor time of a process and all of its children, in seconds."""
    children = Path(f"/proc/{process}/task")
    total = 0.0
    for task in children.iterdir():
        total += int((task / "schedstat").read_text().split()[0]) / 1e9
        for child in (task / "children").read_text().split():
            total += cpu_s(int(child))
    return total


def anonymous_mb(process: int) -> float:
    """The memory of a process that is no file's, in units of 1,000,000 bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) * 1024 / 1e6


def forget_peak(process: int) -> None:
    """Let the peak of a process's memory be what it has now."""
    Path(f"/proc/{process}/clear_refs").write_text("5")


def peak_mb(process: int) -> float:
    """The most memory that a process had at once, in units of 1,000,000 bytes."""
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def _client(
    port: int,
    path: str,
    body: Callable[[str], dict[str, Any]],
    ready: Any,
    stop: Any,
    taken: Any,
) -> None:
    connection = Connection(port)
    run = connection.post("runs/create", {"experiment_id": "0"})["run"]["info"]
    request = connection.request(path, body(run["run_id"]))
    step, clock, calls = os.getpid() % 1000 + 1_000_000, time.perf_counter, []
    ready.wait(60)
    problem = ""
    try:
        while not stop.value:
            sent = at_step(request, step)
            began = clock()
            connection.ask(sent)
            calls.append((began, clock()))
            step += 1
    except OSError as error:
        problem = repr(error)
    taken.put((calls, problem))
