"""MLflow's built pages, as files: found, typed, kept by browsers, and nothing beside them."""

import importlib.machinery
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from eventtrack.errors import InvalidValueError
from eventtrack.server import pages
from tests.server.running import API, ROOT, Running, running


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server with MLflow's pages."""
    pytest.importorskip("mlflow")
    store = tmp_path_factory.mktemp("pages") / "store"
    with running(store, "--ui", "mlflow") as server:
        yield server


def test_the_page_is_asked_for_again_and_may_not_be_framed(shown: Running) -> None:
    page = shown.client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "<title>MLflow</title>" in page.text
    assert page.headers["cache-control"] == "no-cache"
    assert page.headers["x-frame-options"] == "SAMEORIGIN"
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "connect-src" not in policy
    again = shown.client.get("/", headers={"if-none-match": page.headers["etag"]})
    assert again.status_code == 304


def test_every_file_has_its_type_and_is_kept(shown: Running) -> None:
    folder = pages.find()
    first = {path.suffix: path for path in sorted(folder.rglob("*")) if path.is_file()}
    types = {}
    for suffix, path in first.items():
        found = shown.client.get(f"/static-files/{path.relative_to(folder).as_posix()}")
        assert found.status_code == 200
        assert found.headers["cache-control"] == "public, max-age=2419200"
        assert found.headers["x-content-type-options"] == "nosniff"
        assert found.content == path.read_bytes()
        types[suffix] = found.headers["content-type"].split(";")[0]
    assert types[".js"] in ("text/javascript", "application/javascript")
    assert types[".css"] == "text/css"
    assert types[".svg"] == "image/svg+xml"
    assert types[".woff2"] == "font/woff2"
    assert types[".ttf"] == "font/ttf"


def test_only_the_page_for_notebooks_may_be_framed(shown: Running) -> None:
    [renderer] = [path for path in pages.find().glob("lib/*/index.html") if path.is_file()]
    inside = shown.client.get(f"/static-files/lib/{renderer.parent.name}/index.html")
    assert inside.status_code == 200
    assert "x-frame-options" not in inside.headers
    assert "x-frame-options" in shown.client.get("/static-files/favicon.ico").headers


@pytest.mark.parametrize(
    "path",
    [
        "../../__init__.py",
        "..%2f..%2f__init__.py",
        "%2e%2e/%2e%2e/__init__.py",
        "static/../../../__init__.py",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "static",
        "missing.js",
        "a%00b",
        "x" * 5000,
    ],
)
def test_nothing_beside_the_files_is_served(shown: Running, path: str) -> None:
    url = httpx.URL(shown.url, raw_path=f"/static-files/{path}".encode())
    found = shown.client.get(url)
    assert found.status_code == 404
    assert found.json()["error_code"] == "ENDPOINT_NOT_FOUND"


def test_the_endpoints_are_served_beside_the_pages(shown: Running) -> None:
    assert shown.get("experiments/get", experiment_id="0")["experiment"]["name"] == "Default"
    assert shown.client.get("/health").text == "OK"
    assert shown.client.head("/").status_code == 200
    assert shown.client.post("/").status_code == 405
    assert shown.client.get("/no-such-page").status_code == 404


def test_without_being_asked_for_none_of_mlflows_pages_is_served(server: Running) -> None:
    assert "<title>MLflow</title>" not in server.client.get("/").text
    assert server.client.get("/static-files/favicon.ico").status_code == 404
    assert server.client.get(f"{API}experiments/get?experiment_id=0").status_code == 200


def test_the_pages_are_found_without_importing_mlflow() -> None:
    pytest.importorskip("mlflow")
    script = "import sys; from eventtrack.server import pages; pages.find(); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "mlflow" not in done.stdout.split()


def test_searches_for_what_is_not_kept_find_nothing(server: Running) -> None:
    ajax = "/ajax-api/3.0/mlflow/"
    assert server.client.get(f"{ajax}scorers/list?experiment_id=0").json() == {}
    assert server.client.post(f"{ajax}datasets/search", json={"max_results": 5}).json() == {}
    assert server.client.get(f"{ajax}ui-telemetry").json()["disable_ui_telemetry"] is True
    proxied = "/ajax-api/2.0/mlflow/gateway-proxy?gateway_path=api%2F2.0%2Fendpoints%2F"
    assert server.client.get(proxied).json() == {"endpoints": []}


@pytest.mark.parametrize("installed", [False, True], ids=["nothing", "skinny"])
def test_what_to_install_is_said(
    installed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = importlib.machinery.ModuleSpec("mlflow", None, is_package=True)
    spec.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: spec if installed else None)
    with pytest.raises(InvalidValueError, match="cannot serve MLflow's pages") as refused:
        pages.find()
    assert 'pip install "eventtrack[mlflow]"' in refused.value.hint
