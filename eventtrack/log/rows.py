"""Rows of the log's tables: keys, and envelopes by position."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

from eventtrack.events.envelope import Envelope, header_stop
from eventtrack.limits import READ_BYTES_MAX
from eventtrack.log.environment import Transaction

POSITION_BYTES = 8
# By position, the effective times of envelopes that were decided after others (see `heights`).
HEIGHTS = "heights"


def key_of(number: int) -> bytes:
    """A number as a key: big-endian, so that byte order is numeric order."""
    return number.to_bytes(POSITION_BYTES, "big")


def replica_of(txn: Transaction, meta: Any) -> bytes:
    """The id of the feed that this copy's own appends extend: 16 bytes."""
    replica = txn.get(b"replica", db=meta)
    assert replica is not None  # settled when the log was opened
    return bytes(replica)


def last_position(txn: Transaction, table: Any) -> int:
    """The position of the newest envelope, 0 for none."""
    cursor = txn.cursor(table)
    return int.from_bytes(cursor.key(), "big") if cursor.last() else 0


def get(txn: Transaction, tables: dict[str, Any], position: int) -> Envelope | None:
    """The envelope at a position; None beyond the log."""
    data = txn.get(key_of(position), db=tables["events"])
    return None if data is None else _envelope(txn, tables, data, position)


def get_many(txn: Transaction, tables: dict[str, Any], positions: Sequence[int]) -> list[Envelope]:
    """The envelopes at positions, in that order; only the first of them where memory asks for it.

    Stops behind the envelope that exceeds `READ_BYTES_MAX`.
    """
    envelopes: list[Envelope] = []
    size = 0
    for position in positions:
        data = txn.get(key_of(position), db=tables["events"]) or b""
        envelopes.append(_envelope(txn, tables, data, position))
        size += len(data)
        if size > READ_BYTES_MAX:
            break
    return envelopes


def read(txn: Transaction, tables: dict[str, Any], after: int, limit: int) -> list[Envelope]:
    """Envelopes with positions above `after`, in order; stops as `get_many` does."""
    envelopes: list[Envelope] = []
    cursor = txn.cursor(tables["events"])
    if not cursor.set_range(key_of(after + 1)):
        return envelopes
    size = 0
    for key, value in cursor.iternext():
        envelopes.append(_envelope(txn, tables, value, int.from_bytes(key, "big")))
        size += len(value)
        if len(envelopes) >= limit or size > READ_BYTES_MAX:
            break
    return envelopes


def headers(txn: Transaction, tables: dict[str, Any], after: int, limit: int) -> list[Envelope]:
    """Envelopes as `read` gives them, without payloads.

    Args:
        txn: Its reads give buffers: then the pages of a large payload are not touched.
    """
    cursor = txn.cursor(tables["events"])
    if not cursor.set_range(key_of(after + 1)):
        return []
    return [
        _envelope(txn, tables, bytes(value[: header_stop(value)]), int.from_bytes(key, "big"))
        for key, value in islice(cursor.iternext(), limit)
    ]


def table_rows(txn: Transaction, table: Any) -> int:
    """The number of rows of a table."""
    return int(txn.stat(table)["entries"])


def _envelope(txn: Transaction, tables: dict[str, Any], data: bytes, position: int) -> Envelope:
    envelope = Envelope.kept(data, position)
    if envelope.header.after is not None:
        height = txn.get(key_of(position), db=tables[HEIGHTS])
        if height is not None:
            envelope.effective = int.from_bytes(height, "big")
    return envelope
