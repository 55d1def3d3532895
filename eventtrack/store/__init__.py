"""The store: commands in, events appended, queries answered."""

from eventtrack.store.location import resolve_path
from eventtrack.store.snapshot import Moment
from eventtrack.store.store import Snapshot, Store, open_store

__all__ = ["Moment", "Snapshot", "Store", "open_store", "resolve_path"]
