"""Modules that are imported when something of them is first used: programs start sooner without.

    if TYPE_CHECKING:
        from eventtrack.views.search import runs as run_search
    else:
        run_search = lazy("eventtrack.views.search.runs")

A checker of types then sees an ordinary import.
"""

import importlib
from typing import Any


class LazyModule:
    """Stands for a module, and has its attributes."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        """Ask the module, which is imported now if it was not before."""
        return getattr(importlib.import_module(self._name), attribute)


def lazy(name: str) -> LazyModule:
    """Something that stands for the module of this name."""
    return LazyModule(name)
