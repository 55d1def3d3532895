"""Bytes that are stored once however often they are logged: `blobs/ab/<SHA-256>`, read-only.

A blob and its name are complete and synced before the event that names it is written. Until then it
is a draft beside the others, locked by the process that writes it. So a draft with a free lock was
left by a process that died.

The servers of a cluster share their blobs: a blob is brought there before it has its name here, and
comes from there when a server without it is asked for it.
"""

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from eventtrack.errors import ChecksumError, RemoteDeniedError
from eventtrack.lazy import lazy
from eventtrack.log import files
from eventtrack.log.filesystem import sync_folder, translate_os_error
from eventtrack.projections.files import all_files
from eventtrack.projections.items import media_blobs
from eventtrack.projections.tables import Reader
from eventtrack.store.engine import Engine
from eventtrack.store.shared_blobs import SharedBlobs
from eventtrack.validate import is_sound_path
from eventtrack.views.blobs import BlobFiles, note_verified, seen_of

if TYPE_CHECKING:
    import hashlib

    from eventtrack.projections import trace_tables
else:
    hashlib = lazy("hashlib")  # loads OpenSSL
    trace_tables = lazy("eventtrack.projections.trace_tables")

_COPY_BYTES = 2**20


class Blobs(BlobFiles):
    """The blobs of a store, to read and to write."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine.path)
        self._engine = engine

    def keep(self, source: Path | bytes) -> tuple[bytes, int]:
        """Store a file's bytes durably; returns their SHA-256 and their number.

        Raises:
            OSError: The disk is full, say; nothing is left behind.
        """
        return self.bring(source, None)

    def bring(self, source: Path | bytes, target: Path | None) -> tuple[bytes, int]:
        """Copy durably to `target`, replacing a file there; without one, to the blobs."""
        draft = self.draft(target)
        try:
            if isinstance(source, bytes):
                draft.write(source)
            else:
                with source.open("rb") as reader:
                    for chunk in iter(lambda: reader.read(_COPY_BYTES), b""):
                        draft.write(chunk)
            return draft.finish()
        finally:
            draft.abandon()

    def draft(self, target: Path | None = None) -> "BlobDraft":
        """Begin to write a file for `target`, replacing a file there; without one, a blob."""
        folder = self._folder if target is None else target.parent
        folder.mkdir(parents=True, exist_ok=True)
        name = f"{files.DRAFT_PREFIX}{self._engine.ids.id128().hex()}"
        return BlobDraft(self, folder / name, target)

    def receive(self, digest: bytes, chunks: Iterable[bytes]) -> int:
        """Store a blob that comes from elsewhere in pieces; returns its size.

        Raises:
            ChecksumError: The bytes do not have the hash `digest`; nothing was kept.
            DiskFullError: Nothing was kept.
        """
        try:
            draft = self.draft()
            try:
                for chunk in chunks:
                    draft.write(chunk)
                return draft.finish_as(digest)
            finally:
                draft.abandon()
        except OSError as error:
            raise translate_os_error(error, f"store the blob {digest.hex()}") from error

    def share(self, digest: bytes, path: Path) -> None:
        """Bring a blob to where the servers of a cluster share theirs, durably."""
        if self._engine.shared_blobs is not None:
            self._engine.shared_blobs.put(digest, path)

    def erase(self, digest: bytes) -> None:
        """Delete a blob here, and where the servers of a cluster share theirs, if it may be."""
        self.path(digest).unlink(missing_ok=True)
        if self._engine.shared_blobs is not None:
            with contextlib.suppress(RemoteDeniedError):  # another server has the right
                self._engine.shared_blobs.delete(digest)

    def sweep(self) -> int:
        """Remove the drafts of processes that died; returns their number."""
        swept = 0
        with contextlib.suppress(OSError):  # a store that may only be read stays as it is
            for path in self._folder.iterdir():
                swept += path.name.startswith(files.DRAFT_PREFIX) and _remove_free(path)
        return swept


class SharedFiles:
    """The blobs that a store of a cluster can have from elsewhere; see `views.blobs.Elsewhere`."""

    def __init__(self, blobs: Blobs, shared: SharedBlobs) -> None:
        self._blobs = blobs
        self._shared = shared

    def holds(self, digest: bytes) -> bool:
        """Whether the servers share the blob."""
        return self._shared.holds(digest)

    def fetch(self, digest: bytes) -> None:
        """Bring the blob here, once its hash is checked."""
        self._blobs.receive(digest, self._shared.get(digest))


class BlobDraft:
    """Bytes on their way to the disk: written, then finished or abandoned.

    Several threads may call it, one after the other. Only `abandon` may be called at any time.
    """

    def __init__(self, blobs: Blobs, path: Path, target: Path | None) -> None:
        self._blobs = blobs
        self._path = path
        self._target = target
        self._hasher = hashlib.sha256()
        self._size = 0
        self._busy = threading.Lock()
        self._abandoned = False
        self._file = open(_make_locked(path), "wb", buffering=0)  # noqa: SIM115 - closed by abandon()

    def write(self, data: bytes | bytearray) -> None:
        """Append bytes.

        Raises:
            OSError: The disk is full, say.
        """
        with self._busy:
            self._hasher.update(data)
            self._size += len(data)
            view = memoryview(data)
            while view and not self._abandoned:
                view = view[self._file.write(view) :]
        self._close_abandoned()

    def digest(self) -> bytes:
        """The SHA-256 of the bytes written so far."""
        return self._hasher.digest()

    def finish(self) -> tuple[bytes, int]:
        """Put the bytes in their place, durably; returns their SHA-256 and their number.

        Raises:
            OSError: Nothing was put there.
        """
        with self._busy:
            descriptor = self._file.fileno()
            os.fchmod(descriptor, 0o444)
            os.fsync(descriptor)
            digest = self._hasher.digest()
            place = self._blobs.path(digest) if self._target is None else self._target
            if self._target is None:
                self._blobs.share(digest, self._path)
            if self._target is None and not place.parent.exists():
                place.parent.mkdir(exist_ok=True)
                sync_folder(place.parent.parent)
            if self._target is not None or not place.exists():
                self._path.replace(place)
                if self._target is None:
                    note_verified(digest, seen_of(descriptor))
            sync_folder(place.parent)
        self.abandon()
        return digest, self._size

    def finish_as(self, digest: bytes) -> int:
        """Put the bytes in their place if they have the hash `digest`; returns their number.

        Raises:
            ChecksumError: They have another hash; nothing was put there.
            OSError: Nothing was put there.
        """
        if self.digest() != digest:
            raise not_as_named(digest, self.digest())
        return self.finish()[1]

    def abandon(self) -> None:
        """Leave nothing behind, unless the draft was finished. Waits for nobody."""
        self._abandoned = True
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        self._close_abandoned()

    def _close_abandoned(self) -> None:
        """Close the file once nobody uses it. A thread that uses it calls this afterwards."""
        if self._abandoned and self._busy.acquire(blocking=False):
            self._file.close()
            self._busy.release()


def _make_locked(path: Path) -> int:
    """A new file, locked, open for writing."""
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # another process swept it between the two calls


def _remove_free(path: Path) -> bool:
    """Remove a file if it is a draft that nobody has locked; returns whether it was."""
    try:
        descriptor = os.open(path, os.O_WRONLY)
    except OSError:
        return False  # finished meanwhile, or made by another user
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        path.unlink()
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return True


def not_as_named(digest: bytes, actual: bytes) -> ChecksumError:
    """The error for bytes that do not have the hash under which they came."""
    return ChecksumError(
        f"the blob {digest.hex()} did not come as it was logged: its bytes have the hash "
        f"{actual.hex()}",
        hint="run `eventtrack check` on the machine that it came from",
    )


def live_blobs(reader: Reader) -> dict[bytes, str]:
    """The SHA-256 of every blob that is named now, and a thing that names it."""
    holders = {
        state.sha256: f"artifact '{state.path}'"
        for _, state in all_files(reader)
        if state.place is None
    }
    holders |= dict.fromkeys(media_blobs(reader.rows), "a medium of a run")
    for span in trace_tables.spans_in_blobs(reader):
        holders[span.sha256] = f"span {span.span_id}"
    return holders


def hidden_files(reader: Reader) -> list[str]:
    """The files that no list shows, as their paths lead out of the folder, each with its owner."""
    owners = {"run": ("runs", reader.run_by_number), "model": ("models", reader.model_by_number)}
    files = []
    for noun, (table, state_of) in owners.items():
        for key in reader.rows.keys(table):
            number = int.from_bytes(key, "big")
            hidden = [file for file in reader.artifacts(number) if not is_sound_path(file.path)]
            owner = state_of(number) if hidden else None
            name = getattr(owner, f"{noun}_id", number)
            files += [f"file {file.path!r} of {noun} {name}" for file in hidden]
    return files
