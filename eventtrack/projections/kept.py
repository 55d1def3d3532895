"""Rows of runs as they were before they changed again after a rest: the past without a fold.

`kept_runs` has for a run that was left alone for a while, and then touched again, the row it had:
`run number (u32) ‖ position (u64) of what touched it` -> the position before, the greatest recorded
time before, the recorded time at the position (u64 each), then the row. `gone_index` has the
rows that left the search index since: `row ‖ position at which it left (u64)` -> the position at
which it had come. So has a row of the index that came later than its run; the others are empty.

What is touched again soon keeps nothing: a training would keep a row for each of its steps. At most
so many runs are in the middle of something at any moment, and those are folded anew (`past`).
"""

import struct
from collections.abc import Iterator
from itertools import takewhile
from typing import Any, NamedTuple, Protocol

from eventtrack.limits import FOLD_ENVELOPES_MAX
from eventtrack.log.environment import Transaction
from eventtrack.projections import timeline
from eventtrack.projections.timeline import Place

KEPT, GONE = "kept_runs", "gone_index"
# A run rests when so many envelopes of others came behind its last: as many as a batch holds, so
# that what is not kept lies within a batch, or as near.
REST_POSITIONS = FOLD_ENVELOPES_MAX
POSITION_BYTES = 8
_HEADER = struct.Struct(">3Q")


class Source(Protocol):
    """Where tables are read and written: the views."""

    txn: Transaction
    tables: dict[str, Any]


class Kept(NamedTuple):
    """When a run was touched whose row was kept, and when it had been touched last before."""

    position: int
    last: int
    latest: int
    recorded: int


def versions(source: Source, block: bytes) -> Iterator[tuple[bytes, Kept]]:
    """What was kept of the runs of a block of numbers: in order of numbers, then of positions."""
    cursor = source.txn.cursor(source.tables[KEPT])
    rows = cursor.iternext() if cursor.set_range(block) else iter(())
    for key, value in takewhile(lambda row: row[0].startswith(block), rows):
        position = int.from_bytes(key[4:], "big")
        yield key[:4], Kept(position, *_HEADER.unpack_from(value))


def row_of(source: Source, number: bytes, position: int) -> bytes:
    """The row that was kept of a run when it was touched at a position."""
    key = number + position.to_bytes(POSITION_BYTES, "big")
    value = source.txn.get(key, db=source.tables[KEPT])
    assert value is not None, "what was kept is there"
    return bytes(value[_HEADER.size :])


def came(value: bytes | None) -> int:
    """The position at which a row of the index came; 0 for one that is as old as its run."""
    return int.from_bytes(value, "big") if value else 0


class Keeper:
    """Keeps rows within one write transaction of a fold.

    Args:
        last: Of runs, the position for which a row was kept last; shared by transactions.
    """

    def __init__(self, source: Source, last: dict[int, int]) -> None:
        self._source = source
        self._last = last

    def keep(self, number: int, touched: Place) -> None:
        """Keep a run's row, if it rested, before what touches it now is written."""
        extent = timeline.extent_of(self._source, number)
        if extent is None or touched.position - extent.last < REST_POSITIONS:
            return
        txn, tables = self._source.txn, self._source.tables
        row = txn.get(number.to_bytes(4, "big"), db=tables["runs"])
        if row is None:
            return
        key = number.to_bytes(4, "big") + touched.position.to_bytes(POSITION_BYTES, "big")
        value = _HEADER.pack(extent.last, extent.latest, touched.recorded) + row
        txn.put(key, value, db=tables[KEPT])
        self._last[number] = touched.position

    def remove(self, row: bytes, number: int, position: int) -> None:
        """Take a row out of the index; one that a kept state of its run needs is kept too."""
        txn, tables = self._source.txn, self._source.tables
        value = txn.pop(row, db=tables["index"])
        if value is not None and came(value) < self._last_kept(number):
            key = row + position.to_bytes(POSITION_BYTES, "big")
            txn.put(key, bytes(value), db=tables[GONE])

    def _last_kept(self, number: int) -> int:
        known = self._last.get(number)
        if known is None:
            known = self._last[number] = self._find_last(number.to_bytes(4, "big"))
        return known

    def _find_last(self, number: bytes) -> int:
        cursor = self._source.txn.cursor(self._source.tables[KEPT])
        beyond = number + b"\xff" * POSITION_BYTES
        found = cursor.prev() if cursor.set_range(beyond) else cursor.last()
        if not found or cursor.key()[:4] != number:
            return 0
        return int.from_bytes(cursor.key()[4:], "big")
