"""Turns LMDB's errors into ours: one table at the border, so that they never leave this package."""

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING

import lmdb

from eventtrack.errors import (
    RESCUE,
    ConflictError,
    CorruptionError,
    DiskFullError,
    EventtrackError,
    StoreClosedError,
    StoreError,
    StoreReadOnlyError,
)
from eventtrack.lazy import lazy
from eventtrack.log.filesystem import translate_os_error

if TYPE_CHECKING:
    import resource
else:
    resource = lazy("resource")

# The errors that LMDB raises within a transaction.
LMDB_ERRORS = (lmdb.Error,)
# Errors of the system that LMDB hands on with their texts alone.
_NUMBERS = (errno.EMFILE, errno.ENFILE, errno.ENOENT, errno.ESTALE, errno.EFBIG, errno.ENOMEM)


def translate(error: lmdb.Error, doing: str) -> EventtrackError:
    """Our error for an error of LMDB's.

    Args:
        doing: The act that failed and its object, in words that follow "cannot".
    """
    text = str(error)
    for number in _NUMBERS:
        if os.strerror(number) in text:
            return translate_os_error(OSError(number, os.strerror(number)), doing)
    # LMDB says the last of these when only a part of a write was taken: the disk is full, or the
    # file would be larger than this process may write.
    full = ("No space left", "quota", "Input/output error")
    if isinstance(error, lmdb.DiskError) or any(words in text for words in full):
        what = "full or failing" if full[-1] in text else "full"
        room = "free some space"
        if resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY:
            room += ", or allow larger files with `ulimit -f`"
        return DiskFullError(
            f"cannot {doing}: the disk is {what} ({text})",
            hint=f"{room}, then try again; what was recorded before is intact",
        )
    refused = any(words in text for words in ("Permission denied", "Read-only file system"))
    if refused or isinstance(error, lmdb.ReadonlyError | lmdb.LockError):
        return StoreReadOnlyError(
            f"cannot {doing}: {text}", hint="check the owner and permissions of the store's folder"
        )
    corrupt = (
        lmdb.CorruptedError,
        lmdb.InvalidError,
        lmdb.PageNotFoundError,
        lmdb.VersionMismatchError,
        lmdb.PanicError,
    )
    if isinstance(error, corrupt):
        return CorruptionError(
            f"cannot {doing}: the file is damaged or is no LMDB file ({text})",
            hint=RESCUE,
        )
    if "closed" in text:
        return StoreClosedError(f"cannot {doing}: the store is closed", hint="open it again")
    return StoreError(f"cannot {doing}: {text}", hint="run `eventtrack check`")


def read_only(path: Path) -> StoreReadOnlyError:
    """The error for a write to a store that can only be read."""
    return StoreReadOnlyError(
        f"cannot write to {path}: its medium or its permissions only allow reading",
        hint="make a store of your own of it: `eventtrack bundle create all.bundle` here, and "
        "`eventtrack bundle apply all.bundle` there",
    )


def overtaken(path: Path) -> ConflictError:
    """The error for a read without a lock whose pages a writer may have used again meanwhile."""
    return ConflictError(
        f"{path} was written while it was read, and its lock file cannot be used",
        hint="try again, or let the owner of the store make log/lock.mdb writable",
    )
