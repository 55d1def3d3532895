"""Files in parts: MLflow's own client sends them, and what its network may do in between."""

import os
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from eventtrack.server import multipart
from eventtrack.store import open_store
from eventtrack.tokens import Tokens
from tests.server.running import Running, running

MPU = "/api/2.0/mlflow-artifacts/mpu/"


@pytest.fixture
def mlflow_in_parts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """MLflow, told to send everything in parts of a MiB."""
    monkeypatch.setenv("MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD", "true")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_MINIMUM_FILE_SIZE", "1")
    monkeypatch.setenv("MLFLOW_MULTIPART_UPLOAD_CHUNK_SIZE", str(2**20))
    return pytest.importorskip("mlflow")


class Parts:
    """An upload in parts by hand."""

    def __init__(self, server: Running, parts: int, name: str = "a.bin") -> None:
        self.server = server
        self.run_id = server.new_run()["run_id"]
        self.name = name
        self.place = f"0/{self.run_id}/artifacts/folder"
        created = self.post("create", num_parts=parts).json()
        self.id: str = created["upload_id"]
        self.urls = [one["url"] for one in created["credentials"]]
        assert [one["part_number"] for one in created["credentials"]] == [*range(1, parts + 1)]

    def post(self, what: str, **body: Any) -> httpx.Response:
        """One of the three calls."""
        sent = {"path": f"/home/me/{self.name}", **body}
        return self.server.client.post(f"{MPU}{what}/{self.place}", json=sent)

    def send(self, number: int, content: bytes) -> dict[str, Any]:
        """Send a part; what `complete` is told of it."""
        response = self.server.client.put(self.urls[number - 1], content=content)
        assert response.status_code == 200, response.text
        return {"part_number": number, "etag": response.headers["etag"], "url": None}

    def complete(self, parts: list[dict[str, Any]]) -> httpx.Response:
        """Have them put together."""
        return self.post("complete", upload_id=self.id, parts=parts)

    def stored(self) -> bytes | None:
        """The file as it is downloaded; None where there is none."""
        path = f"/api/2.0/mlflow-artifacts/artifacts/{self.place}/{self.name}"
        response = self.server.client.get(path)
        return response.content if response.status_code == 200 else None

    @property
    def folder(self) -> Path:
        """Where the server keeps the parts."""
        return self.server.store / f".upload-{self.id}"


def test_mlflows_client_sends_a_file_in_parts(
    server: Running, mlflow_in_parts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    repository = pytest.importorskip("mlflow.store.artifact.http_artifact_repo")
    upload_part = repository.HttpArtifactRepository._upload_part

    def note(**sent: Any) -> Any:
        seen.append(sent)
        return upload_part(**sent)

    monkeypatch.setattr(repository.HttpArtifactRepository, "_upload_part", staticmethod(note))
    file = tmp_path / "model.bin"
    file.write_bytes(os.urandom(5 * 2**20 + 77))
    client = mlflow_in_parts.MlflowClient(server.url)
    run_id = client.create_run("0").info.run_id
    client.log_artifact(run_id, str(file), "models")
    assert len(seen) == 6
    found = client.download_artifacts(run_id, "models/model.bin", str(tmp_path))
    assert Path(found).read_bytes() == file.read_bytes()


def test_parts_come_with_the_token_of_the_upload(
    mlflow_in_parts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "model.bin"
    file.write_bytes(b"x" * (2**20 + 1))
    with running(tmp_path / "store") as server:
        monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", Tokens(server.store).create("me", "write"))
        client = mlflow_in_parts.MlflowClient(server.url)
        run_id = client.create_run("0").info.run_id
        client.log_artifact(run_id, str(file))
        found = client.download_artifacts(run_id, "model.bin", str(tmp_path / "store"))
        assert Path(found).read_bytes() == file.read_bytes()
        part = f"{server.url}/eventtrack/artifact-parts/{'a' * 32}/1"
        assert httpx.put(part, content=b"x", trust_env=False).status_code == 401


def test_parts_arrive_in_any_order_and_may_come_twice(server: Running) -> None:
    upload = Parts(server, 3)
    last, first = upload.send(3, b"c"), upload.send(1, b"a" * 1000)
    upload.send(2, b"broken")
    middle = upload.send(2, b"b" * 500)
    assert upload.stored() is None
    assert upload.complete([last, middle, first]).status_code == 200
    assert upload.stored() == b"a" * 1000 + b"b" * 500 + b"c"


def test_to_complete_twice_changes_nothing(server: Running) -> None:
    upload = Parts(server, 1)
    part = upload.send(1, b"once")
    for _ in range(2):
        assert upload.complete([part]).status_code == 200
    with httpx.Client(base_url=server.url) as client:
        assert client.put(upload.urls[0], content=b"late").status_code == 404
    assert upload.stored() == b"once"
    assert [path.name for path in upload.folder.iterdir() if "-" in path.name] == []


def test_a_file_with_a_part_missing_is_not_made(server: Running) -> None:
    upload = Parts(server, 2)
    first = upload.send(1, b"a")
    absent = {"part_number": 2, "etag": "x", "url": None}
    for named in ([first, absent], [absent], [{**first, "etag": "other"}]):
        assert upload.complete(named).status_code == 400
    second = upload.send(2, b"b")
    assert upload.complete([first]).status_code == 400
    assert upload.stored() is None
    assert upload.complete([first, second]).status_code == 200
    assert upload.stored() == b"ab"


def test_an_abort_leaves_nothing(server: Running) -> None:
    upload = Parts(server, 2)
    part = upload.send(1, b"a")
    assert upload.post("abort", upload_id=upload.id).status_code == 200
    assert not upload.folder.exists()
    assert upload.post("abort", upload_id=upload.id).status_code == 404
    assert upload.complete([part]).status_code == 404
    assert upload.stored() is None


@pytest.mark.parametrize("upload_id", ["", "x", "../../log", "a" * 32])
def test_an_upload_that_was_never_begun_is_not_found(server: Running, upload_id: str) -> None:
    upload = Parts(server, 1)
    assert upload.post("complete", upload_id=upload_id, parts=[{}]).status_code == 404
    assert upload.post("abort", upload_id=upload_id).status_code == 404


def test_an_upload_belongs_to_its_file(server: Running) -> None:
    upload, other = Parts(server, 1), Parts(server, 1)
    part = upload.send(1, b"a")
    other.id = upload.id
    assert other.complete([part]).status_code == 404
    assert other.post("abort", upload_id=upload.id).status_code == 404
    assert upload.complete([part]).status_code == 200


@pytest.mark.parametrize("count", [-1, 10_001])
def test_only_so_many_parts_are_taken(server: Running, count: int) -> None:
    upload = Parts(server, 1)
    assert upload.post("create", num_parts=count).status_code == 400
    for number in ("0", "10001", "x", "1/2"):
        url = f"{upload.urls[0].rpartition('/')[0]}/{number}"
        assert server.client.put(url, content=b"a").status_code == 400


def test_what_nobody_went_on_with_is_swept(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    old, new = store.path / ".upload-old", store.path / ".upload-new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "1-part").touch()
    two_days_ago = time.time() - 2 * 24 * 3600
    for path in (*old.iterdir(), old, new):
        os.utime(path, (two_days_ago, two_days_ago))
    multipart.sweep(store)
    assert not old.exists()
    assert new.exists()  # a part of it is young
    store.close()
