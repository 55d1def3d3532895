"""Folders of a source: every file below a folder; links are followed as the trackers do."""

import os
from collections.abc import Iterator
from pathlib import Path

from eventtrack.store.intake import IncomingFile
from eventtrack.transfer.report import Report

# Links that lead to each other can make any number of paths out of a few folders.
_FOLDERS_MAX = 200_000


def walk(top: Path, report: Report) -> Iterator[tuple[Path, list[Path]]]:
    """Each folder from `top` down with its files, sorted by path.

    A link to a folder is walked like a folder with the link's name, unless it lies within that
    folder. Folders that cannot be listed, links that lead nowhere and files of other kinds are
    reported.
    """
    waiting: list[tuple[Path, tuple[str, ...]]] = [(top, ())]
    for _ in range(_FOLDERS_MAX):
        if not waiting:
            return
        folder, above = waiting.pop()
        real = os.path.realpath(folder)
        if real in above:
            continue  # a link to a folder that it lies in
        files, folders = [], []
        try:
            for path in sorted(folder.iterdir()):
                if path.is_dir():
                    folders.append(path)
                elif path.is_file():
                    files.append(path)
                elif os.path.lexists(path):
                    kind = "a link that leads nowhere" if path.is_symlink() else "no regular file"
                    report.missing(str(path), kind)
        except OSError as error:
            report.missing(str(folder), error.strerror or str(error))
        yield folder, files
        waiting += [(path, (*above, real)) for path in reversed(folders)]
    report.missing(str(top), f"links in it make more than {_FOLDERS_MAX} folders; the rest is left")


def files_below(folder: Path, report: Report) -> Iterator[IncomingFile]:
    """Every file below a folder, by its path there; nothing if there is no folder."""
    if folder.is_dir():
        for _, files in walk(folder, report):
            for path in files:
                yield IncomingFile(path.relative_to(folder).as_posix(), path)
