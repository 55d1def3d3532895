"""Blobs, read: bytes that are stored once however often they are logged, each checked by its hash.

A blob is the file `blobs/ab/<SHA-256>`. `store.blobs` writes them.
"""

import os
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Protocol

from eventtrack.errors import NotFoundError
from eventtrack.log import files
from eventtrack.views.places import check, checked, open_regular

# Blobs whose hash this process computed, by digest, so that it need not before each time that it
# sends them. Changed by single, atomic calls, from any thread.
_verified: dict[bytes, tuple[int, ...]] = {}
_VERIFIED_MAX = 65_536


class Elsewhere(Protocol):
    """A place that has the blobs which a folder lacks: the servers of a cluster share theirs."""

    def holds(self, digest: bytes) -> bool:
        """Whether the blob is there."""
        ...

    def fetch(self, digest: bytes) -> None:
        """Bring the blob into the folder.

        Raises:
            NotFoundError: It is not there.
            ChecksumError: It came with other bytes; nothing was kept.
            RemoteError: The place cannot be reached.
        """
        ...


# By the folder of a store. Changed by single, atomic calls, from any thread.
_elsewhere: dict[Path, Elsewhere] = {}


def note_elsewhere(store: Path, place: Elsewhere | None) -> None:
    """Note where the blobs come from that a store lacks; None for nowhere."""
    if place is None:
        _elsewhere.pop(store, None)
    else:
        _elsewhere[store] = place


class BlobFiles:
    """The blobs of a store, to read.

    Args:
        store: The store's folder.
    """

    def __init__(self, store: Path) -> None:
        self._store = store
        self._folder = store / files.BLOBS

    def path(self, digest: bytes) -> Path:
        """The path of the blob of a SHA-256, whether it is there or not."""
        name = digest.hex()
        return self._folder / name[:2] / name

    def holds(self, digest: bytes) -> bool:
        """Whether the blob is here, or comes from elsewhere when it is opened."""
        if self.path(digest).is_file():
            return True
        place = _elsewhere.get(self._store)
        return place is not None and place.holds(digest)

    def open(self, digest: bytes, size: int | None = None) -> BufferedReader:
        """A blob, open for reading; its hash is still to be checked.

        Raises:
            NotFoundError: The blob is not on this machine.
            ChecksumError: Its size is not `size`.
        """
        place = _elsewhere.get(self._store)
        if place is not None and not self.path(digest).is_file():
            place.fetch(digest)
        return open_regular(self.path(digest), size)

    def read(self, digest: bytes) -> bytes:
        """The bytes of a blob.

        Raises:
            NotFoundError: The bytes are not on this machine.
            ChecksumError: The bytes are not those that were logged.
        """
        return b"".join(self.chunks(digest))

    def chunks(self, digest: bytes) -> Iterator[bytes]:
        """A blob's bytes in pieces. A reader must throw them away if this raises.

        Raises:
            NotFoundError: The blob is not on this machine.
            ChecksumError: After the last piece: the bytes are not those that were logged.
        """
        try:
            file = self.open(digest)
        except NotFoundError as error:
            raise NotFoundError(
                f"the bytes of blob {digest.hex()} are not here: {error.message}",
                hint="copy them from the machine that logged them; `eventtrack check` lists all",
            ) from error
        yield from checked(file, digest, f"the blob {digest.hex()}")

    def verify(self, digest: bytes, size: int | None = None) -> None:
        """Check a blob's hash, unless this process did so and the file has not changed since.

        Raises:
            NotFoundError: The blob is not on this machine.
            ChecksumError: The bytes are not those that were logged.
        """
        with self.open(digest, size) as file:
            seen = seen_of(file.fileno())
            if _verified.get(digest) == seen:
                return
            check(file, digest, f"the blob {digest.hex()}")
        note_verified(digest, seen)


def seen_of(descriptor: int) -> tuple[int, ...]:
    """Facts of an open file that change whenever its bytes change."""
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def note_verified(digest: bytes, seen: tuple[int, ...]) -> None:
    """Note that the bytes of a blob had its hash when its file was seen so."""
    if len(_verified) >= _VERIFIED_MAX:
        _verified.clear()
    _verified[digest] = seen
