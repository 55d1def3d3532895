"""Values of frameworks as params and metrics: nested configurations, tensors, names of any kind."""

import dataclasses
import logging
import re
from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import Any

from eventtrack.errors import InvalidValueError
from eventtrack.limits import KEY_LENGTH_MAX
from eventtrack.validate import metric_value

# All but the letters that a name may have; see `validate.metric_key`.
_NO_LETTER = re.compile(r"[^/\w.\- :]")
# A deeper configuration refers to itself, or is no configuration.
_DEPTH_MAX = 16


def name_of(key: object) -> str:
    """A name that may be recorded: other characters become `_`, empty parts of a path are left out.

    So `val/f1 (macro)` becomes `val/f1 _macro_`.
    """
    parts = _NO_LETTER.sub("_", str(key)).split("/")
    name = "/".join(part for part in parts if part not in ("", ".", ".."))
    return name[:KEY_LENGTH_MAX] or "_"


def flattened(params: Any) -> dict[str, Any]:
    """A nested configuration as params: `{"a": {"b": 1}}` becomes `{"a/b": 1}`.

    Mappings, namespaces and dataclasses are nested; everything else is a value.
    """
    return {name_of(key): value for key, value in _leaves("", params, 0)}


def _leaves(prefix: str, value: Any, depth: int) -> Iterator[tuple[str, Any]]:
    fields: Any = value
    if isinstance(value, Namespace):
        fields = vars(value)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if not isinstance(fields, Mapping) or depth == _DEPTH_MAX or (prefix and not fields):
        yield prefix, value
        return
    for key, below in fields.items():
        yield from _leaves(f"{prefix}/{key}" if prefix else str(key), below, depth + 1)


class Numbers:
    """Takes the numbers out of a framework's logs; names what it leaves out, once for each key."""

    def __init__(self) -> None:
        self._left_out: set[str] = set()

    def of(self, logs: Mapping[Any, Any], prefix: str = "") -> dict[str, float]:
        """The metrics among `logs`, by names that may be recorded.

        Texts, None and arrays of more than one number are no metrics: they are left out, with a
        warning for the first of each key.
        """
        numbers = {}
        for key, value in logs.items():
            name = name_of(f"{prefix}{key}")
            try:
                numbers[name] = metric_value(name, value)
            except InvalidValueError:
                if name not in self._left_out:
                    self._left_out.add(name)
                    logging.getLogger("eventtrack").warning(
                        "eventtrack: %r is not logged as a metric: its value is no number but %s",
                        name,
                        type(value).__name__,
                    )
        return numbers
