"""The common base of all calls: the open store, and the locations of files as clients see them."""

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

from mlflow.store.tracking import DEFAULT_LOCAL_FILE_AND_ARTIFACT_PATH as _TOLD_NOTHING
from mlflow.utils.uri import append_to_uri_path, resolve_uri_if_local

from eventtrack.errors import EventtrackError
from eventtrack.folders import resolve_path
from eventtrack.plugin.places import place
from eventtrack.store import Store, open_store

SCHEME = "eventtrack:"
PROXY = "mlflow-artifacts:"
# `mlflow server` names its artifact proxy's folder to its workers by this variable.
_DESTINATION_VARIABLE = "_MLFLOW_SERVER_ARTIFACT_DESTINATION"


class OpenStore:
    """An eventtrack store as MLflow opens it.

    Args:
        store_uri: `eventtrack:PATH`.
        artifact_uri: None in a client. In `mlflow server` the artifact root. If that is the proxy
            (`mlflow-artifacts:/`), clients see the store's own files through it; below any other
            root every new experiment gets a folder.
    """

    def __init__(self, store_uri: str, artifact_uri: str | None = None) -> None:
        self._path = open_store(store_uri, source="mlflow").path
        self._own_root = f"eventtrack://{quote(str(self._path))}"
        self._proxy = self._new_root = None
        if artifact_uri and artifact_uri.startswith(PROXY):
            self._proxy = artifact_uri
        elif artifact_uri and not artifact_uri.startswith((SCHEME, _TOLD_NOTHING)):
            self._new_root = resolve_uri_if_local(artifact_uri)
        super().__init__()

    @property
    def store(self) -> Store:
        """The store, asked for by each call.

        At the interpreter's exit MLflow ends open runs after the store was closed: the store is
        then opened once more.
        """
        return open_store(self._path, source="mlflow")

    def new_location(self, asked_for: str | None) -> str | None:
        """The place for a new experiment's files; None for the store itself."""
        if asked_for:
            return str(resolve_uri_if_local(asked_for))
        if self._new_root is None:
            return None
        return str(append_to_uri_path(self._new_root, uuid4().hex))

    def shown(self, uri: str) -> str:
        """A location of ours as this process's clients can use it.

        Clients of MLflow's server cannot open the store: they go through its artifact proxy. If the
        proxy keeps its files outside the store, the store's files are shown at their own place,
        for the server itself can read them there.
        """
        if self._proxy is None or not uri.startswith(self._own_root):
            return uri
        inside = uri.removeprefix(self._own_root)
        if not self._proxies_own_files() and self._has_files(inside):
            return uri
        return str(append_to_uri_path(self._proxy, inside))

    def _has_files(self, inside: str) -> bool:
        folder = place(inside)
        return folder is not None and bool(folder.files(self.store).list(folder.owner))

    def _proxies_own_files(self) -> bool:
        """Whether MLflow's artifact proxy writes into this very store."""
        destination = _set_by_server(_DESTINATION_VARIABLE)
        return destination.startswith(SCHEME) and _folder(destination) == self._path


def _set_by_server(name: str) -> str:
    """A variable that MLflow's server sets for its workers, never a user; "" in a client."""
    return os.environ.get(name, "")


def _folder(uri: str) -> Path | None:
    try:
        return resolve_path(uri)
    except EventtrackError:
        return None


def all_pages(search: Any, size: int, **arguments: Any) -> list[Any]:
    """The results of all pages of a search."""
    page = search(max_results=size, **arguments)
    records = list(page)
    while page.token:
        page = search(max_results=size, page_token=page.token, **arguments)
        records += page
    return records
