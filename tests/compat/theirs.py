"""MLflow's own server, started once for all tests of a session, whichever worker runs them."""

import contextlib
import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import httpx

_START_S = 240


@contextlib.contextmanager
def mlflow_server(shared: Path) -> Iterator[str]:
    """The URL of MLflow's server; the first who enters starts it, the last who leaves ends it.

    Args:
        shared: A folder that all who use the server have in common.
    """
    with _locked(shared / "mlflow.json") as file:
        state: Any = json.loads(file.read() or "null") or _start(shared)
        state["users"] += 1
        _write(file, state)
    try:
        yield state["url"]
    finally:
        with _locked(shared / "mlflow.json") as file:
            state = json.loads(file.read())
            state["users"] -= 1
            if not state["users"]:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(state["pid"], signal.SIGTERM)
                state = None
            _write(file, state)


def _start(shared: Path) -> dict[str, Any]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = shared / f"mlflow-{port}"
    folder.mkdir()
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", str(port)]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    command += ["--artifacts-destination", str(folder / "artifacts")]
    quiet = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (folder / "output").open("w") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **quiet},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, (folder / "output").read_text()
        with contextlib.suppress(httpx.HTTPError):
            if httpx.get(f"{url}/health", trust_env=False).status_code == 200:
                process.returncode = 0  # it outlives this process's interest in it
                return {"url": url, "pid": process.pid, "users": 0}
        time.sleep(0.2)
    raise AssertionError((folder / "output").read_text())


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    with path.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        yield file


def _write(file: IO[str], state: object) -> None:
    file.seek(0)
    file.truncate()
    json.dump(state, file)
    file.flush()
