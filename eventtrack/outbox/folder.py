"""The folders of outboxes: one for each server, below the user's state folder."""

import hashlib
import os
import re
from pathlib import Path

from eventtrack.errors import StoreError
from eventtrack.log.filesystem import refuse_network_file_system, translate_os_error
from eventtrack.sharedlog.addresses import without_password

# A folder on a disk of this machine, for users whose home directory is on a network file system.
STATE_VARIABLE = "EVENTTRACK_STATE"


def state_folder() -> Path:
    """`EVENTTRACK_STATE`, else `eventtrack` below XDG_STATE_HOME, else below ~/.local/state."""
    chosen = os.environ.get(STATE_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_STATE_HOME")
    # The standard ignores relative paths: they would change with the working directory.
    if base and Path(base).is_absolute():
        return Path(base) / "eventtrack"
    return Path.home() / ".local" / "state" / "eventtrack"


def outbox_folder(url: str) -> Path:
    """The folder of the outbox for a server; its name shows people the server."""
    return _all_outboxes() / _name(url)


def log_folder(url: str) -> Path:
    """The folder of this machine's store for a shared log; its name shows no password."""
    return state_folder() / "logs" / _name(without_password(url))


def _name(url: str) -> str:
    readable = re.sub(r"[^A-Za-z0-9.-]+", "_", url.partition("://")[2])[:80]
    digest = hashlib.sha256(url.encode()).hexdigest()[:8]
    return f"{readable}-{digest}"


def make_folder(folder: Path) -> None:
    """Make the folder of an outbox; only this user may read it.

    Raises:
        UnsuitableFileSystemError: The folder would lie on a network file system.
        StoreError: The folder cannot be made.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        refuse_network_file_system(folder)
    except OSError as error:
        raise translate_os_error(error, f"make the outbox {folder}") from error
    except StoreError as error:
        error.hint = f"set {STATE_VARIABLE} to a folder on a disk of this machine"
        raise


def outbox_folders() -> list[Path]:
    """Every outbox of this user."""
    folder = _all_outboxes()
    return sorted(path.parent for path in folder.glob("*/ledger.db")) if folder.is_dir() else []


def _all_outboxes() -> Path:
    return state_folder() / "outbox"
