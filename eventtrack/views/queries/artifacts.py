"""Artifacts, read: the files of runs, each checked by its hash."""

import os
from collections.abc import Iterable, Iterator, Sequence
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Protocol

from eventtrack import validate
from eventtrack.errors import ChecksumError, DiskFullError, EventtrackError, NotFoundError
from eventtrack.log.filesystem import translate_os_error
from eventtrack.projections import forks
from eventtrack.projections.state import ArtifactState, RunState
from eventtrack.projections.tables import Reader
from eventtrack.views.blobs import BlobFiles
from eventtrack.views.context import ReadContext
from eventtrack.views.places import check, checked, open_place
from eventtrack.views.queries.runs import existing_run
from eventtrack.views.records import FileInfo, Record

# Failures that one error names.
_NAMED_MAX = 5


class ArtifactEntry(Record):
    """One file of a run: its path, size in bytes, and SHA-256 in hex."""

    path: str
    size: int
    sha256: str


class Owner(Protocol):
    """The part of the state of a run, a logged model or a trace that its files need."""

    @property
    def number(self) -> int:
        """The local number under which the views keep its files."""
        ...

    @property
    def experiment_id(self) -> str:
        """The id of the owner's experiment."""
        ...


class ArtifactQueries:
    """Reads of the files of a store's runs."""

    _kind = "run"

    def __init__(self, context: ReadContext) -> None:
        self._context = context
        self.blobs = BlobFiles(context.source.path)

    def list(self, run_id: str, path: str | None = None) -> Sequence[FileInfo]:
        """The files and folders directly in a folder of a run, sorted by path.

        A path that names a file gives nothing, as in MLflow.
        """
        prefix = f"{validate.artifact_path(path)}/" if path else ""
        with self._context.read() as reader:
            entries = _sound(self._files(reader, self._owner(reader, run_id), prefix))
        infos: dict[str, FileInfo] = {}
        for entry in entries:
            name, below, _ = entry.path[len(prefix) :].partition("/")
            size = None if below else entry.size
            infos[name] = FileInfo(path=prefix + name, is_dir=bool(below), file_size=size)
        return [infos[name] for name in sorted(infos)]

    def entries(self, run_id: str, path: str | None = None) -> Sequence[ArtifactEntry]:
        """Every file of a run at or below a path, sorted."""
        prefix = validate.artifact_path(path) if path else ""
        with self._context.read() as reader:
            states = _sound(self._files(reader, self._owner(reader, run_id), prefix))
        return [
            ArtifactEntry(path=state.path, size=state.size, sha256=state.sha256.hex())
            for state in states
            if not prefix or state.path == prefix or state.path.startswith(f"{prefix}/")
        ]

    def entry(self, run_id: str, path: str) -> ArtifactEntry:
        """One file of a run.

        Raises:
            NotFoundError: The run has no such file.
        """
        state = self._existing(run_id, path)[0]
        return ArtifactEntry(path=state.path, size=state.size, sha256=state.sha256.hex())

    def open(self, run_id: str, path: str) -> BinaryIO:
        """A file of a run, open for reading, after a first read has checked its hash.

        Raises:
            NotFoundError: The run has no such file, or its bytes are not on this machine.
            ChecksumError: The file is not what was logged.
        """
        state, file = self._opened(run_id, path)
        check(file, state.sha256, self._named(run_id, path))
        return file

    def blob(self, run_id: str, path: str) -> tuple[Path, bytes]:
        """The path of a run's file among the blobs, and its SHA-256, which was checked.

        Raises:
            NotFoundError: The run has no such file, or the store does not keep it.
            ChecksumError: The file is not what was logged.
        """
        state = self._existing(run_id, path)[0]
        try:
            self.blobs.verify(state.sha256, state.size)
        except NotFoundError as error:
            raise self._not_here(run_id, state, error) from error
        return self.blobs.path(state.sha256), state.sha256

    def download(self, run_id: str, path: str, destination: str | os.PathLike[str]) -> Path:
        """Copy a file, or all files below a folder, into `destination`, checked by their hashes.

        `path` "" means all files. Returns the path of the copied file or folder. A file that cannot
        be copied keeps no other from it: the error comes at the end, and names it.

        Raises:
            NotFoundError: There is nothing at `path`.
            ChecksumError: A file is not what was logged.
            DiskFullError: The destination is full. Nothing is copied after that.
        """
        entries = self.entries(run_id, path or None)
        if not entries and path:
            raise self._missing(run_id, path)
        root = Path(destination)
        failed: list[EventtrackError] = []
        for entry in entries:
            try:
                self._copy(run_id, entry.path, root / entry.path)
            except DiskFullError:
                raise
            except EventtrackError as error:
                failed.append(error)
        if failed:
            raise _one_error(failed, len(entries))
        return root / validate.artifact_path(path) if path else root

    def _copy(self, run_id: str, path: str, target: Path) -> None:
        """Copy one file; a copy that is not what was logged is removed."""
        name = self._named(run_id, path)
        state, source = self._opened(run_id, path)
        try:
            with source:
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as sink:
                    for chunk in checked(source, state.sha256, name):
                        sink.write(chunk)
        except ChecksumError:
            target.unlink()
            raise
        except OSError as error:
            raise translate_os_error(error, f"copy {name}") from error

    def _owner(self, reader: Reader, run_id: str) -> Owner:
        """The owner of the files. A deleted owner still has them."""
        return existing_run(reader, run_id)

    def _existing(self, run_id: str, path: str) -> tuple[ArtifactState, str]:
        """A file of a run, and the run's experiment."""
        clean = validate.artifact_path(path)
        with self._context.read() as reader:
            for owner in self._owners(reader, self._owner(reader, run_id)):
                state = reader.artifact(owner.number, clean)
                if state is not None and not state.deleted:
                    return state, owner.experiment_id
        raise self._missing(run_id, path)

    def _files(self, reader: Reader, owner: Owner, prefix: str) -> Iterable[ArtifactState]:
        """The files whose paths begin with a prefix, sorted, also those of merged runs."""
        owners = self._owners(reader, owner)
        if len(owners) == 1:
            return reader.artifacts(owner.number, prefix)
        files: dict[str, ArtifactState] = {}
        for each in owners:
            for state in reader.artifacts(each.number, prefix):
                files.setdefault(state.path, state)
        return [files[path] for path in sorted(files)]

    def _owners(self, reader: Reader, owner: Owner) -> Sequence[Owner]:
        """The owner itself, and for a run those that were merged into it."""
        return forks.merged_runs(reader, owner) if isinstance(owner, RunState) else [owner]

    def _opened(self, run_id: str, path: str) -> tuple[ArtifactState, BufferedReader]:
        """A file of a run, open; its hash is still to be checked."""
        state, experiment_id = self._existing(run_id, path)
        try:
            if state.place is None or self.blobs.holds(state.sha256):
                return state, self.blobs.open(state.sha256, state.size)
            with self._context.entities() as entities:
                return state, open_place(entities, experiment_id, state.place, state.size)
        except NotFoundError as error:
            raise self._not_here(run_id, state, error) from error
        except OSError as error:
            raise translate_os_error(error, f"read {self._named(run_id, path)}") from error

    def _named(self, run_id: str, path: str) -> str:
        return f"artifact '{path}' of {self._kind} {run_id}"

    def _not_here(self, run_id: str, state: ArtifactState, why: NotFoundError) -> NotFoundError:
        return NotFoundError(
            f"the bytes of {self._named(run_id, state.path)} are not here "
            f"(sha256 {state.sha256.hex()}): {why.message}",
            hint="copy them from the machine that logged them; `eventtrack check` lists all",
        )

    def _missing(self, run_id: str, path: str) -> NotFoundError:
        return NotFoundError(
            f"{self._kind} {run_id} has no artifact '{path}'",
            hint=f"`eventtrack artifacts list {run_id}` shows what it has",
        )


def _sound(states: Iterable[ArtifactState]) -> Iterator[ArtifactState]:
    """The files that can be copied into a folder, and stay below it."""
    return (state for state in states if validate.is_sound_path(state.path))


def _one_error(failed: Sequence[EventtrackError], total: int) -> EventtrackError:
    """One error for the files that could not be copied, of the kind of the first."""
    first = failed[0]
    if total == 1:
        return first
    names = "; ".join(error.message for error in failed[:_NAMED_MAX])
    more = f"; and {len(failed) - _NAMED_MAX} more" if len(failed) > _NAMED_MAX else ""
    return type(first)(
        f"{len(failed)} of {total} files were not copied, all others were: {names}{more}",
        hint=first.hint,
    )
