"""A folder as a place that keeps objects: a USB stick, a shared or a network disk."""

import contextlib
import os
import stat
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

from eventtrack.errors import (
    ChecksumError,
    DiskFullError,
    NotFoundError,
    RemoteError,
    StoreReadOnlyError,
)
from eventtrack.log.durable import DRAFT, create_file, make_folder, replace_file
from eventtrack.log.filesystem import sync_folder, translate_os_error
from eventtrack.spaces.space import OBJECT_BYTES_MAX, Entry, bounded, refuse_long
from eventtrack.views.places import open_regular

# A draft older than this was left by a process that died: no block takes that long to write.
_DRAFT_LEFT_OVER_S = 24 * 3600.0
_COPY_BYTES = 2**20
# Folders in folders: a feed's folder, or that of a digest's first byte, lies in a listed folder.
_DEPTH_MAX = 4
# Attempts to list a folder whose files vanish meanwhile.
_LISTINGS = 10


class FolderSpace:
    """A `Space` in a folder: objects are files, and each is synced before it gets its name."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def place(self) -> str:
        """The folder."""
        return str(self._path)

    def make(self) -> None:
        """Make the folder and its folders; its parent must be there."""
        with self._named(""):
            for path in (self._path, self._path / "feeds", self._path / "blobs"):
                make_folder(path)

    def roots(self) -> set[str]:
        """The names in the folder. Hidden files are left out: they belong to somebody else."""
        with self._named(""), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            return {path.name for path in self._path.iterdir() if not path.name.startswith(".")}
        return set()

    def list(self, folder: str) -> list[Entry]:
        """Every file below a folder, without drafts."""
        path = self._path / folder
        if "/" in folder and not path.is_dir():
            return []
        with self._named(folder):
            # A vanished file was replaced; the listing may have missed its replacement.
            for _ in range(_LISTINGS - 1):
                with contextlib.suppress(FileNotFoundError):
                    return bounded(self._files(folder), str(path))
            return bounded(self._files(folder), str(path))

    def read(self, name: str, limit: int | None = None) -> bytes:
        """A file's bytes, or the first of them."""
        with self._named(name), self._opened(name) as file:
            if limit is not None:
                return file.read(limit)
            size = os.fstat(file.fileno()).st_size  # not yet in memory: a file may be sparse
            refuse_long(size, str(self._path / name))
            data = file.read(OBJECT_BYTES_MAX + 1)
            refuse_long(len(data), str(self._path / name))
            return data

    def create(self, name: str, data: bytes) -> bool:
        """Make a file."""
        path = self._path / name
        with self._named(name):
            make_folder(path.parent)  # not the folders above: the disk may have been taken out
            self._refuse_links(path)
            return create_file(path, [data])

    def replace(self, name: str, data: bytes) -> None:
        """Make a file, or replace the file of that name."""
        with self._named(name):
            self._refuse_links(self._path / name)
            replace_file(self._path / name, data)

    def delete(self, names: Sequence[str]) -> None:
        """Delete files, durably."""
        for name in names:
            with self._named(name):
                self._refuse_links(self._path / name)
                (self._path / name).unlink(missing_ok=True)
        for folder in {(self._path / name).parent for name in names}:
            with self._named(folder.name):
                sync_folder(folder)

    def present(self, names: Sequence[str]) -> set[str]:
        """The names among `names` that files have."""
        with self._named(""):
            return {name for name in names if _is_file(self._path / name)}

    def stream(self, name: str) -> Iterator[bytes]:
        """A file's bytes in pieces."""
        with self._named(name), self._opened(name) as file:
            while chunk := file.read(_COPY_BYTES):
                yield chunk

    def upload(self, name: str, chunks: Iterable[bytes]) -> None:
        """Make a file of pieces; a file that is there is left alone."""
        path = self._path / name
        with self._named(name):
            make_folder(path.parent)
            self._refuse_links(path)
            create_file(path, chunks)

    def close(self) -> None:
        """Sweep up after processes that died."""
        oldest = time.time() - _DRAFT_LEFT_OVER_S
        for draft in (*self._path.glob(f"*/*/{DRAFT}*"), *self._path.glob(f"{DRAFT}*")):
            with contextlib.suppress(OSError, RemoteError):
                self._refuse_links(draft)
                if draft.lstat().st_mtime < oldest:
                    draft.unlink()

    def _opened(self, name: str) -> BinaryIO:
        path = self._path / name
        self._refuse_links(path)
        mode = _mode(path)
        if mode is not None and not stat.S_ISREG(mode):
            raise ChecksumError(
                f"{path} is a link, a pipe or a device and no file", hint="delete it there"
            )
        try:
            return open_regular(path)
        except NotFoundError as error:
            raise NotFoundError(
                f"there is no {path}", hint="sync a machine that has it with that folder"
            ) from error

    def _refuse_links(self, path: Path) -> None:
        """Refuse a path that leads out of the folder by a link."""
        root = os.path.realpath(self._path)
        parent = os.path.realpath(path.parent)
        if parent != root and not parent.startswith(f"{root.rstrip('/')}/"):
            raise RemoteError(
                f"cannot use {path}: a link there leads out of {self._path}, to {parent}",
                hint="delete the link; nothing was read or written there",
            )

    def _files(self, folder: str, depth: int = 0) -> Iterator[Entry]:
        """The files below a folder. Links and pipes are among them; `read` refuses those.

        Raises:
            FileNotFoundError: A file vanished meanwhile.
        """
        self._refuse_links(self._path / folder / "any")
        with os.scandir(self._path / folder) as entries:
            for entry in entries:
                below = f"{folder}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    if depth < _DEPTH_MAX:
                        yield from self._files(below, depth + 1)
                elif entry.is_symlink() and Path(entry.path).is_dir():
                    self._refuse_links(self._path / below / "any")
                elif not entry.name.startswith(DRAFT):
                    yield Entry(below, entry.stat(follow_symlinks=False).st_size)

    @contextlib.contextmanager
    def _named(self, name: str) -> Iterator[None]:
        """In the block, errors of the system name the file and the next step."""
        doing = f"use {self._path / name}"
        try:
            yield
        except OSError as error:
            translated = translate_os_error(error, doing)
            if isinstance(translated, DiskFullError | StoreReadOnlyError):
                raise translated from error
            raise RemoteError(
                f"cannot {doing}: {error.strerror or error}",
                hint="is the disk still mounted? Then sync again; nothing was lost",
            ) from error


def _is_file(path: Path) -> bool:
    """Whether a regular file is there; a link is none."""
    mode = _mode(path)
    return mode is not None and stat.S_ISREG(mode)


def _mode(path: Path) -> int | None:
    """The mode of a file or a link, asked in one step: others may delete it; None if it is gone."""
    try:
        return path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
