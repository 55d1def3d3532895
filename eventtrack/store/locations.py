"""Writes the notes of the outside folders that this store gives to experiments (`views.given`).

They are never sent. No sync, bundle or HTTP request writes there.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from eventtrack.log.checked import encode_checked
from eventtrack.log.filesystem import sync_folder, translate_os_error
from eventtrack.views.given import GivenFolders, note_name


class Locations(GivenFolders):
    """The outside folders that one store gives to its experiments."""

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

    def adopt(self) -> None:
        """Note the folders that a store gave before it kept notes, as far as its own feed proves.

        Call it before events of others arrive, which may claim to be of this feed.
        """
        if self._folder.is_dir():
            return
        draft = self._folder.with_name(f".{self._folder.name}-{os.urandom(8).hex()}")
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
        with self._source.read() as reader:
            for state in reader.experiments():
                location = self.born_here(reader, state.experiment_id)
                if location is not None:
                    yield state.experiment_id, location


def _write(folder: Path, experiment_id: str, location: str) -> None:
    draft = folder / f".{os.urandom(8).hex()}"
    try:
        with draft.open("xb") as file:
            file.write(encode_checked(location))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(folder / note_name(experiment_id))
    finally:
        draft.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    """Remove a folder of notes that did not become the store's folder of notes."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
