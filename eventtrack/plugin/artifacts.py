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
from mlflow.store.artifact.artifact_repo import ArtifactRepository

from eventtrack.log import files
from eventtrack.plugin.errors import translate_errors
from eventtrack.plugin.places import Place, place
from eventtrack.store import Store, open_store
from eventtrack.store.location import resolve_path
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
        root = next((one for one in (folder, *folder.parents) if _is_store(one)), folder)
        self._root = root
        self._prefix = folder.relative_to(root).as_posix().removeprefix(".")

    def log_artifact(self, local_file: str, artifact_path: str | None = None) -> None:
        """Store a copy of a file under its own name."""
        found = self._place(artifact_path)
        found.files(self._store).log_file(found.owner, local_file, found.path or None)

    def log_artifacts(self, local_dir: str, artifact_path: str | None = None) -> None:
        """Store a copy of every file below a folder, in one event."""
        found = self._place(artifact_path)
        found.files(self._store).log_folder(found.owner, local_dir, found.path or None)

    def list_artifacts(self, path: str | None = None) -> list[Any]:
        """The files and folders directly in a folder, sorted; nothing where there is none."""
        found = place(self._inside(path))
        if found is None:
            return []
        below = len(found.path) + 1 if found.path else 0
        return [
            entities.FileInfo(
                posixpath.join(path or "", one.path[below:]), one.is_dir, one.file_size
            )
            for one in found.files(self._store).list(found.owner, found.path or None)
        ]

    def delete_artifacts(self, artifact_path: str | None = None) -> None:
        """Take files off a list; nothing happens where there are none.

        All those of a deleted run or model stay as well: `mlflow gc` asks for this before it erases
        the run, and what is erased takes its files along.
        """
        found = self._place(artifact_path)
        if not found.path and self._is_deleted(found):
            return
        files_of = found.files(self._store)
        if files_of.entries(found.owner, found.path or None):
            files_of.delete(found.owner, found.path)

    def upload_trace_data(self, trace_data: str) -> None:
        """Keep a trace's spans in a file, where they are not in the log already."""
        found = self._place(None)
        if found.kind != "traces" or not self._store.traces.get(found.owner).complete:
            super().upload_trace_data(trace_data)

    def download_trace_data(self) -> dict[str, Any]:
        """The spans of a trace: from the log, or from a file that an old client left."""
        found = self._place(None)
        spans = self._store.traces.read(found.owner).spans if found.kind == "traces" else ()
        if spans:
            return {"spans": [json.loads(span.body) for span in spans]}
        written: dict[str, Any] = super().download_trace_data()
        return written

    def _download_file(self, remote_file_path: str, local_path: str) -> None:
        found = self._place(remote_file_path)
        target = Path(local_path)
        with tempfile.TemporaryDirectory(dir=target.parent) as draft:
            downloaded = found.files(self._store).download(found.owner, found.path, draft)
            shutil.move(downloaded, target)

    @property
    def _store(self) -> Store:
        # Asked for each time: it is shared in this process, and another one after a fork.
        return open_store(self._root, source="mlflow", create=False)

    def _inside(self, path: str | None) -> str:
        return f"{self._prefix}/{path or ''}"

    def _place(self, path: str | None) -> Place:
        found = place(self._inside(path))
        if found is None:
            raise MlflowException(
                f"No file can be at {self.artifact_uri}/{path or ''}: a store has those of runs, "
                "logged models and traces, below runs/<run_id>/artifacts, models/<model_id>/... "
                "and traces/<trace_id>/...",
                error_code=INVALID_PARAMETER_VALUE,
            )
        return found

    def _is_deleted(self, found: Place) -> bool:
        if found.kind == "runs":
            stage = self._store.runs.get(found.owner).info.lifecycle_stage
        elif found.kind == "models":
            stage = self._store.models.get(found.owner).lifecycle_stage
        else:
            return False  # a deleted trace is not found
        return stage == LifecycleStage.DELETED


def _is_store(folder: Path) -> bool:
    return (folder / "FORMAT").is_file() and (folder / files.BLOBS).is_dir()
