"""What was answered is there, whatever happens to the server afterwards."""

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from eventtrack.errors import NotFoundError
from eventtrack.server.threads import Writer
from eventtrack.store import Store, open_store
from tests.server.running import API, Running, running


def test_an_answered_write_survives_kill(tmp_path: Path) -> None:
    with running(tmp_path / "store") as server:
        run_id = server.new_run()["run_id"]
        for step in range(50):
            body = {"run_id": run_id, "key": "m", "value": step, "timestamp": 1, "step": step}
            server.post("runs/log-metric", **body)
        server.post("runs/set-tag", run_id=run_id, key="last", value="yes")
        path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/a.bin"
        assert server.client.put(path, content=b"x" * 100_000).status_code == 200
        server.kill()
    store = Store(tmp_path / "store", create=False)
    try:
        assert len(store.metrics.history(run_id, "m")) == 50
        assert store.runs.get(run_id).data.tags["last"] == "yes"
        with store.artifacts.open(run_id, "a.bin") as file:
            assert file.read() == b"x" * 100_000
        assert store.maintenance.check().ok
    finally:
        store.close()


def log_until_it_ends(server: Running, run_id: str, number: int, answered: list[int]) -> None:
    """One client that logs as fast as it can, and notes what was answered."""
    with httpx.Client(base_url=server.url, trust_env=False, timeout=20) as client:
        for step in range(100_000):
            mine = number * 100_000 + step
            body = {"run_id": run_id, "key": "m", "value": 1, "timestamp": 1, "step": mine}
            try:
                response = client.post(f"{API}runs/log-metric", json=body)
            except httpx.TransportError:
                return
            if response.status_code != 200:
                assert response.status_code == 503, response.text
                return
            answered.append(mine)


def test_sigterm_under_load_loses_nothing_and_is_quick(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    answered: list[int] = []
    with running(tmp_path / "store") as server, contextlib.ExitStack() as stack:
        run_id = server.new_run()["run_id"]
        open_connections(server, run_id, stack)
        clients = [
            threading.Thread(target=log_until_it_ends, args=(server, run_id, number, answered))
            for number in range(8)
        ]
        for client in clients:
            client.start()
        time.sleep(1.5)
        started = time.monotonic()
        server.process.terminate()
        server.process.wait(20)
        took = time.monotonic() - started
        for client in clients:
            client.join()
        assert server.process.returncode == 0
        assert took < 4  # 1.3 on a machine that does nothing else
    assert capfd.readouterr().err == ""
    assert len(answered) > 20
    store = Store(tmp_path / "store", create=False)
    try:
        stored = {point.step for point in store.metrics.history(run_id, "m")}
        assert set(answered) <= stored
    finally:
        store.close()


def open_connections(server: Running, run_id: str, stack: contextlib.ExitStack) -> None:
    """Connections that nobody ends: idle ones, and downloads that are not read to their end."""
    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/large.bin"
    assert server.client.put(path, content=b"x" * 2**25).status_code == 200
    host, _, port = server.url.removeprefix("http://").partition(":")
    for asked in (*["/health"] * 4, *[path] * 4):
        raw = stack.enter_context(socket.create_connection((host, int(port))))
        raw.sendall(f"GET {asked} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        assert raw.recv(15) == b"HTTP/1.1 200 OK"


def test_sigterm_does_not_wait_for_an_upload_that_does_not_end(tmp_path: Path) -> None:
    with running(tmp_path / "store") as server:
        run_id = server.new_run()["run_id"]
        begun = threading.Event()

        def endless() -> Iterator[bytes]:
            yield b"x" * 2**20
            begun.set()
            time.sleep(6)
            yield b"y"

        def upload() -> None:
            path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/a.bin"
            with contextlib.suppress(httpx.TransportError):
                response = httpx.put(server.url + path, content=endless(), trust_env=False)
                assert response.status_code >= 500

        thread = threading.Thread(target=upload)
        thread.start()
        assert begun.wait(20)
        started = time.monotonic()
        server.process.terminate()
        server.process.wait(20)
        assert time.monotonic() - started < 4
        thread.join()
    assert not list((tmp_path / "store").glob("blobs/.draft-*"))


def test_a_server_killed_in_an_upload_leaves_no_half_of_it(tmp_path: Path) -> None:
    with running(tmp_path / "store") as server:
        run_id = server.new_run()["run_id"]
        host, _, port = server.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as raw:
            path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/a.bin"
            head = f"PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9999999\r\n\r\n"
            raw.sendall(head.encode() + b"x" * 5_000_000)
            deadline = time.monotonic() + 20
            while not any(one.stat().st_size for one in server.store.glob("blobs/.draft-*")):
                assert time.monotonic() < deadline
                time.sleep(0.02)
            server.kill()
    store = Store(tmp_path / "store", create=False)
    try:
        assert store.artifacts.entries(run_id) == []
        assert not list((tmp_path / "store").glob("blobs/.draft-*"))
        assert store.maintenance.check().ok
    finally:
        store.close()


def test_requests_that_come_together_are_each_answered_for_themselves(server: Running) -> None:
    run_id = server.new_run()["run_id"]
    server.post("runs/log-parameter", run_id=run_id, key="p", value="1")

    def log(number: int) -> int:
        value = "1" if number % 3 else "other"  # every third is refused
        body = {
            "run_id": run_id,
            "params": [{"key": "p", "value": value}],
            "metrics": [{"key": "m", "value": number, "timestamp": 1, "step": number}],
        }
        return server.client.post(f"{API}runs/log-batch", json=body).status_code

    with ThreadPoolExecutor(24) as pool:
        codes = list(pool.map(log, range(240)))
    assert codes == [200 if number % 3 else 400 for number in range(240)]
    history = server.get("metrics/get-history", run_id=run_id, metric_key="m")["metrics"]
    assert [point["step"] for point in history] == [n for n in range(240) if n % 3]


def test_writes_that_wait_share_one_commit_and_a_refused_one_leaves_the_others(
    tmp_path: Path,
) -> None:
    asyncio.run(share_a_commit(open_store(tmp_path / "store")))


async def share_a_commit(store: Store) -> None:
    """Ten changes and one that is refused, while the writer is kept busy by another."""
    run_id = store.runs.create("0").info.run_id
    writer = Writer(store)
    commits = store.change_count()
    gate = threading.Event()
    first = asyncio.create_task(writer.submit(gate.wait))
    await asyncio.sleep(0.05)
    rest = [
        asyncio.create_task(writer.submit(lambda n=n: store.runs.set_tags(run_id, {f"t{n}": n})))  # type: ignore[misc]
        for n in range(10)
    ]
    rest.append(asyncio.create_task(writer.submit(lambda: store.runs.delete("f" * 32))))
    await asyncio.sleep(0.05)
    gate.set()
    results = await asyncio.gather(first, *rest, return_exceptions=True)
    writer.close()
    assert isinstance(results[-1], NotFoundError)
    assert [one for one in results if isinstance(one, Exception)] == results[-1:]
    assert {f"t{n}" for n in range(10)} <= set(store.runs.get(run_id).data.tags)
    assert store.change_count() == commits + 1
    store.close()
