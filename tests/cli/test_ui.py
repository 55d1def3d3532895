"""`eventtrack ui`: processes of its own, a browser that is a script, and signals."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from eventtrack.server.presence import present
from eventtrack.store import open_store
from tests.server.running import ROOT, running

# What asks the environment for a browser finds none.
NOWHERE = {"SSH_CONNECTION", "BROWSER", "DISPLAY", "WAYLAND_DISPLAY"}
# A browser in the foreground: it asks for the page, says what it got, and stays until that is gone.
BROWSER = """#!{python}
import pathlib, sys, time, urllib.request
with urllib.request.urlopen(sys.argv[1], timeout=30) as page:
    pathlib.Path({seen!r}).write_text(sys.argv[1] + " " + str(b"<title>eventtrack" in page.read()))
while {stays} and pathlib.Path({seen!r}).exists():
    time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that none of the tests changes."""
    path = tmp_path_factory.mktemp("ui") / "store"
    open_store(path).close()
    return path


@contextlib.contextmanager
def ui(*words: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The command, which is killed at the end if it still runs."""
    inherited = {name: value for name, value in os.environ.items() if name not in NOWHERE}
    command = [sys.executable, "-m", "eventtrack", "ui", *words]
    with subprocess.Popen(
        command,
        env={**inherited, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    """What is printed once the pages can be opened."""
    assert process.stdout is not None
    return process.stdout.readline()


def browser(folder: Path, *, stays: bool = False) -> tuple[str, Path]:
    """The command of a browser, and the file in which it says what it was shown."""
    seen, script = folder / "seen", folder / "browser"
    script.write_text(BROWSER.format(python=sys.executable, seen=str(seen), stays=stays))
    script.chmod(0o755)
    return str(script), seen


def test_it_serves_the_pages_opens_them_and_ends_with_ctrl_c(store: Path, tmp_path: Path) -> None:
    command, seen = browser(tmp_path, stays=True)
    with ui(str(store), "--port", "0", "--json", BROWSER=command) as process:
        said = json.loads(first_line(process))
        assert said["store"] == str(store)
        assert said["started"]
        with httpx.stream("GET", f"{said['url']}/api/eventtrack/1/live", timeout=60) as live:
            chunks = live.iter_text()
            assert "event: hello" in next(chunks)
            while not (seen.exists() and seen.read_text().endswith("True")):
                assert process.poll() is None
            process.send_signal(signal.SIGINT)
            # The stream is ended, not cut off: nothing has to wait until patience is over.
            assert "".join(chunks) == ""
        assert process.wait(30) == 0
        assert seen.read_text() == f"{said['url']} True"
        seen.unlink()
        assert process.stderr is not None
        assert process.stderr.read() == ""
    assert present(store) == []


def test_a_server_that_runs_already_is_used(store: Path, tmp_path: Path) -> None:
    command, seen = browser(tmp_path)
    with running(store) as server:
        with ui(str(store), BROWSER=command) as process:
            said, problems = process.communicate(timeout=60)
            assert said == f"{store} is served at {server.url}\n"
            assert problems == ""
            assert process.returncode == 0
        assert seen.read_text() == f"{server.url} True"
        server.kill()
        # What a dead server left behind leads nobody there.
        with ui(str(store), "--json", "--no-browser", "--port", "0") as process:
            said = json.loads(first_line(process))
            assert said["started"]
            assert said["url"] != server.url
            assert httpx.get(said["url"] + "/health").text == "OK"


def test_pages_of_mlflow_are_not_taken_for_ours(store: Path) -> None:
    with running(store, "--ui", "mlflow"):
        assert [one.pages for one in present(store)] == ["mlflow"]
        with ui(str(store), "--json", "--no-browser", "--port", "0") as process:
            assert json.loads(first_line(process))["started"]


def test_over_ssh_it_says_how_to_come_in(store: Path) -> None:
    with ui(str(store), "--port", "0", SSH_CONNECTION="1.2.3.4 5 6.7.8.9 22") as process:
        url = first_line(process).split(" is served at ")[1].split()[0]
        port = url.rpartition(":")[2]
        process.send_signal(signal.SIGINT)
        hint = process.communicate(timeout=30)[1]
        assert f"ssh -L {port}:127.0.0.1:{port} " in hint
        assert f"open http://127.0.0.1:{port}" in hint


def test_without_a_display_it_only_prints_the_address(store: Path) -> None:
    with ui("https://tracking.example:5000/") as process:
        said, hint = process.communicate(timeout=30)
    assert said == "The server's pages are at https://tracking.example:5000\n"
    if os.uname().sysname != "Darwin":
        assert "There is no display here" in hint
    assert process.returncode == 0


def test_a_port_that_is_taken_is_an_error_only_if_it_was_asked_for(store: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with ui(str(store), "--port", str(port)) as process:
            said, problem = process.communicate(timeout=30)
    assert process.returncode == 2
    assert said == ""
    assert f"cannot listen on 127.0.0.1:{port}" in problem
    assert "--port" in problem
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # something else has it: as good
            stack.enter_context(socket.create_server(("127.0.0.1", 5000)))
        process = stack.enter_context(ui(str(store), "--json", "--no-browser"))
        url = json.loads(first_line(process))["url"]
        assert not url.endswith(":5000")
        assert httpx.get(url + "/health").text == "OK"


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["nothing"], 7, "there is no store at"),
        (["--store", "a", "b"], 2, "name the store once"),
        (["http://"], 2, "names no host"),
        (["ftp://there/store"], 2, "no way to ftp: URIs"),
    ],
)
def test_what_is_no_store_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], code: int, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with ui(*words) as process:
        _, problem = process.communicate(timeout=30)
    assert process.returncode == code
    assert said in problem
    assert not list(tmp_path.iterdir())


def test_a_port_to_which_no_browser_connects_is_refused(store: Path) -> None:
    """Once the command printed an address that Chromium calls unsafe."""
    with ui("--store", str(store), "--port", "5061") as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "browsers open no pages at port 5061" in said
