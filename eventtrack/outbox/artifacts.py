"""Files of a server's runs: copied to the outbox, uploaded from there; read over HTTP."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from eventtrack.errors import NotFoundError
from eventtrack.outbox.outbox import Outbox
from eventtrack.outbox.runs import RemoteRuns
from eventtrack.rest import TrackingServer
from eventtrack.store import validate
from eventtrack.views.records import FileInfo

# Bytes of a file that is read as a stream and kept in memory; a larger one goes to a temporary one.
_MEMORY_BYTES = 2**24


class RemoteArtifacts:
    """The files of a server's runs."""

    def __init__(self, outbox: Outbox, server: TrackingServer, runs: RemoteRuns) -> None:
        self._outbox = outbox
        self._server = server
        self._runs = runs

    def log_file(
        self, run_id: str, local_path: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Take a copy of a file, to be uploaded under its own name into `artifact_path`."""
        self._runs.ensure(run_id)
        self._outbox.store.artifacts.log_file(run_id, local_path, artifact_path)

    def log_folder(
        self, run_id: str, local_dir: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Take a copy of every file below a folder, to be uploaded."""
        self._runs.ensure(run_id)
        self._outbox.store.artifacts.log_folder(run_id, local_dir, artifact_path)

    def log_bytes(self, run_id: str, data: bytes, artifact_file: str) -> None:
        """Keep bytes, to be uploaded as the file `artifact_file`."""
        self._runs.ensure(run_id)
        self._outbox.store.artifacts.log_bytes(run_id, data, artifact_file)

    def list(self, run_id: str, path: str | None = None) -> Sequence[FileInfo]:
        """The files and folders directly in a folder of a run, sorted by path."""
        self._outbox.deliverer.push()
        return self._list(run_id, validate.artifact_path(path) if path else None)

    def open(self, run_id: str, path: str) -> BinaryIO:
        """A file of a run, open for reading: a copy that goes when it is closed.

        Raises:
            NotFoundError: The run has no such file.
        """
        import tempfile  # slower to import than all else here

        self._outbox.deliverer.push()
        clean = validate.artifact_path(path)
        found = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115 - the caller's
        try:
            for chunk in self._server.read_artifact(self._runs.server_id(run_id), clean):
                found.write(chunk)
        except BaseException:
            found.close()
            raise
        found.seek(0)
        return found  # type: ignore[return-value]

    def download(self, run_id: str, path: str, destination: str | os.PathLike[str]) -> Path:
        """Copy a file, or all files below a folder, into `destination`; returns where it is.

        Raises:
            NotFoundError: There is nothing at `path`.
        """
        self._outbox.deliverer.push()
        clean = validate.artifact_path(path) if path else ""
        files = list(self._files(run_id, clean))
        if not files and clean:
            parent = clean.rpartition("/")[0]
            if clean not in {one.path for one in self._list(run_id, parent or None)}:
                raise NotFoundError(
                    f"run {run_id} has no artifact '{path}'",
                    hint="list_artifacts(...) shows what it has",
                )
            files = [clean]
        root = Path(destination)
        server_id = self._runs.server_id(run_id)
        for file in files:
            target = root / file
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as sink:
                for chunk in self._server.read_artifact(server_id, file):
                    sink.write(chunk)
        return root / clean if clean else root

    def _files(self, run_id: str, folder: str) -> Iterator[str]:
        waiting = [folder]
        while waiting:
            for one in self._list(run_id, waiting.pop() or None):
                if one.is_dir:
                    waiting.append(one.path)
                else:
                    yield one.path

    def _list(self, run_id: str, path: str | None) -> Sequence[FileInfo]:
        found = self._server.list_artifacts(self._runs.server_id(run_id), path)
        return sorted(found, key=lambda one: one.path)
