"""MLflow's own server, with two workers, on a store of ours."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self


class Server:
    """A running `mlflow server`, killed with all its workers at the end of the block.

    Args:
        folder: Its working directory; the store is its `store`.
        own_files: Whether clients' artifacts go into the store, or where MLflow puts them.
    """

    def __init__(self, folder: Path, *, own_files: bool = True) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self.store_uri = f"eventtrack:{folder}/store"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._arguments = ["--artifacts-destination", self.store_uri] if own_files else []

    def __enter__(self) -> Self:
        command = ["-m", "mlflow", "server", "--backend-store-uri", self.store_uri]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "2"]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, *command, *self._arguments],
                cwd=self.folder,
                env={
                    **os.environ,
                    "MLFLOW_DISABLE_TELEMETRY": "true",
                    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                },
                stdout=log,
                stderr=log,
                start_new_session=True,  # so that its workers can be killed with it
            )
        deadline = time.monotonic() + 120
        while not self._answers():
            said = (self.folder / "server.log").read_text()
            assert self._process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.1)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def kill(self) -> None:
        """End the server and its workers at once, as `kill -9` does."""
        if self._process.poll() is not None:
            return
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        deadline = time.monotonic() + 30
        while self._workers():
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def _workers(self) -> list[Path]:
        """The processes of the server's group that still run: they die a moment after it."""
        group = str(self._process.pid)
        found: list[Path] = []
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue  # it has just ended
            # A process is a zombie already while threads of it still end, and hold its locks.
            threads = len(list((stat.parent / "task").glob("*")))
            if its_group == group and (state not in "ZX" or threads > 1):
                found.append(stat)
        return found

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False
