"""Configurations and logged rows as params and metrics: nested names joined by dots."""

import json
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

# What trackers without numbers for it write for values that JSON has no word for.
_WORDS = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no mapping, by its path: `{"a": {"b": 1}}` is `a.b`."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def param_text(value: Any) -> str:
    """A setting as a param: texts as they are, all else as Python writes it, lists as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def number(value: Any) -> float | None:
    """A logged value as a number; None for what is none."""
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
    """An ISO time in milliseconds since 1970, UTC where it names no zone; None for no such time."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return round((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)
