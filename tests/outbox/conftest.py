"""Both servers, bad ways to them, and an empty state folder for each test."""

import os
import subprocess
import sys
import textwrap
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

import eventtrack
from eventtrack.outbox import deliverer
from tests.outbox.proxy import Proxy, proxy_to
from tests.rest.conftest import ours_url, server, server_url, theirs_url

__all__ = ["ours_url", "server", "server_url", "theirs_url"]

ROOT = Path(__file__).resolve().parents[2]

Script = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the test's outboxes are."""
    folder = tmp_path / "state"
    monkeypatch.setenv("EVENTTRACK_STATE", str(folder))
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    return folder


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attempts follow each other quickly: how long outages last is not what is tested here."""
    monkeypatch.setattr(deliverer, "_RETRY_FIRST_S", 0.05)
    monkeypatch.setattr(deliverer, "_RETRY_LONGEST_S", 0.2)


@pytest.fixture
def proxy(server_url: str) -> Iterator[Proxy]:
    """A way to each of the two servers that can be made bad."""
    with proxy_to(server_url) as found:
        yield found


@pytest.fixture
def mlflow(proxy: Proxy) -> ModuleType:
    """`import eventtrack as mlflow`, logging to each of the two servers by way of the proxy."""
    eventtrack.set_tracking_uri(proxy.url)
    return eventtrack


@pytest.fixture
def experiment() -> str:
    """A name that neither server has heard of."""
    return f"experiment {uuid.uuid4().hex}"


@pytest.fixture
def script(tmp_path: Path) -> Script:
    """Runs a text as a program of its own."""

    def run(text: str, uri: str, **env: str) -> "subprocess.CompletedProcess[str]":
        path = tmp_path / "train.py"
        path.write_text(textwrap.dedent(text))
        inherited = {name: value for name, value in os.environ.items() if "MLFLOW" not in name}
        inherited |= {"PYTHONPATH": str(ROOT), "EVENTTRACK_URI": uri}
        return subprocess.run(
            [sys.executable, "-W", "error", str(path)],
            env=inherited | env,
            cwd=tmp_path,
            text=True,
            capture_output=True,
            check=False,
            timeout=120,
        )

    return run
