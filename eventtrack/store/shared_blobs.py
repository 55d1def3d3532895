"""The port for blobs that the servers of a cluster share; the blobs of each are a cache of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Protocol


class SharedBlobs(Protocol):
    """Blobs by their SHA-256. Safe from any thread.

    Raises:
        RemoteError: From any call: the place cannot be reached, or refuses.
    """

    def holds(self, digest: bytes) -> bool:
        """Whether the blob is there."""
        ...

    def put(self, digest: bytes, path: Path) -> None:
        """Bring a file there whose bytes have that hash; durable on return."""
        ...

    def get(self, digest: bytes) -> Iterator[bytes]:
        """The bytes in pieces; the caller checks their hash.

        Raises:
            NotFoundError: The blob is not there.
        """
        ...

    def delete(self, digest: bytes) -> None:
        """Erase the blob; a blob that is gone already is no error."""
        ...
