"""tensorboardX: a file of records for each run, written by a thread; no queries."""

import importlib
import struct
from pathlib import Path
from typing import Any

from _peer_driver import main


class TensorboardX:
    """`SummaryWriter`, as scripts use it. Params and tags are texts to it."""

    calls = 20_000

    def __init__(self) -> None:
        self._tensorboard: Any = importlib.import_module("tensorboardX")
        self._folder = Path()
        self._runs = 0
        self._writer: Any = None

    def open(self, folder: Path) -> None:
        """Nothing to do: each run has a folder of its own."""
        self._folder = folder

    def begin(self, params: dict[str, str], tags: dict[str, str]) -> None:
        """A writer, and a text for each param and tag."""
        self._runs += 1
        self._writer = self._tensorboard.SummaryWriter(str(self._folder / f"run-{self._runs:03}"))
        for key, text in (params | tags).items():
            self._writer.add_text(key, text)

    def log(self, metrics: dict[str, float], step: int) -> None:
        """One call for each metric."""
        for key, value in metrics.items():
            self._writer.add_scalar(key, value, step)

    def end(self) -> None:
        """Waits until the thread has written everything."""
        self._writer.close()

    def count(self, folder: Path) -> int:
        """The scalars in the newest run's file of length-framed records."""
        event = importlib.import_module("tensorboardX.proto.event_pb2").Event
        newest = max(path for path in folder.iterdir() if path.is_dir())
        [file] = newest.iterdir()
        data, at, found = file.read_bytes(), 0, 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            found += len(event.FromString(data[at + 12 : at + 12 + length]).summary.value)
            at += length + 16
        return found


main(TensorboardX())
