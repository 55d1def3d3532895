"""Which envelopes touch each stream, and between which moments.

`timeline` has a row for each envelope: `stream number (u32) ‖ position (u64)` -> its recorded time
(u64). `extents` has one for each stream: its first and last position, its least and greatest
recorded time (u64 each, in the machine's own order); `extent_blocks` the same of whole blocks of
streams. From these follows which streams are now as they were at a moment, and what the others have
to be folded from (`past`).
"""

import struct
from collections.abc import Iterator
from itertools import takewhile
from typing import Any, NamedTuple, Protocol

from eventtrack.log.environment import Transaction

TIMELINE, EXTENTS, BLOCKS = "timeline", "extents", "extent_blocks"
# Streams whose numbers have so many first bytes in common are a block: 256 numbers.
BLOCK_BYTES = 3
_NUMBER_AND_POSITION = struct.Struct(">IQ")
_EXTENT = struct.Struct("=4Q")


class Source(Protocol):
    """Where tables are read and written: the views."""

    txn: Transaction
    tables: dict[str, Any]


class Extent(NamedTuple):
    """From where to where a stream reaches: positions here, and hybrid times."""

    first: int
    last: int
    earliest: int
    latest: int


def envelopes_of(source: Source, number: int) -> Iterator[tuple[int, int]]:
    """The position and the recorded time of each envelope of a stream, in order of arrival."""
    prefix = number.to_bytes(4, "big")
    cursor = source.txn.cursor(source.tables[TIMELINE])
    if cursor.set_range(prefix):
        for key, value in takewhile(lambda row: row[0].startswith(prefix), cursor.iternext()):
            yield int.from_bytes(key[4:], "big"), int.from_bytes(value, "big")


def extents(source: Source, block: bytes) -> Iterator[tuple[bytes, Extent]]:
    """The number, as 4 bytes, and the extent of every stream of a block."""
    cursor = source.txn.cursor(source.tables[EXTENTS])
    rows = cursor.iternext() if cursor.set_range(block) else iter(())
    for key, value in takewhile(lambda row: row[0].startswith(block), rows):
        yield key, Extent(*_EXTENT.unpack(value))


def blocks(source: Source) -> Iterator[tuple[bytes, Extent]]:
    """The first bytes of the numbers of each block of streams, and the extent of all of it."""
    for key, value in source.txn.cursor(source.tables[BLOCKS]).iternext():
        yield key, Extent(*_EXTENT.unpack(value))


class Timeline:
    """The envelopes of a batch of a fold, written when it ends."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._rows: list[tuple[int, int, int]] = []

    def note(self, number: int, position: int, recorded: int) -> None:
        """Record that an envelope touches a stream."""
        self._rows.append((number, position, recorded))

    def flush(self) -> None:
        """Write what was noted."""
        if not self._rows:
            return
        rows = sorted(self._rows)
        self._rows.clear()
        found: dict[int, Extent] = {}
        for number, position, recorded in rows:
            known = found.get(number)
            if known is None:
                found[number] = Extent(position, position, recorded, recorded)
            else:
                found[number] = _joined(known, Extent(position, position, recorded, recorded))
        whole: dict[bytes, Extent] = {}
        for number, extent in found.items():
            block = number.to_bytes(4, "big")[:BLOCK_BYTES]
            whole[block] = _joined(whole[block], extent) if block in whole else extent
        self._put(EXTENTS, {number.to_bytes(4, "big"): one for number, one in found.items()})
        self._put(BLOCKS, whole)
        txn = self._source.txn
        txn.cursor(self._source.tables[TIMELINE]).putmulti(
            [
                (_NUMBER_AND_POSITION.pack(number, position), recorded.to_bytes(8, "big"))
                for number, position, recorded in rows
            ]
        )

    def _put(self, name: str, changed: dict[bytes, Extent]) -> None:
        txn, table = self._source.txn, self._source.tables[name]
        rows: list[tuple[bytes, bytes]] = []
        for key, extent in changed.items():
            value = txn.get(key, db=table)
            joined = extent if value is None else _joined(Extent(*_EXTENT.unpack(value)), extent)
            rows.append((key, _EXTENT.pack(*joined)))
        txn.cursor(table).putmulti(rows)


def _joined(one: Extent, two: Extent) -> Extent:
    return Extent(
        min(one.first, two.first),
        max(one.last, two.last),
        min(one.earliest, two.earliest),
        max(one.latest, two.latest),
    )
