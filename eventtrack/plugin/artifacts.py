"""MLflow's artifact repository for locations inside a store.

eventtrack:///store                              everything below, as MLflow's proxy names it
eventtrack:///store/runs/<run_id>/artifacts      the files of one run
"""

import json
import posixpath
import shutil
import tempfile
from pathlib import Path
from typing import Any

from mlflow import entities
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.store.artifact.artifact_repo import ArtifactRepository, verify_artifact_path

from eventtrack.folders import resolve_path
from eventtrack.log import files
from eventtrack.plugin.errors import translate_errors
from eventtrack.plugin.places import Place, place
from eventtrack.store import Store, open_store
from eventtrack.views.records import LifecycleStage


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
        root = next((above for above in (folder, *folder.parents) if _is_store(above)), folder)
        self._root = root
        self._prefix = folder.relative_to(root).as_posix().removeprefix(".")

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Store a copy of a file under its own name."""
        verify_artifact_path(artifact_path)
        located = self._place(artifact_path)
        located.files(self._store).log_file(located.owner, local_file, located.path or None)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Store a copy of every file below a folder, in one event."""
        verify_artifact_path(artifact_path)
        located = self._place(artifact_path)
        located.files(self._store).log_folder(located.owner, local_dir, located.path or None)

    def list_artifacts(self, path: str | None = None) -> list[Any]:
        """The files and folders directly in a folder, sorted; nothing if there is no folder."""
        located = place(self._inside(path))
        if located is None:
            return []
        below = len(located.path) + 1 if located.path else 0
        return [
            entities.FileInfo(
                posixpath.join(path or "", entry.path[below:]), entry.is_dir, entry.file_size
            )
            for entry in located.files(self._store).list(located.owner, located.path or None)
        ]

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Delete files; nothing happens if there are none.

        A call for all files of a deleted run or model does nothing: `mlflow gc` makes it before it
        erases the run, and the erasure takes the files along.
        """
        located = self._place(artifact_path)
        if not located.path and self._is_deleted(located):
            return
        files_of = located.files(self._store)
        if files_of.entries(located.owner, located.path or None):
            files_of.delete(located.owner, located.path)

    def upload_trace_data(self, trace_data: str) -> None:
        """Keep a trace's spans in a file, unless they are in the log already."""
        located = self._place(None)
        if located.kind != "traces" or not self._store.traces.get(located.owner).complete:
            super().upload_trace_data(trace_data)

    def download_trace_data(self) -> dict[str, Any]:
        """The spans of a trace: from the log, or from a file that an old client left."""
        located = self._place(None)
        spans = self._store.traces.read(located.owner).spans if located.kind == "traces" else ()
        if spans:
            return {"spans": [json.loads(span.body) for span in spans]}
        written: dict[str, Any] = super().download_trace_data()
        return written

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        located = self._place(remote_file_path)
        target = Path(local_path)
        with tempfile.TemporaryDirectory(dir=target.parent) as draft:
            downloaded = located.files(self._store).download(located.owner, located.path, draft)
            shutil.move(downloaded, target)

    @property
    def _store(self) -> Store:
        # Asked for each time: the store is shared in this process, and replaced after a fork.
        return open_store(self._root, source="mlflow", create=False)

    def _inside(self, path: str | None) -> str:
        return f"{self._prefix}/{path or ''}"

    def _place(self, path: str | None) -> Place:
        located = place(self._inside(path))
        if located is None:
            raise MlflowException(
                f"No file can be at {self.artifact_uri}/{path or ''}: a store has those of runs, "
                "logged models and traces, below runs/<run_id>/artifacts, models/<model_id>/... "
                "and traces/<trace_id>/...",
                error_code=INVALID_PARAMETER_VALUE,
            )
        return located

    def _is_deleted(self, located: Place) -> bool:
        if located.kind == "runs":
            stage = self._store.runs.get(located.owner).info.lifecycle_stage
        elif located.kind == "models":
            stage = self._store.models.get(located.owner).lifecycle_stage
        else:
            return False  # a deleted trace is not found
        return stage == LifecycleStage.DELETED


def _is_store(folder: Path) -> bool:
    return (folder / "FORMAT").is_file() and (folder / files.BLOBS).is_dir()
