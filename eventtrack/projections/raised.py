"""Raised envelopes: they count as later than their recorded time (`log.heights`).

An envelope is raised if it was decided after an envelope whose time lies ahead. `raised` has a row
for each stream with such envelopes: `stream number (u32)` -> their greatest effective time, and the
position of that envelope.
"""

import struct

from eventtrack.events.envelope import After, Draft, Envelope
from eventtrack.log.protocol import LogTransaction
from eventtrack.projections import timeline
from eventtrack.projections.tables import Reader, Tables

TABLE = "raised"
_ROW = struct.Struct(">QQ")


def note(tables: Tables, envelope: Envelope) -> None:
    """Record that an envelope counts as later than its recorded time."""
    key = tables.stream_number(envelope.header.stream).to_bytes(4, "big")
    row = _ROW.pack(envelope.effective, envelope.position)
    if row > (tables.rows.get(TABLE, key) or b""):
        tables.rows.put(TABLE, key, row)


def superseded(reader: Reader, log: LogTransaction, draft: Draft) -> After | None:
    """The envelope that a draft is decided after, if the draft's own time would not come after it.

    Args:
        log: The transaction to which the draft is about to be appended.
    """
    now = log.next_recorded()
    candidates = (beyond(reader, stream, now) for stream in (draft.stream, *draft.beside))
    last = max((latest for latest in candidates if latest is not None), default=None)
    envelope = None if last is None else log.get(last[1])
    return None if envelope is None else After(envelope.name, envelope.header.index)


def beyond(reader: Reader, stream: str, time: int) -> tuple[int, int] | None:
    """The effective time and position of a stream's latest envelope, unless it is before `time`."""
    number = reader.number(stream)
    if number is None:
        return None
    recorded, (height, position) = _latest(reader, number)
    if max(recorded, height) < time:
        return None
    if recorded <= height:
        return height, position
    return max(
        (place.recorded, place.position) for place in timeline.envelopes_of(reader.rows, number)
    )


def latest(reader: Reader, number: int) -> int:
    """The latest effective time of a stream, by its local number; 0 for one without envelopes."""
    recorded, (height, _) = _latest(reader, number)
    return max(recorded, height)


def _latest(reader: Reader, number: int) -> tuple[int, tuple[int, int]]:
    extent = timeline.extent_of(reader.rows, number)
    row = reader.rows.get(TABLE, number.to_bytes(4, "big"))
    return 0 if extent is None else extent.latest, (0, 0) if row is None else _ROW.unpack(row)
