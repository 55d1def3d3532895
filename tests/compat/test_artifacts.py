"""Artifacts: every request is answered as MLflow's own server answers it."""

from typing import Any

import pytest

from tests.compat.twin import AJAX, API, Twin

PROXY = "/api/2.0/mlflow-artifacts/artifacts"


@pytest.fixture(autouse=True)
def a_run(twin: Twin) -> None:
    """A run with three files."""
    twin.new_experiment()
    twin.new_run()
    for path, content in (("a.txt", b"hello"), ("sub/b.json", b"{}"), ("sub/c/d.bin", b"\0" * 9)):
        twin.same("PUT", f"{PROXY}/{{experiment}}/{{run}}/artifacts/{path}", content=content)


def test_files_are_listed(twin: Twin) -> None:
    assert len(twin.get("artifacts/list", run_id="{run}")["files"]) == 2
    for path in ("sub", "sub/c", "nothing", "a.txt", "sub/"):
        twin.get("artifacts/list", run_id="{run}", path=path)
        where = f"{{experiment}}/{{run}}/artifacts/{path}"
        twin.same("GET", PROXY, params={"path": where})
    twin.same("GET", PROXY, params={"path": "{experiment}/{run}/artifacts"})
    twin.same("GET", PROXY, params={"path": "no/such/artifacts"})


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"run_id": "nobody"},
        {"run_id": "{run}", "path": ".."},
        {"run_id": "{run}", "path": "/etc"},
        {"run_id": "{run}", "path": "a/../../b"},
        {"run_uuid": "{run}"},
    ],
)
def test_odd_queries_are_treated_as_mlflow_does(twin: Twin, query: dict[str, Any]) -> None:
    twin.get("artifacts/list", **query)


@pytest.mark.parametrize("path", ["a.txt", "sub/b.json", "sub/c/d.bin"])
def test_files_are_fetched(twin: Twin, path: str) -> None:
    for where, query in (
        (f"{PROXY}/{{experiment}}/{{run}}/artifacts/{path}", {}),
        ("/get-artifact", {"run_id": "{run}", "path": path}),
        ("/get-artifact", {"run_uuid": "{run}", "path": path}),
    ):
        ours, theirs = twin._ask("GET", where, params=query)
        assert (ours.status_code, ours.content) == (theirs.status_code, theirs.content)
        assert ours.status_code == 200
        for name in ("content-type", "x-content-type-options", "content-length"):
            assert ours.headers[name].split(";")[0] == theirs.headers[name].split(";")[0]
        assert ours.headers["content-disposition"].startswith("attachment; filename=")


@pytest.mark.parametrize(
    "query",
    [{"run_id": "{run}", "path": "../x"}, {"run_id": "nobody", "path": "a"}, {"run_id": "{run}"}],
)
def test_what_cannot_be_fetched_is_refused(twin: Twin, query: dict[str, Any]) -> None:
    twin.same("GET", "/get-artifact", params=query)


def test_a_file_that_is_not_there_is_not_found(twin: Twin) -> None:
    where = f"{PROXY}/{{experiment}}/{{run}}/artifacts/none.txt"
    ours, theirs = twin._ask("GET", where)
    # MLflow answers 500 here, which its client would ask again and again.
    assert (ours.status_code, theirs.status_code) in ((404, 404), (404, 500), (404, 400))


def test_files_are_deleted(twin: Twin) -> None:
    for path in ("a.txt", "sub"):
        twin.same("DELETE", f"{PROXY}/{{experiment}}/{{run}}/artifacts/{path}")
    twin.get("artifacts/list", run_id="{run}")


def test_pages_upload_small_files(twin: Twin) -> None:
    path = f"{AJAX}upload-artifact"
    twin.same("POST", path, params={"run_uuid": "{run}", "path": "x/y.txt"}, content=b"abc")
    twin.get("artifacts/list", run_id="{run}", path="x")
    for query, content in (
        ({"path": "x"}, b"1"),
        ({"run_uuid": "{run}"}, b"1"),
        ({"run_uuid": "{run}", "path": "x"}, b""),
        ({"run_uuid": "nobody", "path": "x"}, b"1"),
        ({"run_uuid": "{run}", "path": "../x"}, b"1"),
        ({"run_uuid": "{run}", "path": "x"}, b"1" * (10 * 2**20 + 1)),
    ):
        twin.same("POST", path, params=query, content=content)


def test_what_leads_out_of_a_run_is_refused(twin: Twin) -> None:
    for path in ("%2e%2e/x", "..%2f..%2fx", "a/..%2fx"):
        where = f"{PROXY}/{{experiment}}/{{run}}/artifacts/{path}"
        ours, _ = twin._ask("PUT", where, content=b"x")
        assert ours.status_code in (400, 404), path


def test_prefixes_are_the_same_server(twin: Twin) -> None:
    for prefix in (API, AJAX):
        twin.same("GET", f"{prefix}artifacts/list", params={"run_id": "{run}"})
