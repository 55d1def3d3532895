"""Modules that are imported when something of them is first used: programs start sooner without.

    if TYPE_CHECKING:
        from eventtrack.views.search import runs as run_search
    else:
        run_search = lazy("eventtrack.views.search.runs")

A checker of types then sees an ordinary import.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

from eventtrack.collector import importing


class LazyModule:
    """Stands for a module, and has its attributes."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._module: ModuleType | None = None

    def __getattr__(self, attribute: str) -> Any:
        """Ask the module, which is imported now if it was not before."""
        if self._module is None:
            self._module = load(self._name)
        return getattr(self._module, attribute)


def lazy(name: str) -> LazyModule:
    """Something that stands for the module of this name."""
    return LazyModule(name)


def load(name: str) -> ModuleType:
    """A module, which is imported if it was not before."""
    if name in sys.modules:
        return importlib.import_module(name)  # waits while another thread still imports it
    with importing():
        return importlib.import_module(name)
