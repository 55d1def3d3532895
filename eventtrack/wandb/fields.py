"""The parts of a run that W&B's programs read and write as dictionaries: config and summary."""

from argparse import Namespace
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml


class Settings:
    """The settings that a program passes to `init`; only `mode` means something here."""

    def __init__(self, **settings: Any) -> None:
        self.mode: str | None = None
        vars(self).update(settings)


class Fields:
    """A dictionary whose items are attributes as well, and whose changes are recorded.

    Args:
        changed: Called with the items of each change.
    """

    def __init__(self, changed: Callable[[dict[str, Any]], None]) -> None:
        object.__setattr__(self, "_items", {})
        object.__setattr__(self, "_changed", changed)

    def update(self, *items: Any, allow_val_change: bool | None = None, **named: Any) -> None:
        """Set several items."""
        changes: dict[str, Any] = {}
        for mapping in items:
            changes.update(plain(mapping))
        changes.update(named)
        self._items.update(changes)
        self._changed(changes)

    def get(self, key: str, default: Any = None) -> Any:
        """An item, or `default`."""
        return self._items.get(key, default)

    def setdefaults(self, items: Mapping[str, Any]) -> None:
        """Set those items that are not set."""
        self.update({key: value for key, value in items.items() if key not in self._items})

    def keys(self) -> Any:
        """The names of the items."""
        return self._items.keys()

    def items(self) -> Any:
        """Names and values."""
        return self._items.items()

    def as_dict(self) -> dict[str, Any]:
        """A copy as a dictionary."""
        return dict(self._items)

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __getattr__(self, key: str) -> Any:
        if key.startswith("__"):
            raise AttributeError(key)
        try:
            return self._items[key]
        except KeyError:
            raise AttributeError(f"{type(self).__name__} has no {key!r}") from None

    def __setattr__(self, key: str, value: Any) -> None:
        self.update({key: value})

    def __contains__(self, key: object) -> bool:
        return key in self._items

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return repr(self._items)


class Config(Fields):
    """The configuration of a run: its params."""


class Summary(Fields):
    """The results of a run: what was logged last, and what the program sets itself."""

    def note(self, items: Mapping[str, Any]) -> None:
        """Take over what was logged, without recording it again."""
        self._items.update(items)


def plain(config: Any) -> dict[str, Any]:
    """A configuration as a dictionary: a mapping, a namespace, flags, or a YAML file's path."""
    if config is None:
        return {}
    if isinstance(config, Fields):
        return config.as_dict()
    if isinstance(config, str | Path):
        loaded = yaml.safe_load(Path(config).read_text("utf-8"))
        # W&B's own files have each value below `value`.
        return {
            key: value["value"] if isinstance(value, dict) and "value" in value else value
            for key, value in (loaded or {}).items()
        }
    if isinstance(config, Mapping):
        return {str(key): value for key, value in config.items()}
    if isinstance(config, Namespace) or hasattr(config, "__dict__"):
        return dict(vars(config))
    return dict(config)
