"""Writes files so that a file which has its name is whole: a draft is written, then renamed."""

import errno
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from eventtrack.log.filesystem import sync_folder
from eventtrack.log.locking import locked

# The beginning of the name of an unfinished file, which nobody may read yet.
DRAFT = ".draft-"
_RENAME_NOREPLACE = 1  # linux/fs.h
_AT_FDCWD = -100


def create_file(path: Path, parts: Iterable[bytes]) -> bool:
    """Make a file that is whole and durable once it has its name; False if the name is taken."""
    draft = path.with_name(f"{DRAFT}{os.urandom(16).hex()}")
    try:
        with draft.open("xb") as file:
            for part in parts:
                file.write(part)
            file.flush()
            os.fsync(file.fileno())
        try:
            take_name(draft, path)
        except FileExistsError:
            return False
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)
    return True


def replace_file(path: Path, data: bytes) -> None:
    """Write a file, or replace the present file, durably and in one step."""
    draft = path.with_name(f"{DRAFT}{os.urandom(16).hex()}")
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def rewrite_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """As `replace_file`, for a file whose writers all hold one lock.

    The draft has a fixed name, so the next writer removes a draft that a killed writer left.
    """
    draft = path.with_name(f"{DRAFT}{path.name}")
    draft.unlink(missing_ok=True)
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def make_folder(path: Path, mode: int = 0o777) -> None:
    """Make a folder, durably. Nothing happens if it is there: another process may have made it."""
    if not path.is_dir():
        path.mkdir(mode=mode, exist_ok=True)
        sync_folder(path.parent)


def rewrite_in_turn(path: Path, data: bytes) -> None:
    """As `rewrite_file`, under the lock of the file's folder: one process after the other."""
    make_folder(path.parent)
    with locked(path.parent, f"write {path}"):
        rewrite_file(path, data)


def rewrite_note(path: Path, data: bytes) -> None:
    """As `rewrite_in_turn`, but not synced: for a note that only saves work and is written often.

    After a power cut the note may be old, empty or full of zeros; its reader must notice that.
    """
    make_folder(path.parent)
    with locked(path.parent, f"write {path}"):
        draft = path.with_name(f"{DRAFT}{path.name}")
        draft.write_bytes(data)
        draft.replace(path)


def open_draft(path: Path) -> tuple[Path, BinaryIO]:
    """A draft for `take_name`, empty and locked. A draft of a killed process is taken over.

    Raises:
        FileExistsError: Another process is writing a file of that name.
    """
    draft = path.with_name(f"{DRAFT}{path.name}")
    while True:
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            status = os.fstat(descriptor)
            if status.st_nlink == 1 and os.path.samestat(status, draft.stat()):
                os.ftruncate(descriptor, 0)
                return draft, os.fdopen(descriptor, "r+b")
            if status.st_nlink > 1:
                draft.unlink()  # its writer was killed right after it gave the file its name
        except BlockingIOError as error:
            os.close(descriptor)
            raise FileExistsError(f"another process writes {path}") from error
        except FileNotFoundError:
            pass  # another process finished the draft between the two calls
        os.close(descriptor)


def take_name(draft: Path, path: Path) -> None:
    """Give a draft its name. A file that already has the name is never replaced.

    Raises:
        FileExistsError: The name is taken.
    """
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links, as on most sticks: Linux can rename without replacing.
        import ctypes  # not imported at start: it costs a twentieth of everybody's

        rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
        names = os.fsencode(draft), os.fsencode(path)
        if rename is None:
            raise
        if rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_NOREPLACE):
            number = ctypes.get_errno()
            if number == errno.EEXIST:
                raise FileExistsError(str(path)) from None
            raise
