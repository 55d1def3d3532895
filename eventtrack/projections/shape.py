"""The shape of the views: what this version of eventtrack writes, and what it can read.

A fingerprint of it names the builds of a version. Each build also has its shape in a file, so that
a later version knows whether it can show these views while it builds its own (`older.py`):

    {"layout": 1, "tables": ["meta", ...], "fields": {"RunState": [["number", "int"], ...], ...}}
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from eventtrack.hashing import sha256
from eventtrack.lazy import lazy
from eventtrack.projections.tables import TABLES

if TYPE_CHECKING:
    from eventtrack.projections import states
else:
    states = lazy("eventtrack.projections.states")

# Raise when a fold's meaning changes while the fields of its state do not.
PROJECTIONS_VERSION = 12
# Raise this too when keys or values are written in another way: this version then cannot read the
# rows of earlier ones. Tables and fields need no number, since they are compared.
LAYOUT_VERSION = 5
# A digest of the fields of every state. It is written down, so that no program has to import all of
# them to learn the name of its views; the test that watches it says the new one.
FIELDS = "620ed513436d"
_FILE = "shape"


class Shape(msgspec.Struct):
    """The tables of views, and the names and types of the fields of what is in them."""

    layout: int
    tables: list[str]
    fields: dict[str, list[tuple[str, str]]]


def fingerprint() -> str:
    """The name of this version's views: it changes with every table and every field."""
    shape = [PROJECTIONS_VERSION, FIELDS, *TABLES]
    return sha256(repr(shape).encode()).hexdigest()[:12]


def note(build: Path) -> None:
    """Write the shape of this version beside its build, once."""
    file = build / _FILE
    if not file.exists():
        fields = {entity.__name__: _fields(entity) for entity in states.ENTITIES}
        draft = build / f"{_FILE}.{os.getpid()}"
        draft.write_bytes(msgspec.json.encode(Shape(LAYOUT_VERSION, list(TABLES), fields)))
        draft.replace(file)


def is_readable(build: Path) -> bool:
    """Whether this version can read a build, of whatever version.

    It can where each of its tables is there, and each value has the fields of this version up to
    some that have defaults.
    """
    try:
        theirs = msgspec.json.decode((build / _FILE).read_bytes(), type=Shape)
    except (OSError, msgspec.DecodeError):
        return False
    return (
        theirs.layout == LAYOUT_VERSION
        and set(TABLES) <= set(theirs.tables)
        and all(
            _begins(entity, theirs.fields.get(entity.__name__, [])) for entity in states.ENTITIES
        )
    )


def _begins(entity: type[msgspec.Struct], fields: list[tuple[str, str]]) -> bool:
    mine = _fields(entity)
    required = len(mine) - len(entity.__struct_defaults__)
    return len(fields) >= required and mine[: len(fields)] == fields


def _fields(entity: type[msgspec.Struct]) -> list[tuple[str, str]]:
    types = entity.__annotations__
    return [(name, str(types.get(name, ""))) for name in entity.__struct_fields__]
