"""Claims of names: a row for each thing that holds a name now, or was born under it.

A row is `hash of the name (32 bytes) ‖ stream number (u32)` -> the thing's id, whether it holds the
name, whether it was born under it. A row belongs to one stream, so a moment can leave it out.
"""

import msgspec

from eventtrack.projections import keys
from eventtrack.projections.rows import below
from eventtrack.projections.tables import Reader, Tables

# The tables: names of experiments, and of registered models.
EXPERIMENTS, REGISTERED = "names", "registered_names"


class NameState(msgspec.Struct):
    """The ids of the things that hold a name now, and of all that were born under it; sorted."""

    holders: list[str]
    births: list[str]


class _Claim(msgspec.Struct, array_like=True):
    identifier: str
    holds: bool = False
    born: bool = False


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Claim).decode


def find(reader: Reader, table: str, name: str) -> NameState:
    """The things that claim a name."""
    claims = [_decode(value) for _, value in below(reader.rows, table, keys.hashed(name))]
    return NameState(
        sorted(claim.identifier for claim in claims if claim.holds),
        sorted(claim.identifier for claim in claims if claim.born),
    )


def bear(tables: Tables, table: str, name: str, number: int, identifier: str) -> None:
    """Note that a thing was born under a name."""
    claim = _claim(tables, table, name, number, identifier)
    claim.born = True
    _put(tables, table, name, number, claim)


def move(
    tables: Tables, table: str, names: tuple[str | None, str], number: int, identifier: str
) -> None:
    """Note that a thing lets go of the first name, if it had one, and holds the second."""
    for name, holds in zip(names, (False, True), strict=True):
        if name is not None:
            claim = _claim(tables, table, name, number, identifier)
            claim.holds = holds
            _put(tables, table, name, number, claim)


def _claim(tables: Tables, table: str, name: str, number: int, identifier: str) -> _Claim:
    value = tables.rows.get(table, _key(name, number))
    return _Claim(identifier) if value is None else _decode(value)


def _put(tables: Tables, table: str, name: str, number: int, claim: _Claim) -> None:
    tables.rows.put(table, _key(name, number), _encode(claim))


def _key(name: str, number: int) -> bytes:
    return keys.hashed(name) + number.to_bytes(4, "big")
