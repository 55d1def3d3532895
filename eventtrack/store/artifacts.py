"""Artifacts: files of runs, stored once however often they are logged.

The bytes lie in `blobs/`, named by their SHA-256; the log has the list of each run's paths and
files. If an experiment has a location of its own, its runs' files lie there as plain files. A file
is complete and synced before the event that names it is written.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Protocol

from eventtrack import validate
from eventtrack.errors import ChecksumError, InvalidStateError, NotFoundError
from eventtrack.events import types
from eventtrack.events.envelope import Draft
from eventtrack.log.filesystem import translate_os_error
from eventtrack.projections.state import ArtifactState
from eventtrack.projections.tables import Reader
from eventtrack.store.blobs import Blobs
from eventtrack.store.context import StoreContext
from eventtrack.store.decide import active_run, existing_run
from eventtrack.store.places import Place, check, checked, open_place, outside_root
from eventtrack.views.entities import EntityReader
from eventtrack.views.records import FileInfo, Record


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


class Artifacts:
    """The files of a store's runs."""

    _kind = "run"
    _logged: Callable[[list[types.ArtifactStored]], types.Event] = types.ArtifactsLogged
    _deleted: Callable[[list[str]], types.Event] = types.ArtifactsDeleted

    def __init__(self, context: StoreContext) -> None:
        self._context = context
        self._engine = context.engine
        self.blobs = Blobs(context.engine)

    def log_file(
        self,
        run_id: str,
        local_path: str | os.PathLike[str],
        artifact_path: str | None = None,
    ) -> None:
        """Store a copy of a file under its own name, in the folder `artifact_path` of the run."""
        source = Path(local_path)
        if not source.is_file():
            raise NotFoundError(
                f"cannot log {source}: there is no such file", hint="check the path"
            )
        self._log(run_id, [(_target(artifact_path, source.name), source)])

    def log_folder(
        self, run_id: str, local_dir: str | os.PathLike[str], artifact_path: str | None = None
    ) -> None:
        """Store a copy of every file below a folder, in one event."""
        source = Path(local_dir)
        if not source.is_dir():
            raise NotFoundError(
                f"cannot log {source}: there is no such folder", hint="check the path"
            )
        paths = sorted(path for path in source.rglob("*") if path.is_file())
        pairs = [
            (_target(artifact_path, path.relative_to(source).as_posix()), path) for path in paths
        ]
        self._log(run_id, pairs)

    def log_bytes(self, run_id: str, data: bytes, artifact_file: str) -> None:
        """Store bytes as the file `artifact_file` of the run."""
        if not isinstance(data, bytes | bytearray | memoryview):
            validate.refuse(
                f"cannot log a {type(data).__name__} as artifact {artifact_file!r}: it is no bytes",
                "encode a text first, or use log_text()",
            )
        self._log(run_id, [(validate.artifact_path(artifact_file), bytes(data))])

    def begin(self, run_id: str, artifact_file: str) -> "ArtifactUpload":
        """Begin to store bytes, as they come, as the file `artifact_file` of the run.

        Nothing is stored until `finish`. Call `abandon` in any case.

        Raises:
            NotFoundError: There is no such run.
            InvalidValueError: The run is deleted, or the path leads outside.
        """
        path = validate.artifact_path(artifact_file)
        with self._context.entities() as entities:
            root = self._place_of(entities, run_id).root
        return ArtifactUpload(self, run_id, path, None if root is None else root / path)

    def list(self, run_id: str, path: str | None = None) -> Sequence[FileInfo]:
        """The files and folders directly in a folder of a run, sorted by path.

        A path that names a file gives nothing, as in MLflow.
        """
        prefix = f"{validate.artifact_path(path)}/" if path else ""
        with self._engine.read() as reader:
            entries = _sound(reader.artifacts(self._owner(reader, run_id).number, prefix))
        infos: dict[str, FileInfo] = {}
        for entry in entries:
            name, below, _ = entry.path[len(prefix) :].partition("/")
            size = None if below else entry.size
            infos[name] = FileInfo(path=prefix + name, is_dir=bool(below), file_size=size)
        return [infos[name] for name in sorted(infos)]

    def entries(self, run_id: str, path: str | None = None) -> Sequence[ArtifactEntry]:
        """Every file of a run at or below a path, sorted."""
        prefix = validate.artifact_path(path) if path else ""
        with self._engine.read() as reader:
            states = _sound(reader.artifacts(self._owner(reader, run_id).number, prefix))
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

        `path` "" means all files. Returns the path of the copied file or folder.

        Raises:
            NotFoundError: There is nothing at `path`.
            ChecksumError: A file is not what was logged.
        """
        entries = self.entries(run_id, path or None)
        if not entries and path:
            raise self._missing(run_id, path)
        root = Path(destination)
        for entry in entries:
            target = root / entry.path
            target.parent.mkdir(parents=True, exist_ok=True)
            state, source = self._opened(run_id, entry.path)
            try:
                with target.open("wb") as sink:
                    for chunk in checked(source, state.sha256, self._named(run_id, entry.path)):
                        sink.write(chunk)
            except ChecksumError:
                target.unlink()
                raise
        return root / validate.artifact_path(path) if path else root

    def delete(self, run_id: str, path: str) -> None:
        """Take a file, or all files below a folder, off a run's list. The record of them stays.

        Raises:
            NotFoundError: There is nothing at `path`.
        """
        paths = [entry.path for entry in self.entries(run_id, path)]
        if not paths:
            raise self._missing(run_id, path)

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            self._place_of(self._context.over(reader), run_id)
            return None, [Draft.of(f"{self._kind}/{run_id}", self._deleted(paths))]

        self._engine.execute(decide)

    def _log(self, run_id: str, sources: Iterable[tuple[str, Path | bytes]]) -> None:
        with self._context.entities() as entities:
            root = self._place_of(entities, run_id).root
        with self.translating(run_id):
            stored = [self.keep(path, source, root) for path, source in sources]
        if stored:
            self.record(run_id, stored)

    @contextmanager
    def translating(self, run_id: str) -> Iterator[None]:
        """Turn the disk's errors within a block into ours."""
        try:
            yield
        except OSError as error:
            raise translate_os_error(error, f"store artifacts of {self._kind} {run_id}") from error

    def record(self, run_id: str, stored: Sequence[types.ArtifactStored]) -> None:
        """Put files whose bytes are in their place on a run's list.

        Raises:
            InvalidValueError: A file would be below a file, or in the place of a folder.
        """

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            number = self._place_of(self._context.over(reader), run_id).number
            for file in stored:
                _refuse_clash(reader, number, file.path)
                if file.place is None and not self.blobs.holds(file.sha256):
                    raise InvalidStateError(
                        f"the bytes of {file.path!r} were erased while they were logged: the only "
                        "other file that had them was redacted",
                        hint="log it again",
                    )
            return None, [Draft.of(f"{self._kind}/{run_id}", self._logged([*stored]))]

        self._engine.execute(decide)

    def _owner(self, reader: Reader, run_id: str) -> Owner:
        """The owner of the files. A deleted owner still has them."""
        return existing_run(reader, run_id)

    def _place_of(self, entities: EntityReader, run_id: str) -> Place:
        """The place for new files; refuses an owner that may not be written to."""
        state = active_run(self._context, entities.reader, run_id)
        uri = entities.artifact_uri(state)
        return Place(state.number, outside_root(entities, state.experiment_id, uri))

    def keep(self, path: str, source: Path | bytes, root: Path | None) -> types.ArtifactStored:
        """Bring a file's bytes to their place, durably, and describe it."""
        target = None if root is None else root / path
        digest, size = self.blobs.bring(source, target)
        return types.ArtifactStored(path, size, digest, None if target is None else str(target))

    def _existing(self, run_id: str, path: str) -> tuple[ArtifactState, str]:
        """A file of a run, and the run's experiment."""
        clean = validate.artifact_path(path)
        with self._engine.read() as reader:
            owner = self._owner(reader, run_id)
            state = reader.artifact(owner.number, clean)
        if state is None or state.deleted:
            raise self._missing(run_id, path)
        return state, owner.experiment_id

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


