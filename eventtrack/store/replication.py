"""The store as other machines see it: feeds of envelopes, and artifacts by their hash."""

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import BinaryIO, TypeVar

from eventtrack.errors import ChecksumError
from eventtrack.log import files
from eventtrack.log.filesystem import sync_folder, translate_os_error
from eventtrack.log.protocol import EventLog, Head, LogTransaction
from eventtrack.store.engine import Engine
from eventtrack.store.redaction import Redaction

Result = TypeVar("Result")


class Replication:
    """What sync needs of a store and nobody else does."""

    def __init__(self, engine: Engine, redaction: Redaction) -> None:
        self._engine = engine
        self._redaction = redaction
        self.blobs = Blobs(engine.path / files.BLOBS)

    @property
    def folder(self) -> Path:
        """Where this store keeps what it knows of its remotes."""
        return self._engine.path / files.REMOTES

    @property
    def log(self) -> EventLog:
        """The log, for reading feeds; call `heads` first, which flushes."""
        return self._engine.log

    def now_ms(self) -> int:
        """The store's clock."""
        return self._engine.clock.now_ms()

    def new_name(self) -> str:
        """32 hex digits that nobody else draws: for drafts of files."""
        return self._engine.ids.id128().hex()

    def heads(self) -> dict[bytes, Head]:
        """Every feed, by replica, with everything that this process logged before."""
        self._engine.flush()
        return self._engine.log.heads()

    def receive(self, work: Callable[[LogTransaction], Result]) -> Result:
        """Append other replicas' envelopes in one durable commit; see `EventLog.transact`.

        Redactions among them are obeyed before this returns.
        """
        result = self._engine.log.transact(work)
        if self._redaction.unfinished:
            self._redaction.finish()
        return result


class Blobs:
    """Artifacts by the SHA-256 of their bytes. Complete and durable, or not there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def path(self, digest: bytes) -> Path:
        """Where an artifact lies, if it does."""
        name = digest.hex()
        return self._folder / name[:2] / name

    def holds(self, digest: bytes) -> bool:
        """Whether the artifact is here."""
        return self.path(digest).exists()

    def open(self, digest: bytes) -> BinaryIO:
        """An artifact's bytes.

        Raises:
            FileNotFoundError: It is not here.
        """
        return self.path(digest).open("rb")

    def keep(self, digest: bytes, chunks: Iterable[bytes], draft_name: str) -> int:
        """Store an artifact that comes in pieces; returns its size.

        Raises:
            ChecksumError: The bytes have another hash; nothing was kept.
            DiskFullError: Nothing was kept.
        """
        target = self.path(digest)
        draft = self._folder / f".draft-{draft_name}"
        hasher, size = hashlib.sha256(), 0
        try:
            target.parent.mkdir(exist_ok=True)
            with draft.open("xb") as sink:
                for chunk in chunks:
                    hasher.update(chunk)
                    size += sink.write(chunk)
                if hasher.digest() != digest:
                    raise ChecksumError(
                        f"the artifact {digest.hex()} did not come as it was logged: its bytes "
                        f"have the hash {hasher.hexdigest()}",
                        hint="run `eventtrack check` on the machine that it came from",
                    )
                sink.flush()
                os.fsync(sink.fileno())
            draft.chmod(0o444)
            draft.replace(target)
            sync_folder(target.parent)
        except OSError as error:
            raise translate_os_error(error, f"store the artifact {digest.hex()}") from error
        finally:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
        return size
