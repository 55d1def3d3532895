"""No path leads out of a run's files, however it is written."""

import posixpath
import urllib.parse
from collections.abc import Callable
from pathlib import Path

import pytest

from eventtrack.store import open_store
from tests.contracts.file_names import NAMES
from tests.server.running import Running
from tests.server.test_protocol import connect, rest_of

PROXY = "/api/2.0/mlflow-artifacts/artifacts"
AJAX = "/ajax-api/2.0/mlflow/"

# As they stand in a request line or a query: what is to be decoded is written so.
OUTSIDE = [
    "../x",
    "a/../../x",
    "%2e%2e/x",
    "%2e%2e%2fx",
    "..%2fx",
    "%252e%252e%252fx",
    "%25252e%25252e/x",
    "%2fetc/passwd",
    "/etc/passwd",
    "%5c..%5cx",
    "..%5cx",
    "C:%5cx",
    "C:/x",
    "a%00b",
    "a%2500b",
    "%00",
    "a%23b",
    "..",
    ".",
    "%2e",
    "./",
    "a/..",
    "%",
    "%zz/../../x",
    "%c0%ae%c0%ae/x",
    "%ff",
    "%ed%a0%80",
    "x" * 300,
    "%c3%a9" * 200,
    "/".join("x" * 200 for _ in range(40)),
    "a/" * 3000 + "x",
]
Ask = Callable[[str, str], tuple[str, str]]
ASKS: dict[str, Ask] = {
    "upload": lambda run, path: ("PUT", f"{PROXY}/0/{run}/artifacts/{path}"),
    "download": lambda run, path: ("GET", f"{PROXY}/0/{run}/artifacts/{path}"),
    "delete": lambda run, path: ("DELETE", f"{PROXY}/0/{run}/artifacts/{path}"),
    "list": lambda run, path: ("GET", f"{PROXY}?path=0/{run}/artifacts/{path}"),
    "list a run's": lambda run, path: (
        "GET",
        f"/api/2.0/mlflow/artifacts/list?run_id={run}&path={path}",
    ),
    "get": lambda run, path: ("GET", f"/get-artifact?run_id={run}&path={path}"),
    "upload from a page": lambda run, path: (
        "POST",
        f"{AJAX}upload-artifact?run_uuid={run}&path={path}",
    ),
    "upload for a run above": lambda run, path: ("PUT", f"{PROXY}/0/{path}/artifacts/x"),
}


@pytest.fixture(scope="module")
def run_id(server: Running) -> str:
    """A run with one file."""
    found: str = server.new_run()["run_id"]
    path = f"{PROXY}/0/{found}/artifacts/kept.txt"
    assert server.client.put(path, content=b"kept").status_code == 200
    return found


def ask(server: Running, method: str, target: str) -> tuple[int, bytes]:
    """Send a request line as it is, which clients would tidy up first; status and body."""
    with connect(server) as raw:
        raw.sendall(
            f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            "Content-Length: 4\r\n\r\nevil".encode()
        )
        head, _, body = rest_of(raw).partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def files_around(store: Path) -> set[Path]:
    """Everything in and beside the store, and its folders down to the blobs."""
    return set(store.iterdir()) | set(store.parent.iterdir()) | set((store / "log").iterdir())


@pytest.mark.parametrize("path", OUTSIDE, ids=range(len(OUTSIDE)))
@pytest.mark.parametrize("how", ASKS)
def test_a_path_that_leads_outside_is_refused_or_names_a_file_inside(
    server: Running, run_id: str, how: str, path: str
) -> None:
    before = files_around(server.store)
    method, target = ASKS[how](run_id, path)
    status, body = ask(server, method, target)
    assert status in (200, 400, 404), (status, body)
    assert b"root:" not in body
    assert b"Traceback" not in body
    assert files_around(server.store) == before
    listed = server.get("artifacts/list", run_id=run_id).get("files", [])
    for one in listed:
        assert ".." not in one["path"].split("/")
        assert not one["path"].startswith("/")
        if status == 200 and how.startswith("upload"):
            # What it was taken for is found again under the name that the list gives.
            query = urllib.parse.urlencode({"run_id": run_id, "path": one["path"]})
            assert ask(server, "GET", f"/get-artifact?{query}")[0] in (200, 404)


