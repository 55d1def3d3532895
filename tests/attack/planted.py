"""Events that no eventtrack writes, brought into a store as a sync brings them."""

import os
from pathlib import Path

from eventtrack.events import types
from eventtrack.events.envelope import Draft, Envelope, seal
from eventtrack.log.blocks import Block
from eventtrack.store import Store
from eventtrack.sync.peer import StoreRemote


class Mallory:
    """A replica that says what it likes, and hashes it well."""

    def __init__(self, replica: bytes | None = None) -> None:
        self.replica = replica or os.urandom(16)
        self._index = 0
        self._recorded = 0
        self._frontier: list[bytes] = []

    def tell(self, store: Store, stream: str, *events: types.Event, ahead_ms: int = 0) -> None:
        """Give a store one more envelope of this replica's feed, from a clock that is ahead."""
        # Times of a feed increase, also within one millisecond.
        now = (store.replication.now_ms() + ahead_ms) << 16
        self._recorded = max(self._recorded + 1, now)
        data, _ = seal(
            Draft.of(stream, *events),
            replica=self.replica,
            index=self._index,
            recorded=self._recorded,
            session=os.urandom(16),
            salt=os.urandom(16),
        )
        remote = StoreRemote(store)
        # Its frontier is moved on behind the envelope.
        block = Block.make(self.replica, self._index, self._frontier, [Envelope(data)])
        remote.append(block)
        remote.flush()
        self._index += 1

    def plant(self, store: Store, run_id: str, place: str, data: bytes, path: str = "f") -> None:
        """Say that a run has a file, which lies at a place of the store's machine."""
        self.log_file(store, run_id, types.ArtifactStored(path, len(data), sha256(data), place))

    def log_file(self, store: Store, run_id: str, stored: types.ArtifactStored) -> None:
        """Say that a run has a file."""
        self.tell(store, f"run/{run_id}", types.ArtifactsLogged([stored]))


def sha256(data: bytes) -> bytes:
    """The hash under which a file is logged."""
    import hashlib

    return hashlib.sha256(data).digest()


def secret_file(folder: Path) -> Path:
    """A file that nobody logged."""
    path = folder / "secret"
    path.write_bytes(b"TOP SECRET")
    return path
