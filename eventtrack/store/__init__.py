"""The store: commands in, events appended, queries answered."""

from typing import TYPE_CHECKING, Any

from eventtrack.folders import resolve_path
from eventtrack.lazy import lazy
from eventtrack.store.store import Store, open_store
from eventtrack.views.queries.nouns import Queries, Snapshot

if TYPE_CHECKING:
    from eventtrack.views.moments import Moment

__all__ = ["Moment", "Queries", "Snapshot", "Store", "open_store", "resolve_path"]

if not TYPE_CHECKING:
    _moments = lazy("eventtrack.views.moments")

    def __getattr__(name: str) -> Any:
        """Import `Moment`, which few programs need, at its first use."""
        if name == "Moment":
            return _moments.Moment
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
