"""The timeline of each stream: its envelopes' positions and times, and the extent of them all.

The folds write these tables:

- `timeline`, a row for each envelope: `stream number (u32) ‖ position (u64)` -> its recorded time
  (u64) and its number of events (u32).
- `extents`, a row for each stream: its first and last position, its least and greatest recorded
  time, its number of events (u64 each, in the machine's own order), and whether its envelopes came
  here in the order of their recorded times.
- `extent_blocks` and `log_blocks`: extents of whole blocks of streams, and of blocks of the log.
- `disordered`: the numbers of streams whose envelopes came in another order than their times.

`standing` learns from them how each stream stands to a moment, `past` which envelopes to fold
anew, and `store.density` how much happened when.
"""

import struct
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from eventtrack.clock import RECORDED_MAX
from eventtrack.events.envelope import Envelope
from eventtrack.log.protocol import EventLog
from eventtrack.projections.rows import Rows, WritableRows, below

TIMELINE, EXTENTS, BLOCKS = "timeline", "extents", "extent_blocks"
LOG_BLOCKS, DISORDERED = "log_blocks", "disordered"
TABLES = (TIMELINE, EXTENTS, BLOCKS, LOG_BLOCKS, DISORDERED)
# Streams whose numbers share this many first bytes are a block: 256 streams.
BLOCK_BYTES = 3
# The number of positions in a block of the log: the first block is 1 to 256.
LOG_BLOCK = 256
_NUMBER_AND_POSITION = struct.Struct(">IQ")
_TIME_AND_EVENTS = struct.Struct(">QI")
_EXTENT = struct.Struct("=5Q?")
_EVENTS_MAX = 2**32 - 1


