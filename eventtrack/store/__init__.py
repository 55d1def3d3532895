"""The store: commands in, events appended, queries answered."""

from eventtrack.store.location import resolve_path
from eventtrack.store.queries import Queries, Snapshot
from eventtrack.store.snapshot import Moment
from eventtrack.store.store import Store, open_store

__all__ = ["Moment", "Queries", "Snapshot", "Store", "open_store", "resolve_path"]
