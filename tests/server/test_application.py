"""Paths, methods and bodies that no endpoint expects; files of any size."""

import os
import socket
import time
from pathlib import Path

import pytest

from tests.server.running import API, Running

PROXY = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/api/2.0/mlflow/nothing", 404, "ENDPOINT_NOT_FOUND"),
        ("GET", "/favicon.ico", 404, "ENDPOINT_NOT_FOUND"),
        ("GET", f"{API}runs/create", 405, "BAD_REQUEST"),
        ("POST", f"{API}webhooks", 501, "NOT_IMPLEMENTED"),
        ("POST", "/ajax-api/3.0/mlflow/issues", 501, "NOT_IMPLEMENTED"),
        ("PUT", f"{PROXY}/0/traces/t-1/artifacts/x", 404, "RESOURCE_DOES_NOT_EXIST"),
        ("PUT", f"{PROXY}/somewhere/else", 404, "RESOURCE_DOES_NOT_EXIST"),
    ],
)
def test_what_is_not_served_is_said_clearly(
    server: Running, method: str, path: str, status: int, code: str
) -> None:
    response = server.client.request(method, path)
    body = response.json()
    assert (response.status_code, body["error_code"]) == (status, code)
    assert body["message"]


def test_head_is_a_get_without_its_body(server: Running) -> None:
    response = server.client.head("/health")
    assert (response.status_code, response.content) == (200, b"")


def test_a_body_that_is_far_too_long_is_refused_before_it_is_read(server: Running) -> None:
    head = f"POST {API}runs/log-batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: {2**30}\r\n"
    with socket.create_connection(address_of(server)) as raw:
        raw.sendall(f"{head}Content-Type: application/json\r\n\r\n".encode())
        assert raw.recv(100).startswith(b"HTTP/1.1 413")


def address_of(server: Running) -> tuple[str, int]:
    """Where a server listens."""
    url = server.client.base_url
    return url.host, url.port or 80


def resident_bytes(pid: int) -> int:
    """What a process holds in memory now."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * os.sysconf("SC_PAGESIZE")


def forget_peak(server: Running) -> None:
    """Let the peak of a server's memory be what it has now."""
    Path(f"/proc/{server.process.pid}/clear_refs").write_text("5")


def peak_bytes(server: Running) -> int:
    """The most memory that a server had at once."""
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def written_bytes(server: Running) -> int:
    """What a server has written to the disk so far."""
    counts = Path(f"/proc/{server.process.pid}/io").read_text()
    return int(counts.partition("\nwrite_bytes:")[2].split()[0])


@pytest.mark.slow
def test_large_files_pass_through_little_memory_and_are_written_once(server: Running) -> None:
    run_id = server.new_run()["run_id"]
    path = f"{PROXY}/0/{run_id}/artifacts/folder/large.bin"
    block, blocks = os.urandom(2**20), 300
    forget_peak(server)
    before, written = peak_bytes(server), written_bytes(server)
    sent = server.client.put(path, content=(block for _ in range(blocks)))
    assert sent.status_code == 200
    assert written_bytes(server) - written < 1.1 * blocks * 2**20
    query = {"run_id": run_id, "path": "folder/large.bin"}
    for url, asked in ((path, {}), ("/get-artifact", query)):
        size = 0
        with server.client.stream("GET", url, params=asked) as response:
            for chunk in response.iter_raw():
                size += len(chunk)
        assert size == blocks * 2**20
    assert peak_bytes(server) - before < 32 * 2**20


def test_a_part_of_a_file_is_sent_as_browsers_ask_for_it(server: Running) -> None:
    run_id = server.new_run()["run_id"]
    path = f"{PROXY}/0/{run_id}/artifacts/movie.mp4"
    content = os.urandom(100_000)
    assert server.client.put(path, content=content).status_code == 200
    for asked, start, stop in (
        ("bytes=0-", 0, 100_000),
        ("bytes=0-99", 0, 100),
        ("bytes=99990-", 99_990, 100_000),
        ("bytes=-5", 99_995, 100_000),
        ("bytes=50-999999", 50, 100_000),
    ):
        part = server.client.get(path, headers={"range": asked})
        assert (part.status_code, part.content) == (206, content[start:stop])
        assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/100000"
        assert part.headers["accept-ranges"] == "bytes"
    assert server.client.get(path, headers={"range": "bytes=100000-"}).status_code == 416
    tag = server.client.get(path).headers["etag"]
    changed = {"range": "bytes=0-99", "if-range": '"other"'}
    assert server.client.get(path, headers=changed).content == content
    known = server.client.get(path, headers={"if-none-match": f'"x", W/{tag}'})
    assert (known.status_code, known.content, known.headers["etag"]) == (304, b"", tag)


def test_a_file_may_be_called_anything(server: Running) -> None:
    run_id = server.new_run()["run_id"]
    path = f"{PROXY}/0/{run_id}/artifacts/what%3Fnow%20%26.txt"
    assert server.client.put(path, content=b"this").status_code == 200
    assert server.client.get(path).content == b"this"
    (found,) = server.get("artifacts/list", run_id=run_id)["files"]
    assert found["path"] == "what?now &.txt"


def test_an_upload_that_breaks_off_leaves_nothing(server: Running) -> None:
    run_id = server.new_run()["run_id"]
    with socket.create_connection(address_of(server)) as raw:
        raw.sendall(
            f"PUT {PROXY}/0/{run_id}/artifacts/a.bin HTTP/1.1\r\nHost: localhost\r\n"
            "Content-Length: 1000000\r\n\r\n".encode()
            + b"x" * 1000
        )
    deadline = time.monotonic() + 20
    while list(server.store.glob("blobs/.draft-*")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "files" not in server.get("artifacts/list", run_id=run_id)


def test_files_of_an_experiment_elsewhere_are_not_touched(server: Running) -> None:
    location = "s3://bucket/elsewhere"
    body = {"name": "elsewhere", "artifact_location": location}
    experiment_id = server.post("experiments/create", **body)["experiment_id"]
    info = server.post("runs/create", experiment_id=experiment_id)["run"]["info"]
    assert info["artifact_uri"] == f"{location}/{info['run_id']}/artifacts"
    path = f"{PROXY}/{experiment_id}/{info['run_id']}/artifacts/a.txt"
    assert server.client.put(path, content=b"x").status_code == 501
