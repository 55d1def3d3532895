"""Which envelopes touch each stream, and between which moments.

`timeline` has a row for each envelope: `stream number (u32) ‖ position (u64)` -> its recorded time
(u64) and how many events it holds (u32). `extents` has one for each stream: its first and last
position, its least and greatest recorded time, its number of events (u64 each, in the machine's own
order), and whether they were recorded in the order in which they came; `extent_blocks` the same of
whole blocks of streams, `log_blocks` of blocks of the log. `disordered` has the others' numbers.
From these follows which streams are now as they were at a moment, what the others have to be folded
from (`past`), and how much happened when (`store.density`).
"""

import struct
from collections.abc import Iterator
from itertools import groupby, takewhile
from operator import itemgetter
from typing import Any, NamedTuple, Protocol

from eventtrack.clock import RECORDED_MAX
from eventtrack.events.envelope import Envelope
from eventtrack.log.environment import Transaction
from eventtrack.log.protocol import LogReader

TIMELINE, EXTENTS, BLOCKS = "timeline", "extents", "extent_blocks"
LOG_BLOCKS, DISORDERED = "log_blocks", "disordered"
# Streams whose numbers have so many first bytes in common are a block: 256 numbers.
BLOCK_BYTES = 3
# Positions of the log that are a block: 1 to 256 is the first.
LOG_BLOCK = 256
_NUMBER_AND_POSITION = struct.Struct(">IQ")
_TIME_AND_EVENTS = struct.Struct(">QI")
_EXTENT = struct.Struct("=5Q?")
_EVENTS_MAX = 2**32 - 1


class Source(Protocol):
    """Where tables are read and written: the views."""

    txn: Transaction
    tables: dict[str, Any]


class Extent(NamedTuple):
    """From where to where a stream reaches, positions here and hybrid times, with how much.

    `ordered` says of a stream, not of a block, that no envelope was recorded before one that came
    here earlier.
    """

    first: int
    last: int
    earliest: int
    latest: int
    events: int
    ordered: bool = True


class Place(NamedTuple):
    """One envelope of a stream: its position here, its hybrid time, how many events it holds."""

    position: int
    recorded: int
    events: int

    @classmethod
    def of(cls, envelope: Envelope) -> "Place":
        """Where an envelope stands. What no honest header says is cut: it is skipped anyway."""
        header = envelope.header
        recorded = header.recorded if header.recorded <= RECORDED_MAX else 0
        return cls(envelope.position, recorded, max(0, min(header.count, _EVENTS_MAX)))


def envelopes_of(source: Source, number: int) -> Iterator[Place]:
    """The place of each envelope of a stream, in order of arrival."""
    prefix = number.to_bytes(4, "big")
    cursor = source.txn.cursor(source.tables[TIMELINE])
    if cursor.set_range(prefix):
        for key, value in takewhile(lambda row: row[0].startswith(prefix), cursor.iternext()):
            yield Place(int.from_bytes(key[4:], "big"), *_TIME_AND_EVENTS.unpack(value))


def extent_of(source: Source, number: int) -> Extent | None:
    """The extent of one stream; None for one that nothing touched."""
    value = source.txn.get(number.to_bytes(4, "big"), db=source.tables[EXTENTS])
    return None if value is None else Extent(*_EXTENT.unpack(value))


def disordered(source: Source) -> Iterator[bytes]:
    """The numbers of the streams whose envelopes did not come in the order of their times."""
    yield from source.txn.cursor(source.tables[DISORDERED]).iternext(values=False)


def log_blocks(source: Source) -> Iterator[Extent]:
    """The extent of each block of the log."""
    for value in source.txn.cursor(source.tables[LOG_BLOCKS]).iternext(keys=False):
        yield Extent(*_EXTENT.unpack(value))


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


def envelopes_between(log: LogReader, first: int, last: int) -> Iterator[Envelope]:
    """The envelopes at positions from `first` to `last`, both included."""
    while first <= last:
        found = log.read(first - 1, last - first + 1)
        if not found:
            return
        yield from found
        first = found[-1].position + 1


class Timeline:
    """The envelopes of a batch of a fold, written when it ends."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._rows: list[tuple[int, Place]] = []
        self.first: dict[int, Place] = {}  # of each stream that was noted

    def note(self, number: int, place: Place) -> None:
        """Record that an envelope touches a stream."""
        self._rows.append((number, place))
        self.first.setdefault(number, place)

    def flush(self) -> None:
        """Write what was noted."""
        if not self._rows:
            return
        rows = sorted(self._rows)
        places = [place for _, place in self._rows]
        self._rows.clear()
        self.first.clear()
        in_log = {block: _extent(list(group)) for block, group in groupby(places, key=_block_of)}
        found = {
            number: _extent([place for _, place in group])
            for number, group in groupby(rows, key=itemgetter(0))
        }
        whole: dict[bytes, Extent] = {}
        for number, extent in found.items():
            first = number.to_bytes(4, "big")[:BLOCK_BYTES]
            whole[first] = _joined(whole[first], extent) if first in whole else extent
        self._put(EXTENTS, {number.to_bytes(4, "big"): one for number, one in found.items()})
        self._put(BLOCKS, whole)
        self._put(LOG_BLOCKS, {block.to_bytes(8, "big"): one for block, one in in_log.items()})
        txn = self._source.txn
        txn.cursor(self._source.tables[TIMELINE]).putmulti(
            [
                (_NUMBER_AND_POSITION.pack(number, position), _TIME_AND_EVENTS.pack(*rest))
                for number, (position, *rest) in rows
            ]
        )

    def _put(self, name: str, changed: dict[bytes, Extent]) -> None:
        txn, table = self._source.txn, self._source.tables[name]
        rows: list[tuple[bytes, bytes]] = []
        for key, extent in changed.items():
            value = txn.get(key, db=table)
            joined = extent if value is None else _joined(Extent(*_EXTENT.unpack(value)), extent)
            rows.append((key, _EXTENT.pack(*joined)))
            if name == EXTENTS and not joined.ordered:
                txn.put(key, b"", db=self._source.tables[DISORDERED])
        txn.cursor(table).putmulti(rows)


def _block_of(place: Place) -> int:
    return (place.position - 1) // LOG_BLOCK


def _extent(places: list[Place]) -> Extent:
    """The extent of envelopes in order of their positions."""
    if len(places) == 1:
        position, recorded, events = places[0]
        return Extent(position, position, recorded, recorded, events)
    times = [place.recorded for place in places]
    ordered = sorted(times)
    first, last, events = places[0].position, places[-1].position, sum(one[2] for one in places)
    return Extent(first, last, ordered[0], ordered[-1], events, times == ordered)


def _joined(one: Extent, two: Extent) -> Extent:
    """Both of them as one; `two` came here later."""
    return Extent(
        min(one.first, two.first),
        max(one.last, two.last),
        min(one.earliest, two.earliest),
        max(one.latest, two.latest),
        one.events + two.events,
        one.ordered and two.ordered and one.latest <= two.earliest,
    )
