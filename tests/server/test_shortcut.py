"""Points take the short way, and nobody can tell but by the time that it takes."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from eventtrack.store import Store
from eventtrack.tokens import Tokens
from tests.server.running import API, Running, running

# The usual way answers 500.
_SHORT_ONLY = """
from eventtrack.server.application import Application
Application._json = None
"""


@pytest.fixture
def raw(server: Running) -> Iterator[socket.socket]:
    """A connection to a server."""
    with connected(server) as found:
        yield found


def connected(server: Running) -> socket.socket:
    url = server.client.base_url
    return socket.create_connection((url.host, url.port or 80), timeout=20)


def request(path: str, body: Any, *headers: str, version: str = "1.1") -> bytes:
    """A request as programs send it."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = () if any(line.startswith("Content-Type") for line in headers) else (_JSON,)
    lines = ["Host: localhost", f"Content-Length: {len(content)}", *kind, *headers]
    head = "\r\n".join([f"POST {API}{path} HTTP/{version}", *lines])
    return f"{head}\r\n\r\n".encode() + content


_JSON = "Content-Type: application/json"


def point(run_id: str) -> dict[str, Any]:
    return {"run_id": run_id, "key": "loss", "value": 0.5, "timestamp": 1, "step": 2}


def answer(raw: socket.socket) -> tuple[bytes, bytes]:
    """The next answer: its head without the date, and its body if its length is told."""
    found = b""
    while b"\r\n\r\n" not in found:
        more = raw.recv(2**16)
        assert more, found
        found += more
    head, _, body = found.partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if not line.startswith(b"date:")]
    sizes = [line for line in lines if line.startswith(b"content-length: ")]
    while sizes and len(body) < int(sizes[0].partition(b" ")[2]):
        body += raw.recv(2**16)
    return b"\r\n".join([lines[0], *sorted(lines[1:])]), body if sizes else b""


def test_plain_points_take_the_short_way_and_are_kept(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "store")) as store:
        run_id = store.runs.create("0").info.run_id
    metrics = [{"key": f"m-{at}", "value": at, "timestamp": 5} for at in range(1000)]
    batch = request("runs/log-batch", {"run_id": run_id, "metrics": metrics})
    with running(tmp_path / "store", first=_SHORT_ONLY) as server, connected(server) as raw:
        raw.sendall(request("runs/log-metric", point(run_id)))
        assert answer(raw)[1] == b"{}"
        raw.sendall(batch[:500])
        raw.sendall(batch[500:])
        assert answer(raw)[1] == b"{}"
        raw.sendall(request("runs/log-metric", point(run_id), "X-Odd: 1"))
        assert answer(raw)[0].startswith(b"HTTP/1.1 500 ")
    with closing(Store(tmp_path / "store")) as store:
        logged = store.runs.get(run_id).data.metrics
    assert logged == {"loss": 0.5, **{f"m-{at}": float(at) for at in range(1000)}}


@pytest.mark.parametrize(
    "body",
    [
        *({"run_id": "f" * 32}, {"run_id": ""}, {"key": "../up"}, {"key": "a//b"}, {"key": ""}),
        *({"timestamp": -1}, {"value": "NaN"}, {"value": None}, {"step": 1.5}, {"other": 1}),
        *({"model_id": "m-none"}, {"run_id": "deleted"}),
    ],
)
def test_both_ways_answer_the_same(
    server: Running, raw: socket.socket, body: dict[str, Any]
) -> None:
    run_id = server.new_run()["run_id"]
    if body.get("run_id") == "deleted":
        server.post("runs/delete", run_id=run_id)
        body = {}
    one = point(run_id) | body
    sent = dict(one)
    batch = {"run_id": sent.pop("run_id"), "metrics": [sent]}
    for path, whole in (("runs/log-metric", one), ("runs/log-batch", batch)):
        raw.sendall(request(path, whole))
        found = answer(raw)
        raw.sendall(request(path, whole, "X-Odd: 1"))
        assert found == answer(raw)


@pytest.mark.parametrize(
    "headers",
    [
        *(
            ["Content-Type: text/plain"],
            ["Origin: http://evil.example"],
            ["Content-Encoding: gzip"],
        ),
        [_JSON, "Content-Type: text/plain"],
    ],
)
def test_odd_heads_are_answered_the_usual_way(
    server: Running, raw: socket.socket, headers: list[str]
) -> None:
    body = point(server.new_run()["run_id"])
    raw.sendall(request("runs/log-metric", body, *headers))
    found = answer(raw)
    with connected(server) as other:
        other.sendall(request("runs/log-metric", body, *headers, "X-Odd: 1"))
        assert found == answer(other)


def test_requests_in_one_breath_are_answered_in_their_order(
    server: Running, raw: socket.socket
) -> None:
    run_id = server.new_run()["run_id"]
    good = request("runs/log-metric", point(run_id))
    bad = request("runs/log-metric", point("e" * 32))
    raw.sendall(good + good + bad + request("runs/get-none", {}) + good + bad)
    found = b""
    while found.count(b"HTTP/1.1 ") < 6 or not found.endswith(b"}"):
        found += raw.recv(2**16)
    statuses = [int(part[:3]) for part in found.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 200, 404, 404, 200, 404]


@pytest.mark.parametrize(
    ("version", "header"), [("1.0", "Accept: */*"), ("1.1", "Connection: close")]
)
def test_a_connection_that_is_to_end_ends(
    server: Running, raw: socket.socket, version: str, header: str
) -> None:
    run_id = server.new_run()["run_id"]
    raw.sendall(request("runs/log-metric", point(run_id), header, version=version))
    head, body = answer(raw)
    assert (body, b"connection: close" in head, raw.recv(1)) == (b"{}", True, b"")


def test_points_are_recorded_for_whoever_sent_the_token(tmp_path: Path) -> None:
    with closing(Store(tmp_path / "store")) as store:
        run_id = store.runs.create("0").info.run_id
        token = Tokens(store.path).create("ada", role="write")
    body = point(run_id)
    with running(tmp_path / "store") as server, connected(server) as raw:
        raw.sendall(request("runs/log-metric", body)[:-1])  # refused before the body is there
        assert answer(raw)[0].startswith(b"HTTP/1.1 401 ")
        raw.sendall(b"}")
        raw.sendall(request("runs/log-metric", body, f"Authorization: Bearer {token}"))
        assert answer(raw)[1] == b"{}"
    with closing(Store(tmp_path / "store")) as store:
        [logged] = store.events.read(types=["run.metrics_logged"])
        session = store.sessions.find(logged.session)
    assert session is not None
    assert session.user == "ada"
