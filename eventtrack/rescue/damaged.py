"""Files on a failing disk, read without trust: no memory map, and no stop at unreadable bytes."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from eventtrack.errors import NotFoundError
from eventtrack.log.filesystem import translate_os_error

# A failing disk gives up on this many bytes at once: the smallest piece that is read again alone.
_SECTOR_BYTES = 4096
WINDOW_BYTES = 8 * 2**20


class DamagedFile:
    """A file that is read by position. Bytes that the disk cannot read are zeros.

    `unreadable` counts these bytes. Links, pipes and devices are refused: a store has none, and
    reading them could lead anywhere or never end.

    Raises:
        NotFoundError: There is no regular file of that name.
        StoreReadOnlyError: This user may not read it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.unreadable = 0
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except PermissionError as error:
            raise translate_os_error(error, f"read {path}") from error
        except OSError as error:
            raise NotFoundError(f"there is no file {path}: {error.strerror}") from error
        status = os.fstat(self._file)
        if not stat.S_ISREG(status.st_mode):
            os.close(self._file)
            raise NotFoundError(f"{path} is not a regular file")
        self.size = status.st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._file)

    def read(self, start: int, length: int) -> bytes:
        """At most `length` bytes from `start` on; fewer only at the end of the file."""
        length = min(length, self.size - start)
        if length <= 0:
            return b""  # a damaged number may point anywhere
        try:
            data = os.pread(self._file, length, start)
        except OSError:
            return b"".join(self._sectors(start, length))
        if len(data) < length and data:
            data += self.read(start + len(data), length - len(data))
        return data.ljust(length, b"\0")

    def windows(self, overlap: int) -> Iterator[tuple[int, bytes]]:
        """The whole file, piece by piece, each with its start.

        Each piece extends `overlap` bytes into the next.
        """
        for start in range(0, self.size, WINDOW_BYTES):
            yield start, self.read(start, WINDOW_BYTES + overlap)

    def _sectors(self, start: int, length: int) -> Iterator[bytes]:
        stop = start + length
        while start < stop:
            size = min(_SECTOR_BYTES - start % _SECTOR_BYTES, stop - start)
            try:
                data = os.pread(self._file, size, start)
            except OSError:
                self.unreadable += size
                data = b""
            yield data.ljust(size, b"\0")
            start += size
