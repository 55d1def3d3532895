"""The store: commands in, events appended, queries answered."""

from eventtrack.folders import resolve_path
from eventtrack.store.store import Store, open_store
from eventtrack.views.moments import Moment
from eventtrack.views.queries.nouns import Queries, Snapshot

__all__ = ["Moment", "Queries", "Snapshot", "Store", "open_store", "resolve_path"]
