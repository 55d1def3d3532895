"""Where a store is served: each server leaves a file in the store's folder, and a lock on it.

The lock goes with its process, however that ends, so nobody is sent to a server that has died, and
no process id is taken for another's. A copy of the folder has the files and not the locks.
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
    """A server that answers. `pages` is whose pages it shows: "eventtrack" or "mlflow"."""

    url: str
    pages: str


@contextlib.contextmanager
def announced(store: Path, presence: Presence) -> Iterator[None]:
    """Let others find this server for as long as the context lasts, or the process.

    Nobody finds one of a store that can only be read.
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
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(msgspec.json.encode(presence))
        file.flush()
        draft.rename(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def present(store: Path) -> list[Presence]:
    """The servers of a store that run on this machine now."""
    found = []
    for path in sorted((store / SERVERS_FOLDER).glob("*.json")):
        with contextlib.suppress(FileNotFoundError, msgspec.DecodeError), path.open("rb") as file:
            if not _is_left_behind(file.fileno()):
                found.append(msgspec.json.decode(file.read(), type=Presence))
    return found


def _sweep(folder: Path) -> None:
    for path in folder.glob("*.json"):
        with contextlib.suppress(FileNotFoundError), path.open("rb") as file:
            if _is_left_behind(file.fileno()):
                path.unlink()


def _is_left_behind(descriptor: int) -> bool:
    """Whether nobody holds the lock; whoever looks lets go of it with the file."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
