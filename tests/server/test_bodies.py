"""Bodies, packed and plain, up to their bound and not a byte beyond."""

import gzip
import json
import socket
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from eventtrack.server.application import BODY_BYTES_MAX
from tests.server.running import API, Running
from tests.server.test_application import address_of, resident_bytes

PATH = f"{API}experiments/set-experiment-tag"
JSON = {"content-type": "application/json"}


def tag(value: str) -> bytes:
    """A request that sets a tag."""
    return json.dumps({"experiment_id": "0", "key": "packed", "value": value}).encode()


@pytest.mark.parametrize(
    ("packing", "pack"),
    [("gzip", gzip.compress), ("GZip", gzip.compress), ("deflate", zlib.compress)],
)
def test_a_packed_body_is_unpacked(server: Running, packing: str, pack: Any) -> None:
    headers = {**JSON, "content-encoding": packing}
    sent = server.client.post(PATH, content=pack(tag(packing)), headers=headers)
    assert sent.status_code == 200, sent.text
    tags = server.get("experiments/get", experiment_id="0")["experiment"]["tags"]
    assert {"key": "packed", "value": packing} in tags


@pytest.mark.parametrize(
    ("packing", "body"),
    [
        ("zstd", tag("a")),
        ("br", tag("a")),
        ("gzip, gzip", gzip.compress(gzip.compress(tag("a")))),
        ("gzip", tag("a")),
        ("gzip", b""),
        ("gzip", gzip.compress(tag("a"))[:-1]),
        ("gzip", gzip.compress(tag("a")) * 2),
        ("gzip", gzip.compress(tag("a"))[:-8] + b"\0" * 8),
        ("deflate", zlib.compress(tag("a"))[2:]),
        ("\xff", tag("a")),
    ],
    ids=range(10),
)
def test_what_cannot_be_unpacked_is_refused(server: Running, packing: str, body: bytes) -> None:
    headers = {**JSON, "content-encoding": packing}
    encoded = {name: value.encode("latin-1") for name, value in headers.items()}
    refused = server.client.post(PATH, content=body, headers=encoded)  # type: ignore[arg-type]
    assert (refused.status_code, refused.json()["error_code"]) == (400, "INVALID_PARAMETER_VALUE")


def bomb(size: int) -> Iterator[bytes]:
    """Zeros, packed to a thousandth."""
    packer, block = zlib.compressobj(9, zlib.DEFLATED, 31), b"\0" * 2**20
    for _ in range(size // len(block)):
        yield packer.compress(block)
    yield packer.flush()


def test_a_bomb_is_refused_while_it_comes_and_takes_no_memory(server: Running) -> None:
    before = resident_bytes(server.process.pid)
    headers = {**JSON, "content-encoding": "gzip"}
    body = b"".join(bomb(2**28))
    assert len(body) < 2**20
    refused = server.client.post(PATH, content=body, headers=headers)
    assert refused.status_code == 413
    assert resident_bytes(server.process.pid) - before < 2 * BODY_BYTES_MAX
    assert server.client.get("/health").status_code == 200


@pytest.mark.parametrize("packing", ["identity", "gzip"])
def test_the_bound_is_exact(server: Running, packing: str) -> None:
    def body(size: int) -> bytes:
        spaces = b" " * (size - len(tag("a")))
        return gzip.compress(tag("a") + spaces, 1) if packing == "gzip" else tag("a") + spaces

    headers = {**JSON, "content-encoding": packing}
    for size, status in ((BODY_BYTES_MAX, 200), (BODY_BYTES_MAX + 1, 413)):
        assert server.client.post(PATH, content=body(size), headers=headers).status_code == status


def test_a_body_in_pieces_is_refused_at_the_first_byte_too_many(server: Running) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    piece = b"%x\r\n" % 2**20 + b" " * 2**20 + b"\r\n"
    with socket.create_connection(address_of(server), timeout=30) as raw:
        raw.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for _ in range(BODY_BYTES_MAX // 2**20):
            raw.sendall(piece)
        raw.sendall(b"1\r\n \r\n")
        assert raw.recv(100).startswith(b"HTTP/1.1 413 ")