class Extent(NamedTuple):
    """The bounds of some envelopes, in positions here and hybrid times, and their number of events.

    `ordered` has a meaning for streams only, not for blocks: no envelope has an earlier recorded
    time than an envelope that came here before it.
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
        """The place of an envelope. Numbers out of range are cut: such an envelope is skipped."""
        header = envelope.header
        recorded = header.recorded if header.recorded <= RECORDED_MAX else 0
        return cls(envelope.position, recorded, max(0, min(header.count, _EVENTS_MAX)))


def envelopes_of(rows: Rows, number: int) -> Iterator[Place]:
    """The place of each envelope of a stream, in order of arrival."""
    for key, value in below(rows, TIMELINE, number.to_bytes(4, "big")):
        yield Place(int.from_bytes(key[4:], "big"), *_TIME_AND_EVENTS.unpack(value))


def extent_of(rows: Rows, number: int) -> Extent | None:
    """The extent of a stream; None for a stream without envelopes."""
    value = rows.get(EXTENTS, number.to_bytes(4, "big"))
    return None if value is None else Extent(*_EXTENT.unpack(value))


def extents_of(
    rows: Rows, numbers: Iterable[int]
) -> tuple[Sequence[int], Callable[[], Iterator[Extent]]]:
    """The streams of these that have envelopes, and a walk over their extents, in the same order.

    A million streams are 45 MB in memory, where as many `Extent`s would be 300.
    """
    known, packed = array("I"), bytearray()
    for number in numbers:
        value = rows.get(EXTENTS, number.to_bytes(4, "big"))
        if value is not None:
            known.append(number)
            packed += value
    return known, lambda: map(Extent._make, _EXTENT.iter_unpack(packed))


def disordered(rows: Rows) -> Iterator[bytes]:
    """The numbers of streams whose envelopes did not come in the order of their times."""
    yield from rows.keys(DISORDERED)


def log_blocks(rows: Rows) -> Iterator[Extent]:
    """The extent of each block of the log."""
    for _, value in rows.scan(LOG_BLOCKS):
        yield Extent(*_EXTENT.unpack(value))


def extents(rows: Rows, block: bytes) -> Iterator[tuple[bytes, Extent]]:
    """The number, as 4 bytes, and the extent of every stream of a block."""
    for key, value in below(rows, EXTENTS, block):
        yield key, Extent(*_EXTENT.unpack(value))


def blocks(rows: Rows) -> Iterator[tuple[bytes, Extent]]:
    """Each block of streams: the first bytes of its numbers, and its whole extent."""
    for key, value in rows.scan(BLOCKS):
        yield key, Extent(*_EXTENT.unpack(value))


def headers_between(log: EventLog, first: int, last: int) -> list[Envelope]:
    """The envelopes at positions from `first` to `last`, both included, without payloads."""
    return log.headers(first - 1, last - first + 1)


class Timeline:
    """The places of the envelopes in a fold's batch, written when the batch ends."""

    def __init__(self, rows: WritableRows) -> None:
        self._written = rows
        self._rows: list[tuple[int, Place]] = []
        self.first: dict[int, Place] = {}  # the first noted place of each stream

    def note(self, number: int, place: Place) -> None:
        """Record that an envelope touches a stream."""
        self._rows.append((number, place))
        self.first.setdefault(number, place)

    def so_far(self, number: int) -> list[int]:
        """The positions of all envelopes of a stream, also of those not written yet."""
        written = [place.position for place in envelopes_of(self._written, number)]
        return written + [place.position for stream, place in self._rows if stream == number]

    def flush(self) -> None:
        """Write the noted places, and join them to the extents."""
        if not self._rows:
            return
        rows = sorted(self._rows)
        places = [place for _, place in self._rows]
        self._rows.clear()
        self.first.clear()
        in_log = {
            block.to_bytes(8, "big"): _extent(list(group))
            for block, group in groupby(places, key=_block_of)
        }
        of_streams = {
            number.to_bytes(4, "big"): _extent([place for _, place in group])
            for number, group in groupby(rows, key=itemgetter(0))
        }
        whole: dict[bytes, Extent] = {}
        for number, extent in of_streams.items():
            block = number[:BLOCK_BYTES]
            whole[block] = _joined(whole[block], extent) if block in whole else extent
        self._put(EXTENTS, of_streams)
        self._put(BLOCKS, whole)
        self._put(LOG_BLOCKS, in_log)
        self._written.put_many(
            TIMELINE,
            [
                (_NUMBER_AND_POSITION.pack(number, position), _TIME_AND_EVENTS.pack(*rest))
                for number, (position, *rest) in rows
            ],
        )

    def _put(self, name: str, changed: dict[bytes, Extent]) -> None:
        rows: list[tuple[bytes, bytes]] = []
        for key, extent in changed.items():
            value = self._written.get(name, key)
            joined = extent if value is None else _joined(Extent(*_EXTENT.unpack(value)), extent)
            rows.append((key, _EXTENT.pack(*joined)))
            if name == EXTENTS and not joined.ordered:
                self._written.put(DISORDERED, key, b"")
        self._written.put_many(name, rows)


def _block_of(place: Place) -> int:
    return (place.position - 1) // LOG_BLOCK


def _extent(places: list[Place]) -> Extent:
    """The extent of envelopes in order of their positions."""
    if len(places) == 1:
        position, recorded, events = places[0]
        return Extent(position, position, recorded, recorded, events)
    times = [place.recorded for place in places]
    ordered = sorted(times)
    first, last = places[0].position, places[-1].position
    events = sum(place.events for place in places)
    return Extent(first, last, ordered[0], ordered[-1], events, times == ordered)


def _joined(extent: Extent, later: Extent) -> Extent:
    """The extent of both; the envelopes of `later` came here later."""
    return Extent(
        min(extent.first, later.first),
        max(extent.last, later.last),
        min(extent.earliest, later.earliest),
        max(extent.latest, later.latest),
        extent.events + later.events,
        extent.ordered and later.ordered and extent.latest <= later.earliest,
    )
