"""Bytes that are stored once however often they are logged: `blobs/ab/<SHA-256>`, read-only.

A blob is complete and synced before the event that names it is written.
"""

import hashlib
import os
from pathlib import Path

from eventtrack.errors import NotFoundError
from eventtrack.log import files
from eventtrack.store.engine import Engine

_COPY_BYTES = 2**20


class Blobs:
    """The blobs of a store."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._folder = engine.path / files.BLOBS

    def path(self, digest: bytes) -> Path:
        """Where the blob of a SHA-256 is, or would be."""
        name = digest.hex()
        return self._folder / name[:2] / name

    def keep(self, source: Path | bytes) -> tuple[bytes, int]:
        """Store a file's bytes durably; returns their SHA-256 and how many there are.

        Raises:
            OSError: The disk is full, say; nothing is left behind.
        """
        return self.bring(source, None)

    def bring(self, source: Path | bytes, target: Path | None) -> tuple[bytes, int]:
        """Copy durably to `target`, replacing what is there, or to its place among the blobs."""
        folder = self._folder if target is None else target.parent
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".draft-{self._engine.ids.id128().hex()}"
        try:
            digest, size = _copy(source, draft)
            place = self.path(digest) if target is None else target
            place.parent.mkdir(exist_ok=True)
            if target is not None or not place.exists():
                draft.replace(place)
        finally:
            draft.unlink(missing_ok=True)
        return digest, size

    def read(self, digest: bytes) -> bytes:
        """The bytes of a blob.

        Raises:
            NotFoundError: They are not on this machine.
        """
        try:
            return self.path(digest).read_bytes()
        except FileNotFoundError as error:
            raise NotFoundError(
                f"the bytes of blob {digest.hex()} are not here",
                hint="copy them from the machine that logged them; `eventtrack check` lists all",
            ) from error


def _copy(source: Path | bytes, target: Path) -> tuple[bytes, int]:
    """Copy to a new file and sync it; returns the SHA-256 and the size."""
    hasher = hashlib.sha256()
    with target.open("xb") as sink:
        if isinstance(source, bytes):
            hasher.update(source)
            sink.write(source)
        else:
            with source.open("rb") as reader:
                for chunk in iter(lambda: reader.read(_COPY_BYTES), b""):
                    hasher.update(chunk)
                    sink.write(chunk)
        size = sink.tell()
        sink.flush()
        os.fsync(sink.fileno())
    target.chmod(0o444)
    return hasher.digest(), size
