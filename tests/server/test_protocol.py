"""Clients that send too much, or too slowly, over real sockets."""

import contextlib
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.server.protocol import HEAD_BYTES_MAX, HEADERS_MAX
from eventtrack.tokens import Tokens
from tests.server.running import API, Running, running

GET = f"GET {API}experiments/get?experiment_id=0 HTTP/1.1\r\nHost: localhost\r\n"
PROXY = "/api/2.0/mlflow-artifacts/artifacts"
IMPATIENT = {
    "HEAD_S": 1.5,
    "STALL_S": 1.5,
    "LINGER_S": 1,
    "KEEP_ALIVE_S": 2,
    "CONNECTIONS_MAX": 40,
}


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that waits for seconds where others wait for half a minute."""
    path = tmp_path_factory.mktemp("impatient") / "store"
    with running(path, bounds=IMPATIENT) as found:
        yield found


def connect(server: Running) -> socket.socket:
    """A connection to a server, which fails rather than wait for ever."""
    url = server.client.base_url
    return socket.create_connection((url.host, url.port or 80), timeout=20)


def rest_of(raw: socket.socket) -> bytes:
    """Everything that comes until the server closes."""
    found = b""
    with contextlib.suppress(ConnectionError):
        while chunk := raw.recv(2**16):
            found += chunk
    return found


def send_slowly(raw: socket.socket, piece: bytes, pause_s: float) -> float:
    """Send something again and again until the server closes; returns how long that took."""
    started = time.monotonic()
    raw.settimeout(pause_s)
    while time.monotonic() - started < 20:
        with contextlib.suppress(TimeoutError):
            try:
                if not raw.recv(2**16):
                    break
                continue
            except ConnectionError:
                break
        try:
            raw.sendall(piece)
        except OSError:
            break
    return time.monotonic() - started


@pytest.mark.parametrize(
    "head",
    [
        GET + "X-Long: " + "x" * HEAD_BYTES_MAX + "\r\n\r\n",
        GET + "X-Some: 1\r\n" * (HEADERS_MAX + 1) + "\r\n",
        GET + "".join(f"X-{n}: {'x' * 2000}\r\n" for n in range(40)) + "\r\n",
        f"GET {API}experiments/get?experiment_id={'0' * HEAD_BYTES_MAX} HTTP/1.1\r\n\r\n",
    ],
    ids=["one long header", "many headers", "much together", "a long address"],
)
def test_a_head_that_is_too_large_is_refused(server: Running, head: str) -> None:
    with connect(server) as raw:
        with contextlib.suppress(ConnectionError):
            raw.sendall(head.encode())
        assert rest_of(raw).startswith(b"HTTP/1.1 431 ")


@pytest.mark.parametrize("beginning", ["GET /", GET + "X-Long: ", GET + "X"])
def test_a_head_that_does_not_end_is_not_kept(server: Running, beginning: str) -> None:
    with connect(server) as raw:
        raw.sendall(beginning.encode())
        with contextlib.suppress(ConnectionError):
            for _ in range(64):
                raw.sendall(b"x" * HEAD_BYTES_MAX)
                time.sleep(0.01)
        assert rest_of(raw).startswith(b"HTTP/1.1 431 ")


def test_a_head_may_be_as_large_as_mlflows_clients_make_it(server: Running) -> None:
    runs = "&".join(f"run_id={n:032x}" for n in range(100))
    path = f"/ajax-api/2.0/mlflow/metrics/get-history-bulk?metric_key=m&{runs}"
    with connect(server) as raw:
        headers = "".join(f"X-{n}: {'x' * 500}\r\n" for n in range(80))
        text = f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"
        raw.sendall(text.encode())
        assert raw.recv(100).startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    "text",
    [
        "POST /x HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /x HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: +1\r\n\r\nx",
        "GET /x HTTP/1.1\r\nHost : localhost\r\n\r\n",
        "GET /x HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n",
        "GET  /x HTTP/1.1\r\n\r\n",
        "GET /x HTTP/9.9\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01\x02\x00",
        "GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_what_two_servers_might_read_in_two_ways_is_refused(server: Running, text: str) -> None:
    """Else a proxy before it could be made to let a second request through unseen."""
    with connect(server) as raw:
        raw.sendall(text.encode("latin-1"))
        answer = rest_of(raw)
    assert answer.startswith(b"HTTP/1.1 4"), answer
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answer.lower()


def test_requests_in_one_breath_are_answered_in_their_order(server: Running) -> None:
    with connect(server) as raw:
        raw.sendall((GET + "\r\n").encode() * 50 + (GET + "Connection: close\r\n\r\n").encode())
        assert rest_of(raw).count(b"HTTP/1.1 200 ") == 51


@pytest.mark.parametrize("beginning", ["", "GET", GET, GET + "X-Slow: ", "\r\n"])
def test_a_head_that_comes_slowly_is_given_up(impatient: Running, beginning: str) -> None:
    with connect(impatient) as raw:
        raw.sendall(beginning.encode())
        assert send_slowly(raw, beginning[-2:].encode().strip() or b"\r\n", 0.2) < 8


def test_a_silent_connection_is_told_and_closed(impatient: Running) -> None:
    with connect(impatient) as raw:
        assert rest_of(raw).startswith(b"HTTP/1.1 408 ")


def test_a_connection_that_rests_between_requests_is_closed_in_the_end(impatient: Running) -> None:
    with connect(impatient) as raw:
        raw.sendall((GET + "\r\n").encode())
        assert raw.recv(2**16).startswith(b"HTTP/1.1 200 ")
        # Empty lines before a request are skipped, and are not one.
        assert 1 < send_slowly(raw, b"\r\n", 0.2) < 8


@pytest.mark.parametrize("piece", [b"", b"x"], ids=["stops", "trickles"])
def test_an_upload_that_does_not_move_on_is_cut_and_leaves_nothing(
    impatient: Running, piece: bytes
) -> None:
    run_id = impatient.new_run()["run_id"]
    with connect(impatient) as raw:
        raw.sendall(
            f"PUT {PROXY}/0/{run_id}/artifacts/a.bin HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Length: 1000000\r\n\r\n".encode()
            + b"x" * 5000
        )
        assert send_slowly(raw, piece, 0.2) < 10
    deadline = time.monotonic() + 10
    while list(impatient.store.glob("blobs/.draft-*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "files" not in impatient.get("artifacts/list", run_id=run_id)


@pytest.mark.slow
def test_an_upload_that_is_slow_but_moves_on_arrives(impatient: Running) -> None:
    run_id = impatient.new_run()["run_id"]

    def slow() -> Iterator[bytes]:
        for _ in range(25):
            time.sleep(0.2)
            yield b"x" * 400

    path = f"{PROXY}/0/{run_id}/artifacts/a.bin"
    assert impatient.client.put(path, content=slow()).status_code == 200
    assert impatient.client.get(path).content == b"x" * 10_000


@pytest.mark.slow
def test_whoever_does_not_read_the_answer_is_left(impatient: Running) -> None:
    run_id = impatient.new_run()["run_id"]
    path = f"{PROXY}/0/{run_id}/artifacts/large.bin"
    assert impatient.client.put(path, content=b"x" * 2**25).status_code == 200
    with connect(impatient) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        time.sleep(6)
        assert len(rest_of(raw)) < 2**25


@pytest.mark.slow
def test_whoever_goes_on_sending_after_a_refusal_is_cut(tmp_path: Path) -> None:
    Tokens(store_folder(tmp_path)).create("a", "read")
    with running(tmp_path / "store", bounds=IMPATIENT) as server, connect(server) as raw:
        raw.sendall(
            f"PUT {PROXY}/0/x/artifacts/a.bin HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Length: 100000000000\r\n\r\n".encode()
        )
        assert raw.recv(100).startswith(b"HTTP/1.1 401 ")
        assert send_slowly(raw, b"x" * 2**16, 0.05) < 6


def store_folder(folder: Path) -> Path:
    """A folder that a store will be in."""
    with running(folder / "store") as server:
        return server.store


@pytest.mark.slow
def test_more_connections_than_there_is_room_for_are_refused_and_the_others_go_on(
    impatient: Running,
) -> None:
    time.sleep(3)  # for the connections of other tests to be over
    with contextlib.ExitStack() as stack:
        many = [stack.enter_context(connect(impatient)) for _ in range(40)]
        with connect(impatient) as late:
            assert rest_of(late).startswith(b"HTTP/1.1 503 ")
        many[0].sendall((GET + "\r\n").encode())
        assert many[0].recv(2**16).startswith(b"HTTP/1.1 200 ")
    time.sleep(0.2)
    with connect(impatient) as raw:
        raw.sendall((GET + "\r\n").encode())
        assert raw.recv(2**16).startswith(b"HTTP/1.1 200 ")


def test_a_crowd_that_connects_at_once_takes_no_file_from_the_others(tmp_path: Path) -> None:
    few = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (300, 300))"
    log = tmp_path / "log"
    with (
        running(tmp_path / "store", first=few, log=log) as server,
        contextlib.ExitStack() as stack,
    ):
        server.process.send_signal(signal.SIGSTOP)
        many = [stack.enter_context(connect(server)) for _ in range(400)]
        server.process.send_signal(signal.SIGCONT)
        assert rest_of(many[-1]).startswith(b"HTTP/1.1 503 ")
    assert log.stat().st_size == 0  # asyncio would write 2,000 tracebacks


@pytest.mark.parametrize("name", ["websocket", "h2c", "x"])
def test_an_upgrade_is_not_taken_and_the_request_is_answered(server: Running, name: str) -> None:
    with connect(server) as raw:
        upgrade = f"Connection: upgrade, close\r\nUpgrade: {name}\r\n"
        raw.sendall((GET + upgrade + "\r\n").encode())
        assert rest_of(raw).startswith(b"HTTP/1.1 200 ")


def test_an_upgrade_with_a_body_does_not_hang(server: Running) -> None:
    body = b'{"experiment_id": "0", "key": "a", "value": "b"}'
    head = (
        f"POST {API}experiments/set-experiment-tag HTTP/1.1\r\nHost: localhost\r\n"
        "Connection: upgrade\r\nUpgrade: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    with connect(server) as raw:
        raw.sendall(head.encode() + body)
        assert raw.recv(100).startswith(b"HTTP/1.1 ")
