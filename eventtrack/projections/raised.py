"""Which envelope of a stream counts as its latest, where that is not the one recorded last.

`raised` has a row for each stream with an envelope that was decided after another, whose time lies
ahead: `stream number (u32)` -> the greatest effective time of such ones, and its position.
"""

import struct

from eventtrack.events.envelope import After, Draft, Envelope
from eventtrack.log.protocol import LogTransaction
from eventtrack.projections import timeline
from eventtrack.projections.tables import Reader, Tables

TABLE = "raised"
_ROW = struct.Struct(">QQ")


def note(tables: Tables, envelope: Envelope) -> None:
    """Record that an envelope counts as of a later time than its own."""
    key = tables.stream_number(envelope.header.stream).to_bytes(4, "big")
    row = _ROW.pack(envelope.effective, envelope.position)
    if row > (tables.txn.get(key, db=tables.tables[TABLE]) or b""):
        tables.txn.put(key, row, db=tables.tables[TABLE])


def superseded(reader: Reader, log: LogTransaction, draft: Draft) -> After | None:
    """The envelope that a draft is decided after, where its own time would not say so.

    Args:
        log: The transaction to which the draft is about to be appended.
    """
    now = log.next_recorded()
    found = (beyond(reader, stream, now) for stream in (draft.stream, *draft.beside))
    last = max((one for one in found if one is not None), default=None)
    envelope = None if last is None else log.get(last[1])
    return None if envelope is None else After(envelope.name, envelope.header.index)


def beyond(reader: Reader, stream: str, time: int) -> tuple[int, int] | None:
    """The effective time and position of the latest envelope of a stream, if not before `time`."""
    number = reader.number(stream)
    if number is None:
        return None
    recorded, (height, position) = _latest(reader, number)
    if max(recorded, height) < time:
        return None
    if recorded <= height:
        return height, position
    return max((one.recorded, one.position) for one in timeline.envelopes_of(reader, number))


def latest(reader: Reader, number: int) -> int:
    """The latest effective time of a stream, by its local number; 0 for one never touched."""
    recorded, (height, _) = _latest(reader, number)
    return max(recorded, height)


def _latest(reader: Reader, number: int) -> tuple[int, tuple[int, int]]:
    extent = timeline.extent_of(reader, number)
    row = reader.txn.get(number.to_bytes(4, "big"), db=reader.tables[TABLE])
    return 0 if extent is None else extent.latest, (0, 0) if row is None else _ROW.unpack(row)
