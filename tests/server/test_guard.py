"""A page from elsewhere cannot use the server through a browser on this machine."""

import http.client
import subprocess
import sys
from pathlib import Path

import pytest

from eventtrack.server.guard import host_name, is_loopback
from tests.server.running import API, ROOT, Running, running

LOCAL = ("localhost", "localhost:5000", "127.0.0.1:80", "127.1.2.3", "[::1]:9", "app.localhost")
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


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://localhost:3000"}, 200),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-origin"}, 200),
    ],
)
def test_a_foreign_page_cannot_write(server: Running, headers: dict[str, str], status: int) -> None:
    body = {"experiment_id": "0", "key": "a", "value": "b"}
    path = f"{API}experiments/set-experiment-tag"
    assert server.client.post(path, json=body, headers=headers).status_code == status


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
