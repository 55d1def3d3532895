"""Calls about files. Listing and reading name the run; writing names the run's location."""

import ipaddress
import posixpath
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlencode, urlsplit

from eventtrack.errors import RemoteError, UsageError
from eventtrack.rest import records
from eventtrack.rest.calls import Calls, all_pages, page
from eventtrack.rest.connection import path_text
from eventtrack.views.records import FileInfo, PagedList

PROXY_SCHEME = "mlflow-artifacts"
_PROXY = "/api/2.0/mlflow-artifacts/artifacts/"
_CHUNK_BYTES = 2**20
_PATH_MAX = 4096
LISTED_MAX = 1_000_000
_LET_IT_KEEP = (
    "let the server keep them: `mlflow server --artifacts-destination ...`, or use "
    "eventtrack server"
)


class ArtifactCalls(Calls):
    """Files of runs."""

    def list_artifacts(self, run_id: str, path: str | None = None) -> list[FileInfo]:
        """The files and folders directly below a folder of a run; "" or None for the topmost.

        Raises:
            RemoteError: The server lists impossible paths, or far too many.
        """

        def fetch(token: str | None) -> PagedList[FileInfo]:
            answer = self._get("artifacts/list", run_id=run_id, path=path or None, page_token=token)
            return page(answer, "files", records.file)

        return bounded(all_pages(fetch), path or "")

    def read_artifact(self, run_id: str, path: str) -> Iterator[bytes]:
        """The bytes of a file of a run, in pieces.

        Raises:
            NotFoundError: The run has no such file.
        """
        query = urlencode({"run_id": run_id, "path": path})
        return self.connection.chunks(f"/get-artifact?{query}", _CHUNK_BYTES)

    def write_artifact(self, artifact_uri: str, path: str, source: IO[bytes]) -> None:
        """Store bytes as the file `path` below a run's `artifact_uri`. May be done twice.

        If the server keeps the run's files, the bytes are uploaded to it. If a server of this
        machine named a folder, the file is written there directly.

        Raises:
            UsageError: Only another program can write to the place of the files.
        """
        below = self.proxied(artifact_uri)
        if below is not None:
            self.connection.put(f"{_PROXY}{path_text(posixpath.join(below, path))}", source)
            return
        import shutil

        if not self._is_here():
            raise UsageError(
                f"{self.connection.address.url} wants files in {artifact_uri}, a folder of this "
                "machine, and is a server elsewhere",
                hint=_LET_IT_KEEP,
            )
        target = _folder(artifact_uri) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as sink:
            shutil.copyfileobj(source, sink, _CHUNK_BYTES)

    def _is_here(self) -> bool:
        """Whether the server runs on this machine: another's may not choose a folder here."""
        host = urlsplit(self.connection.address.url).hostname or ""
        try:
            return host == "localhost" or ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False

    def delete_artifacts(self, artifact_uri: str, path: str) -> None:
        """Delete a file or a folder of a run whose files the server keeps."""
        below = self.proxied(artifact_uri)
        if below is None:
            raise _no_way(artifact_uri)
        self.connection.delete(f"{_PROXY}{path_text(posixpath.join(below, path))}")

    @staticmethod
    def proxied(artifact_uri: str) -> str | None:
        """The path under which the server keeps a run's files; None if the files are elsewhere."""
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
        hint=_LET_IT_KEEP,
    )


def bounded(listed: Iterable[FileInfo], folder: str) -> list[FileInfo]:
    """The entries that a server lists in a folder; all must lie directly in the folder.

    Raises:
        RemoteError: An entry lies elsewhere, or there are more entries than anybody logs.
    """
    entries = []
    for entry in listed:
        parent, _, name = entry.path.rpartition("/")
        if parent != folder.strip("/") or name in ("", ".", "..") or len(entry.path) > _PATH_MAX:
            raise RemoteError(
                f"the server lists {entry.path[:200]!r} in the folder {folder[:200]!r}, where no "
                "such file can be",
                hint="nothing of it was fetched; ask whoever runs the server",
            )
        entries.append(entry)
        if len(entries) > LISTED_MAX:
            raise RemoteError(
                f"the server lists more than {LISTED_MAX:,} files in the folder {folder[:200]!r}",
                hint="ask whoever runs the server",
            )
    return entries
