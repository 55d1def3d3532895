"""Configurations and logged rows as params and metrics: nested names joined by dots."""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

# Words that trackers write for values that JSON cannot express.
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


class Paths:
    """Names for values within values: `{"a": {"b": 1}}` is `a.b`.

    Two paths never share a name: if `a.b` is a flat name too, the later of the two gets another
    name. Use the same object for all rows of a run.
    """

    def __init__(self) -> None:
        self._names: dict[tuple[str, ...], str] = {}
        self._paths: dict[str, tuple[str, ...]] = {}

    def flat(
        self, values: Mapping[str, Any], path: tuple[str, ...] = ()
    ) -> Iterator[tuple[str, Any]]:
        """Every value that is no mapping, by its name."""
        for key, value in values.items():
            inner = (*path, str(key))
            if isinstance(value, Mapping) and value:
                yield from self.flat(value, inner)
            else:
                yield self.name(inner), value

    def name(self, path: tuple[str, ...], plain: str | None = None) -> str:
        """The name of a path: its parts joined by dots, or `plain`, unless that name is taken."""
        known = self._names.get(path)
        if known is not None:
            return known
        name, number = ".".join(path) if plain is None else plain, 1
        while self._paths.setdefault(name, path) != path:
            number += 1
            name = "/".join(path) if number == 2 else f"{'/'.join(path)}-{number}"
        self._names[path] = name
        return name


def flat(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every value of one mapping that is no mapping itself, by its name; see `Paths`."""
    return Paths().flat(values)


def param_text(value: Any) -> str:
    """A setting as a param: texts as they are, lists as JSON, all else as Python writes it."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def number(value: Any) -> float | None:
    """A logged value as a number; None if it is no number."""
    if isinstance(value, bool):
        return float(value)
    if isinstance(value, int | float):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    return _WORDS.get(value) if isinstance(value, str) else None


def int64(value: Any) -> bool:
    """Whether a value can be a step."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    return whole and -(2**63) <= value < 2**63


def iso_milliseconds(text: str) -> int | None:
    """An ISO time in milliseconds since 1970, UTC unless it names a zone; None if it is no time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
