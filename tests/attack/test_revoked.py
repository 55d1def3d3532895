"""What was begun with a token ends with it."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from eventtrack.clock import ManualClock
from eventtrack.errors import CorruptionError
from eventtrack.server.visits import RECHECK_S
from eventtrack.tokens import RoleName, Tokens
from tests.server.running import Running, running

PROMISED_S = 15


@pytest.mark.slow
def test_streams_and_uploads_end_with_their_token(tmp_path: Path) -> None:
    """All kinds at once: each is left open, nothing is sent, and the token is revoked."""
    with running(tmp_path / "store") as server:
        run_id = server.new_run()["run_id"]
        tokens = Tokens(server.store)
        files = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts"
        begun = [
            begin(server, tokens, "read", "GET", "/api/eventtrack/1/live"),
            begin(server, tokens, "write", "PUT", f"{files}/f", b"half of a file"),
            begin(server, tokens, "write", "POST", "/api/eventtrack/1/sync/append", b"B"),
            begin(
                server, tokens, "write", "PUT", f"/api/eventtrack/1/sync/blobs/{'ab' * 32}", b"x"
            ),
        ]
        for number in range(len(begun)):
            tokens.revoke(f"mallory-{number + 1}")
        until = time.monotonic() + PROMISED_S
        for connection in begun:
            assert ended(connection, until)
        assert not list(server.store.glob("blobs/.draft-*"))
        assert (
            "files"
            not in server.client.get(
                f"/api/2.0/mlflow/artifacts/list?run_id={run_id}",
                headers={"authorization": f"Bearer {tokens.create('other', 'read')}"},
            ).json()
        )


def begin(
    server: Running, tokens: Tokens, role: RoleName, method: str, path: str, sent: bytes = b""
) -> socket.socket:
    """A request that was admitted and is not over."""
    token = tokens.create(f"mallory-{len(tokens.list()) + 1}", role)
    url = server.client.base_url
    connection = socket.create_connection((url.host, url.port or 80), timeout=30)
    length = "Content-Length: 1000000\r\n" if sent else ""
    head = f"{method} {path} HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: Bearer {token}\r\n"
    connection.sendall(f"{head}{length}\r\n".encode() + sent)
    if not sent:
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    else:
        time.sleep(0.2)  # until it was admitted: nothing says so
    return connection


def ended(connection: socket.socket, until: float) -> bool:
    """Whether the server ends a connection in time, whatever it says before."""
    with connection:
        connection.settimeout(max(until - time.monotonic(), 0.01))
        try:
            while connection.recv(65536):
                pass
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False
        return True


def test_the_promise_leaves_time_for_a_round_of_asking() -> None:
    assert 2 * RECHECK_S < PROMISED_S


def test_nothing_is_told_once_the_token_is_gone(tmp_path: Path) -> None:
    """Not even the next change, which comes before anybody asks again."""
    with running(tmp_path / "store") as server:
        tokens = Tokens(server.store)
        stream = begin(server, tokens, "read", "GET", "/api/eventtrack/1/live")
        writer = {"authorization": f"Bearer {tokens.create('writer', 'write')}"}
        tokens.revoke("mallory-1")
        made = server.client.post(
            "/api/2.0/mlflow/experiments/create", json={"name": "new"}, headers=writer
        )
        assert made.status_code == 200
        told = b""
        stream.settimeout(20)
        with stream:
            while chunk := stream.recv(65536):
                told += chunk
        assert b"experiment/" not in told


def test_a_request_that_arrives_too_late_changes_nothing(tmp_path: Path) -> None:
    """Its head came with a token that counted; its body comes when that is revoked."""
    with running(tmp_path / "store") as server:
        tokens = Tokens(server.store)
        body = b'{"name": "late"}'
        path = "/api/2.0/mlflow/experiments/create"
        token = tokens.create("mallory", "write")
        url = server.client.base_url
        with socket.create_connection((url.host, url.port or 80), timeout=30) as connection:
            connection.sendall(
                f"POST {path} HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: Bearer {token}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            )
            time.sleep(RECHECK_S + 0.5)
            tokens.revoke("mallory")
            connection.sendall(body)
            assert connection.recv(65536).startswith(b"HTTP/1.1 401")


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda _: b"[" * 100_000,
        lambda text: text.replace(b"mallory", b"\xff\xfe"),
        lambda _: b"[]",
        lambda _: b"",
    ],
)
def test_damaged_tokens_are_named(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    tokens = Tokens(tmp_path, ManualClock())
    tokens.create("mallory", "read")
    tokens.path.write_bytes(damage(tokens.path.read_bytes()))
    with pytest.raises(CorruptionError, match=r"tokens\.json"):
        tokens.list()
