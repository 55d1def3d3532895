"""Stores that bring their feeds into a shared log with no server in between."""

import contextlib
from pathlib import Path

from eventtrack.sharedlog.artifacts import SpaceBlobs
from eventtrack.sharedlog.memory import MemorySharedLog, Shelf
from eventtrack.spaces.folder import FolderSpace
from eventtrack.store import Store
from eventtrack.sync import Remotes, Ways
from eventtrack.sync.remotes import RemoteAddress
from eventtrack.sync.service import exchange
from eventtrack.sync.shared_log import SharedLogRemote


def no_blobs() -> SpaceBlobs:
    """A place for artifacts that nobody uses."""
    return SpaceBlobs(lambda: FolderSpace(Path("/nowhere")))


def put_into(shelf: Shelf, store: Store) -> None:
    """Sync a store with the log, as everybody can who has the engine's credentials."""
    with contextlib.closing(SharedLogRemote(MemorySharedLog(shelf), no_blobs)) as remote:
        address = RemoteAddress(name="log", url="memory:")
        exchange(store, remote, Remotes(store.replication), address, Ways())
