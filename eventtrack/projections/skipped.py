"""Skipped envelopes: they are in the log, but the views hold nothing of them.

`skipped` has a row for each: `stream number (u32) ‖ position (u64)` -> `Skipped`, as msgpack, which
says why. Events of unknown types are counted in another table, `unknown`.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import msgspec

from eventtrack.events.envelope import OFFSETS, Envelope
from eventtrack.events.reading import DAMAGED
from eventtrack.log.environment import Transaction

TABLE = "skipped"
# The fold of the envelope raised an error: a bug of this version, which a later version mends.
FAILED = "not folded"


class Skipped(msgspec.Struct, array_like=True):
    """One envelope. Its kind is `DAMAGED`, `MALFORMED` or `FAILED`.

    `name` and `index` are its globally unique name; `count` is the number of events by its header.
    """

    position: int
    kind: str
    what: str
    stream: str
    name: bytes
    index: int
    count: int


class Source(Protocol):
    """The views, to read their tables."""

    txn: Transaction
    tables: dict[str, Any]


class Numbering(Source, Protocol):
    """The views within a fold, to write their tables."""

    def stream_number(self, stream: str) -> int:
        """The local number of a stream; a new number if it has none."""
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
    """The names of skipped envelopes without damaged ones: damage is a matter of one disk."""
    everywhere = (skipped for skipped in _all(source) if skipped.kind != DAMAGED)
    return sorted((skipped.name, skipped.index) for skipped in everywhere)


def failed(source: Source) -> set[int]:
    """The positions of the envelopes whose fold raised an error."""
    return {skipped.position for skipped in _all(source) if skipped.kind == FAILED}


def _all(source: Source) -> Iterator[Skipped]:
    for value in source.txn.cursor(source.tables[TABLE]).iternext(keys=False):
        yield _decode(value)


def _position(skipped: Skipped) -> int:
    return skipped.position
