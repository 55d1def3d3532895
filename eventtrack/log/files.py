"""The folder of a store: made, recognised, refused."""

import os
from pathlib import Path

from eventtrack.errors import (
    CorruptionError,
    FormatTooNewError,
    InvalidValueError,
    StoreMissingError,
)
from eventtrack.events.envelope import FORMAT_VERSION as ENVELOPE_FORMAT
from eventtrack.events.envelope import Envelope
from eventtrack.log.durable import rewrite_file
from eventtrack.log.environment import Environment
from eventtrack.log.filesystem import refuse_network_file_system, sync_folder, translate_os_error
from eventtrack.log.locking import locked
from eventtrack.log.structure import last_transaction

LOG, JOURNAL, VIEWS, BLOBS, REMOTES = "log", "journal", "views", "blobs", "remotes"
LOCATIONS = "locations"
# The beginning of the name of a blob on its way to the disk.
DRAFT_PREFIX = ".draft-"
# In the folder of a server of a cluster, which is a cache of the cluster's log.
CACHE = "cache.json"
FORMAT = "FORMAT"
# The end of the name of a file that keeps damaged bytes as they were.
DAMAGED = ".damaged"
# A store has the first format until it holds a feed with branches. An eventtrack that knows only
# the first format would take such a store for damaged.
FORMAT_VERSION, FORMAT_WITH_BRANCHES = ENVELOPE_FORMAT, 2


def prepare(path: Path, *, create: bool) -> None:
    """Check that a store can live at `path`, and make its folders if it is new.

    Raises:
        StoreMissingError: There is no store and `create` is False.
        InvalidValueError: Something else is there.
        CorruptionError: `FORMAT` is missing, but the log is there.
        FormatTooNewError: A newer eventtrack made the store; it is left as it is.
        UnsuitableFileSystemError: The path is on a network file system.
    """
    file = path / FORMAT
    try:
        text = file.read_text(errors="replace")
    except FileNotFoundError:
        _refuse_orphaned_log(path)
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
        with locked(path, f"make a store at {path}"):
            return _create_alone(path)
    except FileExistsError as error:
        raise _not_a_folder(path, error.filename) from error
    except OSError as error:
        raise translate_os_error(error, f"make a store at {path}") from error


def _create_alone(path: Path) -> str:
    everything = {entry.name for entry in path.iterdir()}
    present = {name for name in everything if not name.startswith(".")}
    if FORMAT in present:
        # Another process was faster.
        return (path / FORMAT).read_text(errors="replace")
    # The operator of a cluster puts the tokens there before the server fills its cache.
    known = {LOG, JOURNAL, VIEWS, BLOBS, REMOTES, LOCATIONS}
    if present - known - ({CACHE, "tokens.json"} if CACHE in present else set()):
        raise InvalidValueError(
            f"cannot make a store at {path}: the folder already holds {min(present)!r}",
            hint="choose an empty folder or a new name, for example ./.eventtrack",
        )
    refuse_network_file_system(path)
    if not everything:
        # Git leaves out a folder that says so itself.
        (path / ".gitignore").write_text("*\n")
    for name in (LOG, JOURNAL, VIEWS, BLOBS, LOCATIONS):
        (path / name).mkdir(exist_ok=True)
    _make_log(path / LOG)
    sync_folder(path)
    # Written last and in one step: a folder with this file is a whole store.
    _write_format(path, FORMAT_VERSION)
    sync_folder(path.parent)
    return f"{FORMAT_VERSION}\n"


def is_writable(path: Path) -> bool:
    """Whether the medium and the permissions of a store's files let this process write to it."""
    log = path / LOG
    places = [path, log, path / JOURNAL, path / VIEWS, *log.glob("*.mdb")]
    return all(os.access(place, os.W_OK) for place in places if place.exists())


def is_store(path: Path) -> bool:
    """Whether a folder holds a store, of whatever format."""
    return (path / FORMAT).exists()


def is_cache(path: Path) -> bool:
    """Whether a store's folder is a cache of a cluster's log, which only its server may write."""
    return (path / CACHE).exists()


def _make_log(folder: Path) -> None:
    """Make an empty log, durably. So a log that is missing later was lost."""
    Environment(folder, ()).close()
    with (folder / "data.mdb").open("rb") as file:
        os.fsync(file.fileno())
    sync_folder(folder)


def _refuse_orphaned_log(path: Path) -> None:
    """Refuse a folder with a log but without `FORMAT`, unless nothing was ever recorded there."""
    if last_transaction(path / LOG / "data.mdb") and not (path / FORMAT).exists():
        raise CorruptionError(
            f"cannot open {path}: its {FORMAT} file is missing, but the log is there",
            hint=f"put it back from a copy, or write it: `echo {FORMAT_WITH_BRANCHES} > "
            f"{path / FORMAT}`; then run `eventtrack check`",
        )


def refuse_deleted(file: Path, inode: int) -> None:
    """Refuse to write to a file that was deleted or replaced: nobody would ever read the data."""
    try:
        present = file.stat().st_ino
    except FileNotFoundError:
        present = -1
    if present != inode:
        raise StoreMissingError(
            f"cannot write {file.parent}: it was deleted or replaced while it was open",
            hint="put the folder back, or begin a new store: close this one and open it again",
        )


def keep_damaged(folder: Path, envelope: Envelope) -> None:
    """Keep a damaged envelope in a file beside the log, which goes on without its payload."""
    name = f"{envelope.header.replica.hex()}-{envelope.header.index}{DAMAGED}"
    rewrite_file(folder / name, envelope.data)


def note_branches(path: Path) -> None:
    """Give a store the format with branches, which older eventtracks refuse; durable on return."""
    file = path / FORMAT
    if file.exists() and read_format(path) < FORMAT_WITH_BRANCHES:
        with locked(path, f"write {file}"):
            _write_format(path, FORMAT_WITH_BRANCHES)


def _write_format(path: Path, number: int) -> None:
    """Write the number. The caller holds the folder's lock."""
    rewrite_file(path / FORMAT, f"{number}\n".encode())


def read_format(path: Path) -> int:
    """The number of a store's format.

    Raises:
        InvalidValueError: The file holds no number.
    """
    return _number_of(path, (path / FORMAT).read_text(errors="replace"))


def _not_a_folder(path: Path, file: object) -> InvalidValueError:
    return InvalidValueError(
        f"there can be no store at {path}: {file} is, or lies under, a file",
        hint="choose a folder, for example ./.eventtrack",
    )


def _check_format(path: Path, text: str) -> None:
    number = _number_of(path, text)
    if number > FORMAT_WITH_BRANCHES:
        raise FormatTooNewError(
            f"cannot open {path}: it has format {number}, this eventtrack reads "
            f"{FORMAT_WITH_BRANCHES} and older",
            hint="upgrade with `pip install -U eventtrack`; the store has not been touched",
        )


def _number_of(path: Path, text: str) -> int:
    number = text.strip()
    if not number.isascii() or not number.isdecimal() or not int(number):
        raise InvalidValueError(
            f"cannot open {path}: its {FORMAT} file says {number[:20]!r}, not a number",
            hint="is this an eventtrack store? If it is, write it anew: `echo "
            f"{FORMAT_WITH_BRANCHES} > {path / FORMAT}`; then run `eventtrack check`",
        )
    return int(number)


def has_drafts(path: Path) -> bool:
    """Whether a store has blobs on their way to the disk, perhaps of a process that died."""
    try:
        return any(entry.name.startswith(DRAFT_PREFIX) for entry in (path / BLOBS).iterdir())
    except OSError:
        return False
