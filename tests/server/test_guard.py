"""A page from elsewhere cannot use the server through a browser on this machine."""

import http.client
import subprocess
import sys
from pathlib import Path

import pytest

from eventtrack.server.guard import host_name, is_loopback
from eventtrack.server.routes import served
from eventtrack.tokens import Tokens
from tests.server.running import API, ROOT, Running, running
from tests.server.test_access import basic, example

LOCAL = ("localhost", "localhost:5000", "127.0.0.1:80", "127.1.2.3", "[::1]:9", "app.localhost")
OWN: tuple[dict[str, str], ...] = (
    {},
    {"origin": "http://localhost:3000"},
    {"sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "none"},
)
FOREIGN_PAGES = (
    {"origin": "http://evil.example"},
    {"origin": "null"},
    {"origin": ""},
    {"origin": "http://[::1"},
    {"origin": "http://localhost.evil.example"},
    {"origin": "http://evil.example", "host": "evil.example"},
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
)
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
FOREIGN = ("evil.example", "evil.example:5000", "localhost.evil.example", "10.0.0.1", "", "[::1")


@pytest.mark.parametrize("host", LOCAL)
def test_this_machine_is_known_by_all_its_names(host: str) -> None:
    assert is_loopback(host_name(host))


@pytest.mark.parametrize("host", FOREIGN)
def test_other_names_are_not_this_machine(host: str) -> None:
    assert not is_loopback(host_name(host))


@pytest.mark.parametrize("host", FOREIGN)
def test_a_foreign_host_header_is_refused(server: Running, host: str) -> None:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"))
    connection.putrequest("GET", f"{API}experiments/get?experiment_id=0", skip_host=True)
    if host:
        connection.putheader("Host", host)
    connection.endheaders()
    assert connection.getresponse().status in (400, 403)
    connection.close()


def test_monitors_may_use_any_name(server: Running) -> None:
    response = server.client.get("/health", headers={"host": "node-7.cluster"})
    assert (response.status_code, response.text) == (200, "OK")


@pytest.mark.parametrize("headers", OWN)
def test_a_page_of_ones_own_can_write(server: Running, headers: dict[str, str]) -> None:
    body = {"experiment_id": "0", "key": "a", "value": "b"}
    path = f"{API}experiments/set-experiment-tag"
    assert server.client.post(path, json=body, headers=headers).status_code == 200


WRITES = sorted({(method, example(path)) for method, path, _ in served() if method != "GET"})


@pytest.mark.parametrize("kind", ["application/json", "text/plain", *FORMS])
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_a_foreign_page_cannot_write_anything(
    server: Running, method: str, path: str, kind: str
) -> None:
    """Forms and `text/plain` are sent by browsers without asking the server first."""
    for foreign in FOREIGN_PAGES:
        headers = {"content-type": kind, **foreign}
        response = server.client.request(method, path, content=b"{}", headers=headers)
        assert response.status_code == 403, foreign
        assert response.json()["error_code"] == "PERMISSION_DENIED"
        assert "access-control-allow-origin" not in response.headers


def test_a_browser_that_asks_first_is_not_encouraged(server: Running) -> None:
    asked = {"origin": "http://evil.example", "access-control-request-method": "POST"}
    response = server.client.options(f"{API}runs/create", headers=asked)
    assert response.status_code >= 400
    assert not [name for name in response.headers if name.startswith("access-control-")]


def test_the_password_that_a_browser_remembers_opens_nothing_to_foreign_pages(
    tmp_path: Path,
) -> None:
    with running(tmp_path / "store") as server:
        known = basic(Tokens(server.store).create("ada", "admin"))
        body = {"experiment_id": "0", "key": "a", "value": "b"}
        path = f"{API}experiments/set-experiment-tag"
        # With tokens, another port of this machine is a stranger as well.
        for foreign in (*FOREIGN_PAGES, {"origin": "http://localhost:3000"}):
            response = server.client.post(path, json=body, headers={**known, **foreign})
            assert response.status_code == 403, foreign
        own = {**known, "origin": server.url}
        assert server.client.post(path, json=body, headers=own).status_code == 200


def test_a_server_behind_a_proxy_goes_by_the_names_it_was_given(tmp_path: Path) -> None:
    names = ("--allowed-host", "Tracking.example", "--allowed-host", "lab.example:8443")
    with running(tmp_path / "store", *names) as server:
        body = {"experiment_id": "0", "key": "a", "value": "b"}
        path = f"{API}experiments/set-experiment-tag"

        def status(host: str | None, origin: str | None = None) -> int:
            headers = {"host": host} if host else {}
            headers |= {"origin": origin} if origin else {}
            return server.client.post(path, json=body, headers=headers).status_code

        assert status("tracking.example") == status("TRACKING.example:443") == 200
        assert status("tracking.example", "https://tracking.example") == 200
        # A proxy that does not pass Host on, as nginx does not by itself.
        assert status(None, "https://tracking.example") == 200
        assert status(None, "https://lab.example:8443") == 200
        assert status(None) == status("localhost") == 200
        assert status("evil.example") == status("tracking.example.evil.example") == 403
        assert status(None, "https://lab.example") == status("x.tracking.example") == 403
        assert status(None, "https://evil.example") == 403
        assert status("evil.example", "https://evil.example") == 403


def test_a_server_for_others_wants_to_be_told(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "eventtrack", "--store", str(tmp_path / "s"), "server"]
    done = subprocess.run(
        [*command, "--host", "0.0.0.0", "--port", "0"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "--allow-remote" in done.stderr


def test_a_server_for_others_answers_to_any_name_but_no_foreign_page(tmp_path: Path) -> None:
    with running(tmp_path / "store", "--allow-remote") as server:
        query = {"experiment_id": "0"}
        named = {"host": "tracking.example"}
        found = server.client.get(f"{API}experiments/get", params=query, headers=named)
        assert found.status_code == 200
        body = {"experiment_id": "0", "key": "a", "value": "b"}
        path = f"{API}experiments/set-experiment-tag"
        own = {**named, "origin": "https://tracking.example"}
        assert server.client.post(path, json=body, headers=own).status_code == 200
        foreign = {**named, "origin": "http://localhost:3000"}
        assert server.client.post(path, json=body, headers=foreign).status_code == 403


def test_a_port_that_is_taken_is_said_so(server: Running, tmp_path: Path) -> None:
    port = server.url.rpartition(":")[2]
    command = [sys.executable, "-m", "eventtrack", "--store", str(tmp_path / "s"), "server"]
    done = subprocess.run(
        [*command, "--port", port],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "--port" in done.stderr
