"""The facts that open a session: they say who writes."""

import getpass
import os
import sys
from contextvars import ContextVar
from pathlib import Path

from eventtrack._version import __version__
from eventtrack.events.types import SessionOpened

# The author for whom this thread or task changes a store: a name that a server vouches for, None
# for the user of this process. Each name has a session of its own. Points that go through the
# journal always belong to the process's session: a journal file names only one.
AUTHOR: ContextVar[str | None] = ContextVar("eventtrack_author", default=None)


def describe(source: str, now_ms: int, author: str | None = None) -> SessionOpened:
    """This process as a session: user, host, pid, program, folder, git commit.

    Args:
        source: The surface that writes: "python", "cli", "server", "import", ...
        author: The name for whom it writes; None for the user of this process.
    """
    return SessionOpened(
        user=author or current_user(),
        host=os.uname().nodename,
        pid=os.getpid(),
        program=program(),
        cwd=_working_folder(),
        git_commit=git_commit(Path(_working_folder())),
        source=source,
        version=__version__,
        opened_ms=now_ms,
    )


def current_user() -> str:
    """The name of the user who runs this process; "unknown" if the system knows none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def program() -> str:
    """The running script or command: `sys.argv[0]` in full, or "python" for a prompt."""
    name = sys.argv[0] if sys.argv else ""
    if not name or name in ("-c", "-m"):
        return "python"
    try:
        return str(Path(name).absolute())
    except FileNotFoundError:  # the program's folder was deleted
        return name


def git_commit(folder: Path) -> str | None:
    """The commit that is checked out in the repository around `folder`, read from its files.

    Spawning git would cost more than everything else at start. None outside of a repository, if the
    layout of the repository is unknown, or if the program's own folder was deleted.
    """
    try:
        folder = folder.absolute()
    except FileNotFoundError:
        return None
    for place in (folder, *folder.parents):
        git = place / ".git"
        if git.is_file():
            text = _text(git)
            git = place / text.removeprefix("gitdir:").strip() if text else git
        if git.is_dir():
            return _head_commit(git)
    return None


def _head_commit(git: Path) -> str | None:
    head = _text(git / "HEAD")
    if not head.startswith("ref:"):
        return head or None
    name = head.removeprefix("ref:").strip()
    common = _text(git / "commondir")
    folders = (git, git / common) if common else (git,)
    for folder in folders:
        if commit := _text(folder / name):
            return commit
        for line in _text(folder / "packed-refs").splitlines():
            commit, _, reference = line.partition(" ")
            if reference == name:
                return commit
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def _working_folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return ""
