"""Skipped envelopes: they are in the log, but the views hold nothing of them.

`skipped` has a row for each: `stream number (u32) ‖ position (u64)` -> `Skipped`, as msgpack, which
says why. Events of unknown types are counted in another table, `unknown`.
"""

from collections.abc import Iterator

import msgspec

from eventtrack.events.envelope import OFFSETS, Envelope
from eventtrack.events.reading import DAMAGED
from eventtrack.projections.rows import View, Writer

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


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Skipped).decode


def note(tables: Writer, envelope: Envelope, kind: str, what: str) -> None:
    """Record that an envelope is skipped."""
    header = envelope.header
    key = tables.stream_number(header.stream).to_bytes(4, "big") + envelope.position.to_bytes(8)
    count = min(max(header.count, 0), OFFSETS)
    skipped = Skipped(
        envelope.position, kind, what, header.stream, envelope.name, header.index, count
    )
    tables.rows.put(TABLE, key, _encode(skipped))


def read(view: View) -> list[Skipped]:
    """Every envelope that is skipped, in order of positions."""
    return sorted(_all(view), key=_position)


def global_names(view: View) -> list[tuple[bytes, int]]:
    """The names of skipped envelopes without damaged ones: damage is a matter of one disk."""
    everywhere = (skipped for skipped in _all(view) if skipped.kind != DAMAGED)
    return sorted((skipped.name, skipped.index) for skipped in everywhere)


def failed(view: View) -> set[int]:
    """The positions of the envelopes whose fold raised an error."""
    return {skipped.position for skipped in _all(view) if skipped.kind == FAILED}


def unknown_counts(view: View) -> dict[str, int]:
    """The number of events of each type that are kept but could not be folded.

    The name of a type is cut if it is too long for a key.
    """
    counts: dict[str, int] = {}
    for key, value in view.rows.scan("unknown"):
        name = key[4:].decode()
        counts[name] = counts.get(name, 0) + int.from_bytes(value, "big")
    return counts


def _all(view: View) -> Iterator[Skipped]:
    for _, value in view.rows.scan(TABLE):
        yield _decode(value)


def _position(skipped: Skipped) -> int:
    return skipped.position
