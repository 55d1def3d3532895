"""The folder of a store: made, recognised, refused."""

import os
from pathlib import Path

from eventtrack.errors import FormatTooNewError, InvalidValueError, StoreMissingError
from eventtrack.events.envelope import FORMAT_VERSION as ENVELOPE_FORMAT
from eventtrack.log.durable import locked_folder, rewrite_file
from eventtrack.log.filesystem import refuse_network_file_system, sync_folder, translate_os_error

LOG, JOURNAL, VIEWS, BLOBS, REMOTES = "log", "journal", "views", "blobs", "remotes"
LOCATIONS = "locations"
_FORMAT_FILE = "FORMAT"
# A store is of the first format until it holds a feed with branches: who knows only that one would
# take it for damaged.
FORMAT_VERSION, FORMAT_WITH_BRANCHES = ENVELOPE_FORMAT, 2


def prepare(path: Path, *, create: bool) -> None:
    """Check that a store can live at `path`, and make its folders when it is new.

    Raises:
        StoreMissingError: There is none and `create` is False.
        InvalidValueError: Something else is there.
        FormatTooNewError: A newer eventtrack made it; it is left as it is.
        UnsuitableFileSystemError: The path is on a network file system.
    """
    file = path / _FORMAT_FILE
    try:
        text = file.read_text()
    except FileNotFoundError:
        if not create:
            raise StoreMissingError(
                f"there is no store at {path}",
                hint="name another with --store PATH or EVENTTRACK_URI, or make one: run "
                "`eventtrack demo`, or log something from Python",
            ) from None
        text = _create(path)
    except NotADirectoryError as error:
        raise _not_a_folder(path, path) from error
    except OSError as error:
        raise translate_os_error(error, f"open the store {path}") from error
    _check_format(path, text)
    refuse_network_file_system(path)


def _create(path: Path) -> str:
    try:
        path.mkdir(parents=True, exist_ok=True)
        present = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
        if _FORMAT_FILE in present:
            return (path / _FORMAT_FILE).read_text()  # another process was faster
        if present - {LOG, JOURNAL, VIEWS, BLOBS, REMOTES, LOCATIONS}:
            raise InvalidValueError(
                f"cannot make a store at {path}: the folder already holds {min(present)!r}",
                hint="choose an empty folder or a new name, for example ./.eventtrack",
            )
        refuse_network_file_system(path)
        for name in (LOG, JOURNAL, VIEWS, BLOBS, LOCATIONS):
            (path / name).mkdir(exist_ok=True)
        # Last and in one step: a folder with this file is a whole store.
        _write_format(path, FORMAT_VERSION)
        sync_folder(path.parent)
    except FileExistsError as error:
        raise _not_a_folder(path, error.filename) from error
    except OSError as error:
        raise translate_os_error(error, f"make a store at {path}") from error
    return f"{FORMAT_VERSION}\n"


def is_writable(path: Path) -> bool:
    """Whether this process may write to a store: its medium and the permissions of its files."""
    log = path / LOG
    places = [path, log, path / JOURNAL, path / VIEWS, *log.glob("*.mdb")]
    return all(os.access(place, os.W_OK) for place in places if place.exists())


def note_branches(path: Path) -> None:
    """Mark a store as one that only those can read who know of branches; durable on return."""
    file = path / _FORMAT_FILE
    if file.exists() and int(file.read_text()) < FORMAT_WITH_BRANCHES:
        _write_format(path, FORMAT_WITH_BRANCHES)


def _write_format(path: Path, number: int) -> None:
    with locked_folder(path):
        rewrite_file(path / _FORMAT_FILE, f"{number}\n".encode())


def _not_a_folder(path: Path, file: object) -> InvalidValueError:
    return InvalidValueError(
        f"there can be no store at {path}: {file} is, or lies under, a file",
        hint="choose a folder, for example ./.eventtrack",
    )


def _check_format(path: Path, text: str) -> None:
    number = text.strip()
    if not number.isdecimal():
        raise InvalidValueError(
            f"cannot open {path}: its FORMAT file says {number[:20]!r}, not a number",
            hint="is this an eventtrack store? If it is, restore FORMAT from a copy",
        )
    if int(number) > FORMAT_WITH_BRANCHES:
        raise FormatTooNewError(
            f"cannot open {path}: it has format {number}, this eventtrack reads "
            f"{FORMAT_WITH_BRANCHES} and older",
            hint="upgrade with `pip install -U eventtrack`; the store has not been touched",
        )
