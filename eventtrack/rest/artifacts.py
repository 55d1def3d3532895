"""Calls about files. Listing and reading go by the run; writing goes to the run's location."""

import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlencode, urlsplit

from eventtrack.errors import UsageError
from eventtrack.rest import records
from eventtrack.rest.calls import Calls, all_pages, page
from eventtrack.rest.connection import path_text
from eventtrack.views.records import FileInfo, PagedList

PROXY_SCHEME = "mlflow-artifacts"
_PROXY = "/api/2.0/mlflow-artifacts/artifacts/"
_CHUNK_BYTES = 2**20


class ArtifactCalls(Calls):
    """Files of runs."""

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """The files and folders directly below a folder of a run; "" or None for the topmost."""

        def fetch(token: str | None) -> PagedList[FileInfo]:
            answer = self._get("artifacts/list", run_id=run_id, path=path or None, page_token=token)
            return page(answer, "files", records.file)

        return list(all_pages(fetch))

    def read_artifact(self, run_id: str, path: str) -> Iterator[bytes]:
        """The bytes of a file of a run, in pieces.

        Raises:
            NotFoundError: The run has no such file.
        """
        query = urlencode({"run_id": run_id, "path": path})
        return self.connection.chunks(f"/get-artifact?{query}", _CHUNK_BYTES)

    def write_artifact(self, artifact_uri: str, path: str, source: IO[bytes]) -> None:
        """Store bytes as the file `path` below a run's `artifact_uri`. May be done twice.

        The server takes them where it keeps the files; a folder is written to as it is.

        Raises:
            UsageError: The files lie where only another program can write.
        """
        below = self.proxied(artifact_uri)
        if below is not None:
            self.connection.put(f"{_PROXY}{path_text(posixpath.join(below, path))}", source)
            return
        import shutil

        target = _folder(artifact_uri) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as sink:
            shutil.copyfileobj(source, sink, _CHUNK_BYTES)

    def delete_artifacts(self, artifact_uri: str, path: str) -> None:
        """Take a file or a folder off a run whose files the server keeps."""
        below = self.proxied(artifact_uri)
        if below is None:
            raise _no_way(artifact_uri)
        self.connection.delete(f"{_PROXY}{path_text(posixpath.join(below, path))}")

    @staticmethod
    def proxied(artifact_uri: str) -> str | None:
        """The path under which the server keeps a run's files, None where others do."""
        parts = urlsplit(artifact_uri)
        if parts.scheme != PROXY_SCHEME:
            return None
        return unquote(parts.path).strip("/")


def _folder(artifact_uri: str) -> Path:
    parts = urlsplit(artifact_uri)
    if parts.scheme == "file" and parts.netloc in ("", "localhost"):
        return Path(unquote(parts.path))
    if not parts.scheme and parts.path.startswith("/"):
        return Path(artifact_uri)
    raise _no_way(artifact_uri)


def _no_way(artifact_uri: str) -> UsageError:
    return UsageError(
        f"cannot write files to {artifact_uri}: this eventtrack has no way to "
        f"{urlsplit(artifact_uri).scheme or 'such'}: URIs",
        hint="let the server keep them: `mlflow server --artifacts-destination ...`, or use "
        "eventtrack server",
    )
