"""The store: commands in, events appended, queries answered."""

import importlib
from typing import TYPE_CHECKING, Any

from eventtrack.folders import resolve_path
from eventtrack.store.store import Store, open_store
from eventtrack.views.queries.nouns import Queries, Snapshot

if TYPE_CHECKING:
    from eventtrack.views.moments import Moment

__all__ = ["Moment", "Queries", "Snapshot", "Store", "open_store", "resolve_path"]


def __getattr__(name: str) -> Any:
    """Import `Moment`, which few programs need, at its first use."""
    if name == "Moment":
        return importlib.import_module("eventtrack.views.moments").Moment
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
