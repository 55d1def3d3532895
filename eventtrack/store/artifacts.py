"""Artifacts: files of runs, stored once however often they are logged.

The bytes lie in `blobs/`, named by their SHA-256; the log has the list of each run's paths and
files. If an experiment has a location of its own, its runs' files lie there as plain files. A file
is complete and synced before the event that names it is written.
"""

import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from eventtrack import validate
from eventtrack.errors import EventtrackWarning, InvalidStateError, NotFoundError
from eventtrack.events import types
from eventtrack.events.envelope import Draft
from eventtrack.log.filesystem import translate_os_error
from eventtrack.projections.tables import Reader
from eventtrack.store.blobs import Blobs
from eventtrack.store.context import StoreContext
from eventtrack.store.decide import active_run
from eventtrack.views.entities import EntityReader
from eventtrack.views.places import Place, outside_root
from eventtrack.views.queries.artifacts import ArtifactQueries

# Entries of a folder that one warning names.
_NAMED_MAX = 5


class Artifacts(ArtifactQueries):
    """The files of a store's runs."""

    _logged: Callable[[list[types.ArtifactStored]], types.Event] = types.ArtifactsLogged
    _deleted: Callable[[list[str]], types.Event] = types.ArtifactsDeleted

    _context: StoreContext
    blobs: Blobs

    def __init__(self, context: StoreContext) -> None:
        super().__init__(context)
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
        """Store a copy of every file below a folder, in one event.

        Links to files count as files. What is neither a file nor a folder, and a link to a folder,
        is left out with a warning.

        Raises:
            StoreReadOnlyError: A folder below may not be listed. Nothing was stored.
        """
        source = Path(local_dir)
        if not source.is_dir():
            raise NotFoundError(
                f"cannot log {source}: there is no such folder", hint="check the path"
            )
        pairs = [
            (_target(artifact_path, path.relative_to(source).as_posix()), path)
            for path in _files_below(source)
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


def _files_below(folder: Path) -> list[Path]:
    """All files below a folder, sorted. A warning names what is neither a file nor a folder."""

    def give_up(error: OSError) -> None:
        raise translate_os_error(error, f"log {folder}") from error

    files: list[Path] = []
    others: list[Path] = []
    for place, folders, names in os.walk(folder, onerror=give_up):
        others += [path for name in folders if (path := Path(place, name)).is_symlink()]
        for name in names:
            path = Path(place, name)
            (files if path.is_file() else others).append(path)
    if others:
        named = ", ".join(sorted(str(path.relative_to(folder)) for path in others)[:_NAMED_MAX])
        warnings.warn(
            f"{len(others)} entries of {folder} were not logged, as they are links to folders, "
            f"links to nothing, or no files: {named}{' ...' if len(others) > _NAMED_MAX else ''}",
            EventtrackWarning,
            stacklevel=2,
        )
    return sorted(files)


def _target(folder: str | None, name: str) -> str:
    return validate.artifact_path(f"{folder}/{name}" if folder else name)


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
