"""A server as its users run it: a process of its own on a free port of this machine."""

import contextlib
import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]
API = "/api/2.0/mlflow/"
_BOUNDED = """
from eventtrack.server import protocol
vars(protocol).update({})
{}
from eventtrack.cli import main
main()
"""


@dataclass
class Running:
    """A server that answers, and a client of it."""

    url: str
    store: Path
    process: subprocess.Popen[str]
    client: httpx.Client

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        """The answer to a request in JSON, which has to be 200."""
        return self._good(self.client.post(API + path, json=body))

    def get(self, path: str, **query: Any) -> dict[str, Any]:
        """The answer to a query, which has to be 200."""
        return self._good(self.client.get(API + path, params=query))

    def new_run(self, **body: Any) -> dict[str, Any]:
        """A new run of the default experiment: its `info`."""
        info: dict[str, Any] = self.post("runs/create", experiment_id="0", **body)["run"]["info"]
        return info

    def kill(self) -> None:
        """The end without a warning."""
        self.process.kill()
        self.process.wait()

    @staticmethod
    def _good(response: httpx.Response) -> dict[str, Any]:
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found


@contextlib.contextmanager
def running(
    store: Path,
    *arguments: str,
    bounds: Mapping[str, float] | None = None,
    log: Path | None = None,
    verify: ssl.SSLContext | bool = True,
    first: str = "",
) -> Iterator[Running]:
    """A server of a store, ended as a service manager would.

    Args:
        verify: How the client checks the server's certificate.
        bounds: Constants of `protocol` by name, for tests that cannot wait for the real ones.
        first: Statements that its process runs first.
        log: Where its standard error goes; by default to the test's own.
    """
    python = [sys.executable, "-c", _BOUNDED.format(dict(bounds or {}), first)]
    command = [*python, "--store", str(store), "--json", "server", "--port", "0", *arguments]
    with contextlib.ExitStack() as stack:
        process = subprocess.Popen(
            command,
            cwd=store.parent,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=stack.enter_context(log.open("ab")) if log is not None else None,
            text=True,
        )
    with process:
        assert process.stdout is not None
        try:
            said = json.loads(process.stdout.readline())
            with httpx.Client(
                base_url=said["url"], timeout=60, trust_env=False, verify=verify
            ) as client:
                yield Running(said["url"], store, process, client)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
                try:
                    process.wait(20)
                finally:
                    process.kill()
