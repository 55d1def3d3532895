"""Files that are whole when they have their name."""

import ctypes
import errno
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from eventtrack.log.filesystem import sync_folder

# How the name of a file begins that nobody may read yet.
DRAFT = ".draft-"
_RENAME_NOREPLACE = 1  # linux/fs.h
_AT_FDCWD = -100


def create_file(path: Path, parts: Iterable[bytes]) -> bool:
    """Make a file that is whole and durable when it has its name; False when the name is taken."""
    draft = path.with_name(f"{DRAFT}{secrets.token_hex(16)}")
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
    """Make a file, or put it in the place of the one that is there, durably and at once."""
    draft = path.with_name(f"{DRAFT}{secrets.token_hex(16)}")
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def take_name(draft: Path, path: Path) -> None:
    """Give a draft its name unless that is taken: what is there is never replaced."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise
    except OSError:
        # A file system without links, as on most sticks: Linux can rename without replacing.
        rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
        names = os.fsencode(draft), os.fsencode(path)
        if rename is None:
            raise
        if rename(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_NOREPLACE):
            number = ctypes.get_errno()
            if number == errno.EEXIST:
                raise FileExistsError(str(path)) from None
            raise
