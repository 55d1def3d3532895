"""Folders of one process, for views that nobody else needs.

A process that was killed leaves its folder behind. So each has a file `lock` in it, locked (flock)
for as long as its process lives, and whoever makes the next folder of that kind removes those
whose lock nobody holds.
"""

import contextlib
import fcntl
import os
from pathlib import Path

_LOCK = "lock"
_held: dict[Path, int] = {}


def own_folder(prefix: str) -> Path:
    """A new folder in the system's folder for temporary files; see `remove_folder`."""
    # Not imported at start: with its own imports, `tempfile` costs a seventh of this package.
    import tempfile

    for left in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        if _is_left_behind(left):
            remove_folder(left)
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    descriptor = os.open(folder / f".{_LOCK}", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    _held[folder] = descriptor
    # Locked before it has the name by which others look for it.
    with contextlib.suppress(OSError):  # without locks there it is never taken for left behind
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        (folder / f".{_LOCK}").rename(folder / _LOCK)
    return folder


def remove_folder(folder: Path) -> None:
    """Remove a folder and everything in it, as far as possible; never raises."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
    descriptor = _held.pop(folder, None)
    if descriptor is not None:
        os.close(descriptor)


def _is_left_behind(folder: Path) -> bool:
    """Whether a folder is this user's, and the process that made it is gone."""
    try:
        if folder.lstat().st_uid != os.getuid():
            return False
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(folder / _LOCK, flags)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True
