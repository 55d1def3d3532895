"""Arrival times: when envelopes of other feeds came here, by this machine's clock; a row a commit.

An envelope's header says when it was recorded, by the writer's clock. The arrival is a fact of this
copy alone, so it is kept beside the envelopes and never leaves the machine.
"""

import struct
from typing import Any

from eventtrack.log import rows
from eventtrack.log.environment import Transaction

TABLE = "arrivals"
_LAST_AND_MS = struct.Struct(">QQ")


class Arrivals:
    """The positions of the envelopes that one transaction brings from other feeds."""

    def __init__(self) -> None:
        self._spans: list[list[int]] = []

    def note(self, position: int) -> None:
        """Note that an envelope of another feed was stored at a position."""
        if self._spans and self._spans[-1][1] == position - 1:
            self._spans[-1][1] = position
        else:
            self._spans.append([position, position])

    def put(self, txn: Transaction, table: Any, now_ms: int) -> None:
        """Write the arrival time of every noted envelope."""
        for first, last in self._spans:
            txn.put(rows.key_of(first), _LAST_AND_MS.pack(last, now_ms), db=table)


def find(txn: Transaction, table: Any, position: int) -> int | None:
    """The arrival time of the envelope at a position, in ms; None if it was recorded here."""
    cursor, key = txn.cursor(table), rows.key_of(position)
    beyond = cursor.set_range(key)
    if not (beyond and cursor.key() == key) and not (cursor.prev() if beyond else cursor.last()):
        return None
    last, at_ms = _LAST_AND_MS.unpack(cursor.value())
    return int(at_ms) if position <= last else None
