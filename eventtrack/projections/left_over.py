"""Builds of views that nobody will use again: known by their age, and deleted in one step."""

import contextlib
import time
from pathlib import Path

# The beginning of the name of a build that is being deleted.
_GONE = "gone-"
# A build that no pointer names, and nobody wrote to for this long, was left by a dead process.
LEFT_OVER_S = 3600.0
# A version that nobody wrote with for this long is no longer used with the store.
FORGOTTEN_S = 30 * 86_400.0


def is_left_over(path: Path, seconds: float = LEFT_OVER_S) -> bool:
    """Whether nobody wrote to a build or a draft for so long, as a process that uses it would."""
    try:
        data = path / "data.mdb"
        written = (data if data.exists() else path).stat().st_mtime
    except OSError:
        return False
    return time.time() - written > seconds


def give_up(build: Path) -> None:
    """Let a build vanish. Processes that have it open may read on; `sweep` frees its space."""
    # Renamed in one step: a process that opens it sees the whole build or nothing.
    with contextlib.suppress(OSError):
        build.rename(build.with_name(f"{_GONE}{build.name}"))


def forget_others(views: Path, own: str) -> None:
    """Delete the builds of versions that nobody wrote with for a month.

    Args:
        own: The fingerprint of this version, whose builds stay.
    """
    for pointer in views.glob("current-*"):
        with contextlib.suppress(OSError):
            build = views / pointer.read_text(errors="replace").strip()
            inside = build.parent == views and not build.name.startswith(own)
            if inside and is_left_over(build, FORGOTTEN_S):
                pointer.unlink()
                give_up(build)
    sweep(views)


def sweep(views: Path) -> None:
    """Free the space of all builds that were given up."""
    for folder in views.glob(f"{_GONE}*"):
        remove(folder)


def remove(folder: Path) -> None:
    """Delete a build that no process has seen, or that was given up."""
    # Only a rebuild needs it. Imported at start it would cost a tenth of everybody's.
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
