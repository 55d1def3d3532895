"""Servers that answer without an end, too slowly, or with more than they say."""

import contextlib
import gzip
import itertools
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from eventtrack.errors import EventtrackError, RemoteError, RemoteUnavailableError, UsageError
from eventtrack.rest import TrackingServer
from eventtrack.rest.address import Address
from eventtrack.rest.connection import ANSWER_BYTES_MAX, Connection
from eventtrack.sync.http import MEDIA_TYPE, HttpRemote

OK = b"HTTP/1.1 200 OK\r\n"
TYPE = f"Content-Type: {MEDIA_TYPE}\r\n".encode()
# How long a silence may be, for tests.
SILENCE_S = 0.5


class Talker:
    """A server that reads a request and then says whatever it is made to say, as often as asked."""

    def __init__(self, says: Callable[[bytes], Iterable[bytes]]) -> None:
        self._says = says
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self.asked: list[bytes] = []
        self.sent = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                if not (received := connection.recv(65536)):
                    return
                head += received
            self.asked.append(head)
            for part in self._says(head):
                connection.sendall(part)
                self.sent += len(part)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def talker() -> Iterator[Callable[..., Talker]]:
    """Makes servers, which end with the test."""
    with contextlib.ExitStack() as stack:

        def make(says: Callable[[bytes], Iterable[bytes]]) -> Talker:
            made = Talker(says)
            stack.callback(made.close)
            return made

        yield make


def connection_to(server: Talker) -> Connection:
    return Connection(Address(server.url, "Bearer of a secret"), SILENCE_S)


def dripping(_: bytes) -> Iterator[bytes]:
    """Never silent for long, and never done."""
    yield OK + TYPE + b"Content-Length: 30000000\r\n\r\n"
    while True:
        yield b"{"
        time.sleep(0.05)


def dripping_head(_: bytes) -> Iterator[bytes]:
    yield OK
    for number in itertools.count():
        for letter in f"X-{number}: a\r\n":
            yield letter.encode()
            time.sleep(0.05)


def endless_continue(_: bytes) -> Iterator[bytes]:
    while True:
        yield b"HTTP/1.1 100 Continue\r\n\r\n"
        time.sleep(0.05)


def endless_head(_: bytes) -> Iterator[bytes]:
    yield OK
    while True:
        yield b"X-A: " + b"a" * 1000 + b"\r\n"


def endless_line(_: bytes) -> Iterator[bytes]:
    yield OK + b"X-A: "
    while True:
        yield b"a" * 100_000


def silent(_: bytes) -> Iterator[bytes]:
    yield b""
    time.sleep(60)


def cut(_: bytes) -> Iterator[bytes]:
    yield OK + TYPE + b"Content-Length: 1000\r\n\r\n{"


def no_http(_: bytes) -> Iterator[bytes]:
    yield b"\x00" * 1000


@pytest.mark.parametrize(
    "says",
    [
        *(dripping, dripping_head, endless_continue, endless_head, endless_line, silent, cut),
        no_http,
    ],
)
def test_an_answer_that_does_not_come_to_its_end_is_given_up(
    talker: Callable[..., Talker], says: Callable[[bytes], Iterable[bytes]]
) -> None:
    server = talker(says)
    with pytest.raises(RemoteUnavailableError, match="no answer"):
        connection_to(server).get("/api")
    with pytest.raises(RemoteUnavailableError):
        HttpRemote(connection_to(server)).heads()
    with pytest.raises(RemoteUnavailableError):
        list(connection_to(server).chunks("/file", 2**20))


def test_a_long_answer_that_comes_steadily_is_read(talker: Callable[..., Talker]) -> None:
    def steady(_: bytes) -> Iterator[bytes]:
        yield OK + b"Content-Length: 200001\r\n\r\n"
        for _number in range(20):
            yield b"a" * 10_000
            time.sleep(0.05)
        yield b"!"

    found = b"".join(connection_to(talker(steady)).chunks("/file", 2**20))
    assert len(found) == 200_001


def test_a_reader_that_takes_its_time_loses_nothing(talker: Callable[..., Talker]) -> None:
    """Only waiting counts: what came long ago may be read when this side has the time."""

    def at_once(_: bytes) -> Iterator[bytes]:
        yield OK + b"Content-Length: 40000\r\n\r\n" + b"a" * 40_000

    found = b""
    for chunk in connection_to(talker(at_once)).chunks("/file", 10_000):
        time.sleep(SILENCE_S)
        found += chunk
    assert len(found) == 40_000


