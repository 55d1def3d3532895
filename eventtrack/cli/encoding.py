"""JSON as the command line prints it.

JSON has no NaN and no infinities, and a tracker must not lose them: they become the strings "NaN",
"Infinity" and "-Infinity", as in protobuf's JSON. Bytes become hex.
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from eventtrack.views.records import Record


def to_json(value: Any, indent: int | None = None) -> str:
    """`value` as JSON text; records become objects of their fields."""
    plain = _plain(value)
    return json.dumps(plain, ensure_ascii=False, allow_nan=False, indent=indent)


def _plain(value: Any) -> Any:
    if isinstance(value, str | bool | int) or value is None:
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _name(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, Record):
        return {name: _plain(item) for name, item in value}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    try:
        return [_plain(item) for item in value]
    except TypeError:
        return str(value)


def _name(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"
