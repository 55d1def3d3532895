"""MLflow's artifact repository for locations inside a store.

eventtrack:///store                              everything below, as MLflow's proxy names it
eventtrack:///store/runs/<run_id>/artifacts      the files of one run
"""

import posixpath
import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from mlflow import entities
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.store.artifact.artifact_repo import ArtifactRepository

from eventtrack.errors import NotFoundError
from eventtrack.log import files
from eventtrack.plugin.erasure import refuse_erasure
from eventtrack.plugin.errors import translate_errors
from eventtrack.store import Store, open_store
from eventtrack.store.location import resolve_path
from eventtrack.views.records import LifecycleStage


class Place(NamedTuple):
    """Where a path of a repository leads: whose file it is, and under which path there."""

    run_id: str
    path: str


@translate_errors
class StoreArtifactRepository(ArtifactRepository):
    """The files at a location inside a store; runs' files go through the store and its log."""

    def __init__(
        self,
        artifact_uri: str,
        tracking_uri: str | None = None,
        registry_uri: str | None = None,
    ) -> None:
        super().__init__(artifact_uri, tracking_uri, registry_uri)
        folder = resolve_path(artifact_uri)
        root = next((one for one in (folder, *folder.parents) if _is_store(one)), folder)
        self._root = root
        self._prefix = folder.relative_to(root).as_posix().removeprefix(".")

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Store a copy of a file under its own name."""
        place = self._writable(artifact_path)
        self._store.artifacts.log_file(place.run_id, local_file, place.path or None)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Store a copy of every file below a folder, in one event."""
        place = self._writable(artifact_path)
        self._store.artifacts.log_folder(place.run_id, local_dir, place.path or None)

    def list_artifacts(self, path: str | None = None) -> list[Any]:
        """The files and folders directly in a folder, sorted; nothing where there is none."""
        place = self._place(path)
        if place is None:
            return []
        above = posixpath.relpath(place.path or ".", path or ".")
        return [
            entities.FileInfo(posixpath.relpath(one.path, above), one.is_dir, one.file_size)
            for one in self._store.artifacts.list(place.run_id, place.path or None)
        ]

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Take files off a run's list; nothing happens where there are none.

        Raises:
            MlflowException: The run is deleted (as `mlflow gc` asks): `NOT_IMPLEMENTED`.
        """
        place = self._writable(artifact_path)
        info = self._store.runs.get(place.run_id).info
        if info.lifecycle_stage == LifecycleStage.DELETED:
            refuse_erasure(f"the files of run {place.run_id}")
        if self._store.artifacts.entries(place.run_id, place.path or None):
            self._store.artifacts.delete(place.run_id, place.path)

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        place = self._place(remote_file_path)
        if place is None or not place.path:
            raise NotFoundError(
                f"there is no artifact '{remote_file_path}' at {self.artifact_uri}",
                hint="list_artifacts() shows what there is",
            )
        target = Path(local_path)
        with tempfile.TemporaryDirectory(dir=target.parent) as draft:
            shutil.move(self._store.artifacts.download(place.run_id, place.path, draft), target)

    @property
    def _store(self) -> Store:
        # Asked for each time: it is shared in this process, and another one after a fork.
        return open_store(self._root, source="mlflow")

    def _place(self, path: str | None) -> Place | None:
        """Where a path leads; None for one that is no run's."""
        parts = [part for part in f"{self._prefix}/{path or ''}".split("/") if part]
        if len(parts) < 3 or parts[0] != "runs" or parts[2] != "artifacts":
            return None
        return Place(parts[1], "/".join(parts[3:]))

    def _writable(self, path: str | None) -> Place:
        place = self._place(path)
        if place is None:
            raise MlflowException(
                f"Cannot write to {self.artifact_uri}/{path or ''}: a store has files of runs "
                "only, below runs/<run_id>/artifacts",
                error_code=INVALID_PARAMETER_VALUE,
            )
        return place


def _is_store(folder: Path) -> bool:
    return (folder / "FORMAT").is_file() and (folder / files.BLOBS).is_dir()