class ArtifactUpload:
    """A file on its way into a store; see `Artifacts.begin`, and `BlobDraft` about threads."""

    def __init__(self, artifacts: Artifacts, run_id: str, path: str, target: Path | None) -> None:
        self._artifacts = artifacts
        self._run_id = run_id
        self._path = path
        self._target = target
        with artifacts.translating(run_id):
            self._draft = artifacts.blobs.draft(target)

    def write(self, data: bytes | bytearray) -> None:
        """Append bytes.

        Raises:
            DiskFullError: There is no room.
        """
        with self._artifacts.translating(self._run_id):
            self._draft.write(data)

    def finish(self) -> None:
        """Put the file on the run's list, durably; it replaces a file of the same path.

        Raises:
            NotFoundError, InvalidValueError: The run does not take the file; nothing was listed.
        """
        with self._artifacts.translating(self._run_id):
            digest, size = self._draft.finish()
        place = None if self._target is None else str(self._target)
        stored = types.ArtifactStored(self._path, size, digest, place)
        self._artifacts.record(self._run_id, [stored])

    def abandon(self) -> None:
        """Leave nothing behind, unless the file was finished. Waits for nobody."""
        self._draft.abandon()


def _target(folder: str | None, name: str) -> str:
    return validate.artifact_path(f"{folder}/{name}" if folder else name)


def _sound(states: Iterable[ArtifactState]) -> Iterator[ArtifactState]:
    """The files whose paths stay below the folder that they are copied to."""
    return (state for state in states if validate.is_sound_path(state.path))


def _refuse_clash(reader: Reader, number: int, path: str) -> None:
    """Refuse a file below a file, or in the place of a folder: they cannot both be downloaded."""
    parents = [path[:place] for place, letter in enumerate(path) if letter == "/"]
    known = (reader.artifact(number, parent) for parent in parents)
    clash = next((state.path for state in known if state is not None and not state.deleted), None)
    if clash is not None or reader.artifacts(number, f"{path}/"):
        validate.refuse(
            f"cannot log artifact '{path}': "
            + (f"'{clash}' is a file" if clash is not None else "it is a folder"),
            "choose another name, or delete the other one first",
        )
