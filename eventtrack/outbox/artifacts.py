"""Files of a server's runs: copied to the outbox, uploaded from there; read over HTTP."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from eventtrack import validate
from eventtrack.errors import NotFoundError
from eventtrack.outbox.outbox import Outbox
from eventtrack.outbox.runs import RemoteRuns
from eventtrack.rest import TrackingServer
from eventtrack.views.records import FileInfo

# Bytes: a file up to this size is opened in memory; a larger file goes to a temporary file.
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
        """Copy a file to the outbox, for an upload under its own name into `artifact_path`."""
        self._runs.ensure(run_id)
        self._outbox.store.artifacts.log_file(run_id, local_path, artifact_path)

    def log_folder(
        self, run_id: str, local_dir: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Copy every file below a folder to the outbox, for an upload."""
        self._runs.ensure(run_id)
        self._outbox.store.artifacts.log_folder(run_id, local_dir, artifact_path)

    def log_bytes(self, run_id: str, data: bytes, artifact_file: str) -> None:
        """Keep bytes in the outbox, for an upload as the file `artifact_file`."""
        self._runs.ensure(run_id)
        self._outbox.store.artifacts.log_bytes(run_id, data, artifact_file)

    def list(self, run_id: str, path: str | None = None) -> Sequence[FileInfo]:
        """The files and folders directly in a folder of a run, sorted by path."""
        self._outbox.deliverer.push()
        return self._list(run_id, validate.artifact_path(path) if path else None)

    def open(self, run_id: str, path: str) -> BinaryIO:
        """A file of a run, open for reading: a copy that is removed when it is closed.

        Raises:
            NotFoundError: The run has no such file.
        """
        import tempfile  # the slowest import of this module

        self._outbox.deliverer.push()
        clean = validate.artifact_path(path)
        copy = tempfile.SpooledTemporaryFile(max_size=_MEMORY_BYTES)  # noqa: SIM115 - the caller's
        try:
            for chunk in self._server.read_artifact(self._runs.server_id(run_id), clean):
                copy.write(chunk)
        except BaseException:
            copy.close()
            raise
        copy.seek(0)
        return copy  # type: ignore[return-value]

    def download(self, run_id: str, path: str, destination: str | os.PathLike[str]) -> Path:
        """Copy a file, or all files below a folder, into `destination`; returns the copy's path.

        Raises:
            NotFoundError: There is nothing at `path`.
        """
        self._outbox.deliverer.push()
        clean = validate.artifact_path(path) if path else ""
        files = list(self._files(run_id, clean))
        if not files and clean:
            parent = clean.rpartition("/")[0]
            if clean not in {entry.path for entry in self._list(run_id, parent or None)}:
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
            for entry in self._list(run_id, waiting.pop() or None):
                if entry.is_dir:
                    waiting.append(entry.path)
                else:
                    yield entry.path

    def _list(self, run_id: str, path: str | None) -> Sequence[FileInfo]:
        entries = self._server.list_artifacts(self._runs.server_id(run_id), path)
        return sorted(entries, key=lambda entry: entry.path)
