"""Folders of one process, for views that nobody else needs."""

from pathlib import Path


def own_folder(prefix: str) -> Path:
    """A new folder where the system keeps what is temporary; see `remove_folder`."""
    # With what it imports, this would take as long as a seventh of this package: not at start.
    import tempfile

    return Path(tempfile.mkdtemp(prefix=prefix))


def remove_folder(folder: Path) -> None:
    """Remove a folder with all that is in it, as far as that is possible."""
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
