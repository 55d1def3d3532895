"""The files of runs over HTTP as the pages take them: of any moment, framed, and packed."""

import csv
import io
import zipfile
from collections.abc import Iterator
from contextlib import closing

import pytest

from eventtrack.client import MlflowClient
from eventtrack.store import open_store
from eventtrack.web import exports
from tests.server.running import Running, running

OWN = "/api/eventtrack/1/"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An empty store."""
    with running(tmp_path_factory.mktemp("files") / "store") as found:
        yield found


def position(server: Running) -> str:
    """Where the log ends."""
    return str(server.client.get(f"{OWN}about").json()["position"])


def test_files_of_the_past_are_those_of_the_past(server: Running) -> None:
    client = MlflowClient(str(server.store))
    run_id = server.new_run()["run_id"]
    client.log_text(run_id, "first", "notes/a.txt")
    early = position(server)
    client.log_text(run_id, "second", "notes/a.txt")
    client.log_text(run_id, "later", "b.txt")

    def listed(at: str, path: str = "") -> list[str]:
        answer = server.client.get(f"{OWN}files", params={"run_id": run_id, "path": path, "at": at})
        return [file["path"] for file in answer.json()["files"]]

    def text(at: str) -> str:
        asked = {"run_id": run_id, "path": "notes/a.txt", "at": at}
        return server.client.get(f"{OWN}file", params=asked).text

    assert (listed(early), listed("")) == (["notes"], ["b.txt", "notes"])
    assert listed(early, "notes") == ["notes/a.txt"]
    assert (text(early), text("")) == ("first", "second")
    packed = server.client.get(f"{OWN}folder", params={"run_id": run_id, "at": early}).content
    assert zipfile.ZipFile(io.BytesIO(packed)).read("notes/a.txt") == b"first"


def test_a_folder_comes_whole_and_names_what_is_missing(server: Running) -> None:
    client = MlflowClient(str(server.store))
    run_id = server.new_run()["run_id"]
    large = "0123456789abcdef" * 200_000
    client.log_text(run_id, large, "data/large.txt")
    client.log_text(run_id, "lost", "data/lost.txt")
    client.log_text(run_id, "outside", "other.txt")
    with closing(open_store(server.store)) as store:
        entry = store.artifacts.entry(run_id, "data/lost.txt")
        store.artifacts.blobs.path(bytes.fromhex(entry.sha256)).unlink()
    answer = server.client.get(f"{OWN}folder", params={"run_id": run_id, "path": "data"})
    assert answer.headers["content-disposition"] == 'attachment; filename="data.zip"'
    archive = zipfile.ZipFile(io.BytesIO(answer.content))
    assert archive.testzip() is None
    assert set(archive.namelist()) == {"data/large.txt", exports._MISSING}
    assert archive.read("data/large.txt").decode() == large
    assert b"data/lost.txt" in archive.read(exports._MISSING)
    missing = server.client.get(f"{OWN}folder", params={"run_id": "0" * 32})
    assert missing.status_code == 404


def test_a_page_is_shown_without_scripts_and_nothing_else_is_a_page(server: Running) -> None:
    client = MlflowClient(str(server.store))
    run_id = server.new_run()["run_id"]
    for name in ("a.html", "b.svg", "c.pdf"):
        client.log_text(run_id, "<script>attacked()</script>", name)

    def asked(name: str) -> tuple[int, dict[str, str]]:
        answer = server.client.get(f"{OWN}page", params={"run_id": run_id, "path": name})
        return answer.status_code, dict(answer.headers)

    status, headers = asked("a.html")
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert headers["content-security-policy"].startswith("sandbox; default-src 'none';")
    assert "script" not in headers["content-security-policy"]
    assert asked("c.pdf")[1]["content-type"] == "application/pdf"
    assert asked("b.svg")[0] == 400


@pytest.mark.parametrize("name", ["=1+1", "\uff1d1+1"])
def test_all_points_are_saved_as_csv(server: Running, name: str) -> None:
    client = MlflowClient(str(server.store))
    run_id = server.new_run(run_name=name)["run_id"]
    for step in range(3):
        client.log_metric(run_id, "loss", 1 / (step + 1), step=step, timestamp=1000 + step)
    client.log_metric(run_id, "acc", float("nan"), step=7, timestamp=5)
    client.store.flush()
    answer = server.client.get(f"{OWN}curves", params={"run_ids": [run_id]})
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert rows[0] == ["run_id", "run_name", "metric", "step", "timestamp", "value"]
    assert rows[1] == [run_id, f"'{name}", "acc", "7", "5", "nan"]
    assert rows[2:] == [
        [run_id, f"'{name}", "loss", str(step), str(1000 + step), repr(1 / (step + 1))]
        for step in range(3)
    ]
    some = server.client.get(f"{OWN}curves", params={"run_ids": [run_id], "keys": ["acc"]}).text
    assert len(some.splitlines()) == 2
