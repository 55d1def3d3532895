"""A token that may write reaches no file of the server's machine, by no route."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from eventtrack.store import Store
from tests.attack.planted import Mallory, secret_file
from tests.server.running import API, Running, running

SECRET = b"TOP SECRET"
PROXY = "/api/2.0/mlflow-artifacts/artifacts"
LOCATIONS = (
    *("/etc", "etc", "..", "./x/../..", "~", "C:\\x", "\\\\host\\share", "//host/share"),
    *("file:/etc", "file:///etc", "FILE:///etc", "file://localhost/etc", "%66ile:/etc", "/%2e%2e"),
    *("eventtrack:/etc", "eventtrack:///etc", "EventTrack:etc", "eventtrack:%2fetc", " file:/etc"),
    *("\tfile:/etc", "fi\nle:/etc", "runs:/x/y", "s3://a/b?x=../..", "x:y", ":", "file:", "[::1"),
)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    """A server with a secret beside its store."""
    secret_file(tmp_path)
    with running(tmp_path / "store") as found:
        yield found


def pushed(server: Running, run_id: str, place: str, path: str) -> None:
    """What a sync with the server can bring about."""
    store = Store(server.store, create=False)
    try:
        Mallory().plant(store, run_id, place, SECRET, path)
    finally:
        store.close()


def test_a_place_is_served_by_no_route(server: Running, tmp_path: Path) -> None:
    run_id = server.new_run()["run_id"]
    os.mkfifo(tmp_path / "fifo")
    places = (
        *(f"{server.store}/blobs/../../secret", f"{tmp_path}/secret", f"{tmp_path}/fifo"),
        *("/dev/zero", "/proc/self/environ", str(tmp_path)),
    )
    for number, place in enumerate(places):
        path = f"f{number}"
        pushed(server, run_id, place, path)
        for target in (
            f"/get-artifact?run_id={run_id}&path={path}",
            f"/ajax-api/2.0/mlflow/get-artifact?run_uuid={run_id}&path={path}",
            f"{PROXY}/0/{run_id}/artifacts/{path}",
        ):
            answer = server.client.get(target, timeout=20)
            assert (answer.status_code, SECRET in answer.content) == (404, False), target


def test_pipes_as_places_hold_no_thread_up(server: Running, tmp_path: Path) -> None:
    run_id = server.new_run()["run_id"]
    os.mkfifo(tmp_path / "fifo")
    pushed(server, run_id, str(tmp_path / "fifo"), "f")
    statuses: list[int] = []

    def get() -> None:
        target = f"{server.url}/get-artifact?run_id={run_id}&path=f"
        statuses.append(server.client.get(target, timeout=20).status_code)

    threads = [threading.Thread(target=get, daemon=True) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert statuses == [404] * 20
    assert server.post("runs/search", experiment_ids=["0"])["runs"]


def test_no_folder_can_be_asked_for_over_http(server: Running) -> None:
    headers = {"content-type": "application/json"}
    for location in LOCATIONS:
        body = json.dumps({"name": "e", "artifact_location": location})
        answer = server.client.post(f"{API}experiments/create", content=body, headers=headers)
        assert answer.status_code == 400, (location, answer.text)
        assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
        assert server.client.get(f"{API}experiments/get-by-name?experiment_name=e").is_error


def test_no_version_of_a_model_comes_from_a_folder(server: Running) -> None:
    server.post("registered-models/create", name="m")
    for source in ("/etc", "file:///etc", "eventtrack:/etc", "FILE:/etc", "..", "a\\b", "C:\\x"):
        body = {"name": "m", "source": source}
        answer = server.client.post(f"{API}model-versions/create", json=body)
        assert answer.status_code == 400, (source, answer.text)


def test_no_upload_leaves_the_files_of_its_run(server: Running, tmp_path: Path) -> None:
    run_id = server.new_run()["run_id"]
    before = files_beside(tmp_path)
    ways = ("../x", "..%2fx", "%2e%2e/x", "%252e%252e%252fx", "a/../../x", "..\\x", "/x", "a%00b")
    for path in ways:
        for target in (
            f"{PROXY}/0/{run_id}/artifacts/{path}",
            f"{PROXY}/0/{quote('../' + run_id, safe='')}/artifacts/{path}",
            f"{PROXY}/{path}/{run_id}/artifacts/x",
        ):
            server.client.put(target, content=b"owned")
        upload = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run_id}&path={path}"
        server.client.post(upload, content=b"owned")
    assert files_beside(tmp_path) == before


def files_beside(folder: Path) -> set[str]:
    """What lies beside the store."""
    found: set[Any] = {one for one in folder.rglob("*") if "store" not in one.parts}
    return set(map(str, found))


def test_a_damaged_file_is_not_served(server: Running) -> None:
    run_id = server.new_run()["run_id"]
    target = f"{PROXY}/0/{run_id}/artifacts/f"
    assert server.client.put(target, content=b"weights").status_code == 200
    assert server.client.get(target).content == b"weights"
    [blob] = server.store.glob("blobs/??/*")
    blob.chmod(0o644)
    blob.write_bytes(b"wEights")
    answer = server.client.get(target)
    assert answer.status_code == 500
    assert b"is not what was logged" in answer.content
    assert b"wEights" not in answer.content
