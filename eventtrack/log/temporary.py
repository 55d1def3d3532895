"""Folders of one process, for views that nobody else needs."""

from pathlib import Path


def own_folder(prefix: str) -> Path:
    """A new folder in the system's folder for temporary files; see `remove_folder`."""
    # Not imported at start: with its own imports, `tempfile` costs a seventh of this package.
    import tempfile

    return Path(tempfile.mkdtemp(prefix=prefix))


def remove_folder(folder: Path) -> None:
    """Remove a folder and everything in it, as far as possible; never raises."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
