"""trackio, local: a queue in memory, written to SQLite by a thread twice a second."""

import contextlib
import importlib
import os
import sys
from pathlib import Path
from typing import Any

from _peer_driver import main


class Trackio:
    """`import trackio`, as scripts use it. It has params (`config`) and no tags."""

    calls = 20_000

    def __init__(self) -> None:
        # Read when it is imported.
        os.environ["TRACKIO_DIR"] = f"{sys.argv[2]}/trackio"
        os.environ["HF_HUB_OFFLINE"] = "1"
        self._trackio: Any = importlib.import_module("trackio")
        self._runs = 0

    def open(self, folder: Path) -> None:
        """Nothing to do: the folder is known."""

    def begin(self, params: dict[str, str], tags: dict[str, str]) -> None:
        """A run; params and tags are its config."""
        self._runs += 1
        with contextlib.redirect_stdout(sys.stderr):
            self._trackio.init(
                project="bench",
                name=f"run-{self._runs}",
                config=params | tags,
                auto_log_gpu=False,
                auto_log_cpu=False,
            )

    def log(self, metrics: dict[str, float], step: int) -> None:
        """One call for all metrics."""
        self._trackio.log(metrics, step=step)

    def end(self) -> None:
        """Waits until the thread has written everything."""
        with contextlib.redirect_stdout(sys.stderr):
            self._trackio.finish()

    def count(self, folder: Path) -> int:
        """The logs of the newest run."""
        storage: Any = importlib.import_module("trackio.sqlite_storage").SQLiteStorage
        return max(len(storage.get_logs("bench", run)) for run in storage.get_runs("bench"))


main(Trackio())
