"""Envelopes that the views hold nothing of, though they are here: which, and why.

`skipped` has a row for each: `stream number (u32) ‖ position (u64)` -> `Skipped`, as msgpack.
Events of types that this eventtrack does not know are counted elsewhere: in the table `unknown`.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import msgspec

from eventtrack.events.envelope import OFFSETS, Envelope
from eventtrack.events.reading import DAMAGED
from eventtrack.log.environment import Transaction

TABLE = "skipped"
# Its fold raised an error: a bug of this version, which the envelope shows and a later one mends.
FAILED = "not folded"


class Skipped(msgspec.Struct, array_like=True):
    """One envelope: its kind is `DAMAGED`, `MALFORMED` or `FAILED`.

    `name` and `index` are what it is called in the whole world; `count` is how many events it says
    it holds.
    """

    position: int
    kind: str
    what: str
    stream: str
    name: bytes
    index: int
    count: int


class Source(Protocol):
    """Where tables are read: the views."""

    txn: Transaction
    tables: dict[str, Any]


class Numbering(Source, Protocol):
    """Where tables are written: the views of a fold."""

    def stream_number(self, stream: str) -> int:
        """The local number of a stream, given now if it has none."""
        ...


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Skipped).decode


def note(tables: Numbering, envelope: Envelope, kind: str, what: str) -> None:
    """Record that an envelope is skipped."""
    header = envelope.header
    key = tables.stream_number(header.stream).to_bytes(4, "big") + envelope.position.to_bytes(8)
    count = min(max(header.count, 0), OFFSETS)
    skipped = Skipped(
        envelope.position, kind, what, header.stream, envelope.name, header.index, count
    )
    tables.txn.put(key, _encode(skipped), db=tables.tables[TABLE])


def read(source: Source) -> list[Skipped]:
    """Every envelope that is skipped, in order of positions."""
    return sorted(_all(source), key=_position)


def global_names(source: Source) -> list[tuple[bytes, int]]:
    """The names of those that every machine skips which has them; damage is of one disk."""
    found = (one for one in _all(source) if one.kind != DAMAGED)
    return sorted((one.name, one.index) for one in found)


def failed(source: Source) -> set[int]:
    """The positions of those whose fold raised an error."""
    return {one.position for one in _all(source) if one.kind == FAILED}


def _all(source: Source) -> Iterator[Skipped]:
    for value in source.txn.cursor(source.tables[TABLE]).iternext(keys=False):
        yield _decode(value)


def _position(skipped: Skipped) -> int:
    return skipped.position
