"""Notes of the outside folders that this store gave to experiments. They are never sent.

The first event of an experiment has its artifact location, and may come from any machine. So a
folder counts only if it was chosen on this machine. `locations/` has a file for each experiment
that got a folder here: its name is the SHA-256 of the experiment's id, its content the location.
No sync, bundle or HTTP request writes there.
"""

import contextlib
import hashlib
import os
import secrets
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from eventtrack.errors import CorruptionError, EventtrackWarning
from eventtrack.events.reading import events_of
from eventtrack.events.types import ExperimentCreated
from eventtrack.locations import is_folder
from eventtrack.log import files
from eventtrack.log.checked import UNREADABLE, decode_checked, encode_checked
from eventtrack.log.filesystem import sync_folder, translate_os_error
from eventtrack.log.protocol import EventLog
from eventtrack.projections.tables import Reader

# A server's clients write into the server's feed, but no user of this machine made their events.
_SERVER = "server"


class Views(Protocol):
    """The part of an engine that reads the log and the views."""

    @property
    def path(self) -> Path:
        """The store's folder."""
        ...

    @property
    def log(self) -> EventLog:
        """The store's log."""
        ...

    def read(self) -> contextlib.AbstractContextManager[Reader]:
        """The present views."""
        ...


class Locations:
    """The outside folders that one store gave to its experiments."""

    def __init__(self, engine: Views) -> None:
        self._engine = engine
        self._folder = engine.path / files.LOCATIONS

    def give(self, experiment_id: str, location: str) -> None:
        """Note durably that an experiment gets a folder, before its first event is written.

        Call `adopt` first: this may run within a decision, which must not read the views.

        Raises:
            DiskFullError, StoreReadOnlyError: The note cannot be written.
        """
        try:
            _write(self._folder, experiment_id, location)
            sync_folder(self._folder)
        except OSError as error:
            raise translate_os_error(error, f"note the location {location}") from error

    def given(self, reader: Reader, experiment_id: str) -> str | None:
        """The folder that an experiment was given here; None for an experiment without one."""
        note = self._folder / _name(experiment_id)
        try:
            return read_note(note)
        except FileNotFoundError:
            return None if self._folder.is_dir() else self._born_here(reader, experiment_id)
        except OSError:
            return None
        except CorruptionError as error:  # its files are not to be had; all else of it is
            warnings.warn(str(error), EventtrackWarning, stacklevel=2)
            return None

    def adopt(self) -> None:
        """Note the folders that a store gave before it kept notes, as far as its own feed proves.

        Call it before events of others arrive, which may claim to be of this feed.
        """
        if self._folder.is_dir():
            return
        draft = self._folder.with_name(f".{self._folder.name}-{secrets.token_hex(8)}")
        try:
            draft.mkdir()
            for experiment_id, location in self._born():
                _write(draft, experiment_id, location)
            sync_folder(draft)
            with contextlib.suppress(OSError):  # another process was faster
                draft.rename(self._folder)
            sync_folder(self._folder.parent)
        except OSError as error:
            raise translate_os_error(error, f"make {self._folder}") from error
        finally:
            _remove(draft)

    def _born(self) -> Iterator[tuple[str, str]]:
        with self._engine.read() as reader:
            for state in reader.experiments():
                location = self._born_here(reader, state.experiment_id)
                if location is not None:
                    yield state.experiment_id, location

    def _born_here(self, reader: Reader, experiment_id: str) -> str | None:
        """The folder that a user of this machine gave to an experiment when making it."""
        log = self._engine.log
        replica = log.replica
        for position in reader.timeline(f"experiment/{experiment_id}"):
            envelope = log.get(position)
            if envelope is None or envelope.header.replica != replica or not envelope.payload:
                continue
            session = reader.session(envelope.header.session)
            if session is None or session.source == _SERVER:
                continue
            for event in events_of(envelope):
                location = isinstance(event, ExperimentCreated) and event.artifact_location
                if location and is_folder(location):
                    return location
        return None


def read_note(note: Path) -> str:
    """The folder that a note says.

    Raises:
        OSError: It cannot be read, or is not there.
        CorruptionError: It is not what was written.
    """
    data = note.read_bytes()
    try:
        # Notes of before are a path alone, which no wrong bit makes of the lines of a later one.
        return data.decode() if data[:1] == b"/" or b"\n" not in data else decode_checked(data, str)
    except UNREADABLE as error:
        raise CorruptionError(
            f"cannot read {note}, which says where files of an experiment lie: {error}",
            hint="restore it from a backup, or write the folder's path into it, and nothing else",
        ) from error


def _write(folder: Path, experiment_id: str, location: str) -> None:
    draft = folder / f".{secrets.token_hex(8)}"
    try:
        with draft.open("xb") as file:
            file.write(encode_checked(location))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / _name(experiment_id))
    finally:
        draft.unlink(missing_ok=True)


def _name(experiment_id: str) -> str:
    return hashlib.sha256(experiment_id.encode()).hexdigest()


def _remove(folder: Path) -> None:
    """Remove a folder of notes that did not become the store's folder of notes."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
