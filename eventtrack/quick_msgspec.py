"""msgspec, imported without `typing_extensions`.

msgspec takes three names of it, which are `typing`'s own since Python 3.11, and takes `typing`'s
where it is not installed. With it come `inspect`, `ast` and others: 7 ms of a new process. So a
stand-in answers while msgspec is imported, and is gone afterwards: others import the module as ever
(decision 0084).
"""

import importlib
import sys
import typing
from types import ModuleType
from typing import Any

_NAME = "typing_extensions"


class _StandIn(ModuleType):
    """Has the three names. For any other name, of another thread say, it gives way."""

    NotRequired = typing.NotRequired
    Required = typing.Required
    get_type_hints = staticmethod(typing.get_type_hints)

    def __getattr__(self, name: str) -> Any:
        if name == "__path__":  # an import asks: is it a package?
            raise AttributeError(name)
        _take_away(self)
        return getattr(importlib.import_module(_NAME), name)


def import_msgspec() -> None:
    """Import msgspec, unless it is there, or the module is."""
    stand_in = _StandIn(_NAME)
    if "msgspec" in sys.modules or sys.modules.setdefault(_NAME, stand_in) is not stand_in:
        return
    try:
        importlib.import_module("msgspec")
    finally:
        _take_away(stand_in)


def _take_away(stand_in: ModuleType) -> None:
    if sys.modules.get(_NAME) is stand_in:
        sys.modules.pop(_NAME, None)