def test_an_endless_answer_is_not_kept_in_memory(
    talker: Callable[..., Talker], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ANSWER_BYTES_MAX < 2**30
    monkeypatch.setattr("eventtrack.rest.connection.ANSWER_BYTES_MAX", 2**20)
    monkeypatch.setattr("eventtrack.sync.http.FRAME_BYTES_MAX", 2**20)

    def endless(_: bytes) -> Iterator[bytes]:
        yield OK + TYPE + b"\r\n"
        while True:
            yield b" " * 100_000

    server = talker(endless)
    with pytest.raises(RemoteError, match="more than"):
        connection_to(server).get("/api")
    with pytest.raises(RemoteError, match="longer than any"):
        HttpRemote(connection_to(server)).heads()


def test_what_was_not_asked_for_in_a_packing_is_not_unpacked(
    talker: Callable[..., Talker],
) -> None:
    bomb = gzip.compress(b'{"a":"' + b" " * 2**24 + b'"}')

    def packed(_: bytes) -> Iterator[bytes]:
        yield OK + TYPE + b"Content-Encoding: gzip\r\n"
        yield f"Content-Length: {len(bomb)}\r\n\r\n".encode() + bomb

    server = talker(packed)
    with pytest.raises(RemoteUnavailableError, match="does not answer"):
        connection_to(server).get("/api")
    assert b"".join(connection_to(server).chunks("/file", 2**20)) == bomb
    with pytest.raises(EventtrackError):
        HttpRemote(connection_to(server)).heads()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_takes_the_token_along(talker: Callable[..., Talker], status: int) -> None:
    other = talker(lambda _: [OK + b"Content-Length: 2\r\n\r\n{}"])

    def away(_: bytes) -> Iterator[bytes]:
        yield f"HTTP/1.1 {status} Away\r\nLocation: {other.url}/x\r\n".encode()
        yield b"Content-Length: 0\r\n\r\n"

    with pytest.raises(RemoteUnavailableError, match="sends GET /api on to"):
        connection_to(talker(away)).get("/api")
    assert other.asked == []


@pytest.mark.parametrize("body", [b"[" * 100_000, b'{"a":' * 50_000, b"\x91" * 100_000, b"\xff"])
def test_answers_that_nest_without_an_end_are_no_answers(
    talker: Callable[..., Talker], body: bytes
) -> None:
    head = OK + TYPE + f"Content-Length: {len(body)}\r\n\r\n".encode()
    server = talker(lambda _: [head + body])
    with pytest.raises(RemoteUnavailableError):
        connection_to(server).get("/api")
    with pytest.raises(EventtrackError):
        HttpRemote(connection_to(server)).heads()


def answering(talker: Callable[..., Talker], answer: Callable[[bytes], object]) -> TrackingServer:
    """A tracking server that answers in JSON."""

    def says(head: bytes) -> Iterator[bytes]:
        body = json.dumps(answer(head)).encode()
        yield OK + f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body

    return TrackingServer(Address(talker(says).url), SILENCE_S)


def test_pages_without_an_end_are_given_up(talker: Callable[..., Talker]) -> None:
    server = answering(talker, lambda _: {"files": [], "next_page_token": "again"})
    with pytest.raises(RemoteError, match="without an end"):
        server.list_artifacts("run")


@pytest.mark.parametrize("listed", [[1], ["a"], [{}], [None], {"a": 1}, 7])
def test_a_listing_of_something_else_is_no_listing(
    talker: Callable[..., Talker], listed: object
) -> None:
    server = answering(talker, lambda _: {"files": listed})
    with pytest.raises(RemoteError):
        server.list_artifacts("run")


@pytest.mark.parametrize(
    "path", ["../x", "/etc/x", "a/../../x", "x/y", "..", ".", "", "a" * 5000, "b/x"]
)
def test_a_listing_names_nothing_outside_of_its_folder(
    talker: Callable[..., Talker], path: str
) -> None:
    server = answering(talker, lambda _: {"files": [{"path": path, "is_dir": False}]})
    with pytest.raises(RemoteError, match="where no such file can be"):
        server.list_artifacts("run", "a")


def test_a_listing_may_name_what_lies_in_its_folder(talker: Callable[..., Talker]) -> None:
    server = answering(talker, lambda _: {"files": [{"path": "a/x", "is_dir": False}]})
    assert [one.path for one in server.list_artifacts("run", "a")] == ["a/x"]


def test_a_server_elsewhere_chooses_no_folder_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    for url in ("http://192.0.2.1:5000", "https://tracking.example"):
        server = TrackingServer(Address(url))
        with (tmp_path / "file").open("rb") as file, pytest.raises(UsageError, match="elsewhere"):
            server.write_artifact(f"file://{tmp_path}/out", "f", file)
    assert not (tmp_path / "out").exists()
