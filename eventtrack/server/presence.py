"""The servers of a store: each leaves a file in the store's folder, and holds a lock on it.

The lock ends with its process, however the process ends. So nobody is sent to a server that has
died, and no reused process id misleads. A copy of the folder has the files, but not the locks.
"""

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec

SERVERS_FOLDER = "servers"


class Presence(msgspec.Struct, frozen=True, kw_only=True):
    """A server that answers. `pages` names the pages that it shows: "eventtrack" or "mlflow"."""

    url: str
    pages: str


@contextlib.contextmanager
def announced(store: Path, presence: Presence) -> Iterator[None]:
    """Let others find this server while the context, or the process, lasts.

    The server of a read-only store cannot be found.
    """
    folder = store / SERVERS_FOLDER
    if not os.access(folder if folder.exists() else store, os.W_OK):
        yield
        return
    folder.mkdir(exist_ok=True)
    _sweep(folder)
    path = folder / f"{secrets.token_hex(8)}.json"
    draft = path.with_suffix(".draft")
    with draft.open("xb") as file:
        # Locked before it has the name under which others look for it, and sweep it.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # nobody else has the new file open
        file.write(msgspec.json.encode(presence))
        file.flush()
        draft.rename(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def present(store: Path) -> list[Presence]:
    """The servers of a store that run on this machine now."""
    presences = []
    for path in sorted((store / SERVERS_FOLDER).glob("*.json")):
        with contextlib.suppress(FileNotFoundError, msgspec.DecodeError), path.open("rb") as file:
            if not _is_left_behind(file.fileno()):
                presences.append(msgspec.json.decode(file.read(), type=Presence))
    return presences


def _sweep(folder: Path) -> None:
    for path in folder.glob("*.json"):
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            if _is_left_behind(file.fileno()):
                path.unlink()


def _is_left_behind(descriptor: int) -> bool:
    """Whether nobody holds the lock. This look takes the lock; closing the file releases it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