def test_names_up_to_the_bound_are_kept(server: Running) -> None:
    found = server.new_run()["run_id"]
    for name in ("x" * 250, "é" * 120, "a/" * 60 + "x", "a b+c%41;&=?", "…/%2B"):
        path = urllib.parse.quote(name)
        assert ask(server, "PUT", f"{PROXY}/0/{found}/artifacts/{path}")[0] == 200, name
        status, body = ask(server, "GET", f"{PROXY}/0/{found}/artifacts/{path}")
        assert (status, body) == (200, b"evil")


def test_a_link_in_the_way_of_an_upload_leads_nowhere(server: Running, tmp_path: Path) -> None:
    """Files are kept under names of ours, so that no name of a client's meets a link."""
    found = server.new_run()["run_id"]
    (server.store / "x").symlink_to(tmp_path)
    try:
        assert ask(server, "PUT", f"{PROXY}/0/{found}/artifacts/x/y")[0] == 200
    finally:
        (server.store / "x").unlink()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_was_logged_elsewhere_is_not_sent(server: Running, tmp_path: Path) -> None:
    """Its place stands in the log, which other machines may write."""
    store = open_store(server.store)
    experiment_id = store.experiments.create("outside", f"{tmp_path}/files")
    found = store.runs.create(experiment_id).info.run_id
    store.artifacts.log_bytes(found, b"secret", "a.txt")
    assert list((tmp_path / "files").iterdir())
    for target in (
        f"{PROXY}/{experiment_id}/{found}/artifacts/a.txt",
        f"/get-artifact?run_id={found}&path=a.txt",
    ):
        status, body = ask(server, "GET", target)
        assert status == 501, body
        assert b"secret" not in body


def test_every_name_means_one_file(server: Running) -> None:
    run_id = server.new_run()["run_id"]
    client, place = server.client, f"0/{run_id}/artifacts"
    store = open_store(server.store)
    texts = {posixpath.normpath(name): f"text of {name}".encode() for name in NAMES}
    for name, text in texts.items():
        path = f"{PROXY}/{place}/{urllib.parse.quote(name)}"
        assert client.put(path, content=text).status_code == 200, name
    for name, text in texts.items():
        folder = posixpath.dirname(name)
        listed = client.get(
            "/api/2.0/mlflow/artifacts/list", params={"run_id": run_id, "path": folder}
        ).json()["files"]
        assert name in [one["path"] for one in listed]
        listed = client.get(PROXY, params={"path": f"{place}/{folder}"}).json()["files"]
        assert posixpath.basename(name) in [one["path"] for one in listed]
        found = [
            client.get(f"{PROXY}/{place}/{urllib.parse.quote(name)}"),
            client.get("/get-artifact", params={"run_id": run_id, "path": name}),
            client.get(f"{AJAX}get-artifact", params={"run_uuid": run_id, "path": name}),
        ]
        assert [one.content for one in found] == [text] * 3, name
    for at, name in enumerate(texts):
        path = f"{PROXY}/{place}/{urllib.parse.quote(name)}"
        assert client.delete(path).status_code == 200, name
        assert client.get(path).status_code == 404, name
        left = len(texts) - at - 1
        run = store.artifacts.entries(run_id)
        assert len(run) == left, name


def test_a_name_that_is_no_unicode_is_refused(server: Running) -> None:
    run_id = server.new_run()["run_id"]
    for name in ("%ff.txt", "%fe.txt", "%ed%a0%80", "%c3"):
        assert ask(server, "PUT", f"{PROXY}/0/{run_id}/artifacts/{name}")[0] == 400, name
        query = f"run_uuid={run_id}&path={name}"
        assert ask(server, "POST", f"{AJAX}upload-artifact?{query}")[0] == 400, name
    assert server.get("artifacts/list", run_id=run_id).get("files", []) == []
    # The letter that stands for what cannot be read may stand in a name.
    assert ask(server, "PUT", f"{PROXY}/0/{run_id}/artifacts/%ef%bf%bd")[0] == 200
