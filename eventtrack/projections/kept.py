"""Kept rows: rows of runs as they were before an envelope touched them again after a rest.

A question about a moment reads them instead of folding the run anew (docs/past.md). The folds write
two tables:

- `kept_runs`: `run number (u32) ‖ position (u64) of the envelope that touched the run` -> the
  position of the run's envelope before that one, the greatest recorded time before that one, the
  touching envelope's recorded time (u64 each), then the run's row as it was.
- `gone_index`, rows that left the search index: `index row ‖ position at which it left (u64)` ->
  the position at which it had come.

A row of the search index itself has as its value the position at which it came, if a row of its run
had been kept by then; else it is empty, since every kept row of its run came later.

A run that is touched again soon keeps no row: else a training would keep one for each of its steps.
So at any moment at most `REST_POSITIONS` runs are in the middle of something, and `past` folds
those anew.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from eventtrack.limits import FOLD_ENVELOPES_MAX
from eventtrack.projections import run_rows, timeline
from eventtrack.projections.rows import Rows, WritableRows, below, end_of
from eventtrack.projections.state import RunState
from eventtrack.projections.timeline import Place

KEPT, GONE = "kept_runs", "gone_index"
# A run rests once this many envelopes came behind its last one. It is the size of a fold's batch:
# so runs without a kept row have all their envelopes around the moment within about a batch.
REST_POSITIONS = FOLD_ENVELOPES_MAX
POSITION_BYTES = 8
_HEADER = struct.Struct(">3Q")


class Kept(NamedTuple):
    """The times around a kept row: of the envelope that touched the run, and of those before it."""

    position: int  # of the envelope that touched the run, at which the row was kept
    last: int  # position of the run's envelope before it
    latest: int  # greatest recorded time of the run's envelopes before it
    recorded: int  # recorded time of the envelope that touched the run


def versions(rows: Rows, block: bytes) -> Iterator[tuple[bytes, Kept]]:
    """The kept rows of a block of runs, in order of run numbers, then of positions."""
    for key, value in below(rows, KEPT, block):
        position = int.from_bytes(key[4:], "big")
        yield key[:4], Kept(position, *_HEADER.unpack_from(value))


def row_of(rows: Rows, number: bytes, position: int) -> bytes:
    """The row that a run had before it was touched at a position."""
    value = rows.get(KEPT, number + position.to_bytes(POSITION_BYTES, "big"))
    assert value is not None, "a kept row is there"
    return bytes(value[_HEADER.size :])


def came(value: bytes | None) -> int:
    """The position at which a row of the index came; 0 if no row of its run was kept before."""
    return int.from_bytes(value, "big") if value else 0


class Keeper:
    """Keeps rows within one write transaction of a fold.

    Args:
        last: For each run, the position at which a row was kept last; shared by transactions.
    """

    def __init__(self, rows: WritableRows, last: dict[int, int]) -> None:
        self._rows = rows
        self._last = last

    def keep(self, number: int, touched: Place, run: RunState | None) -> None:
        """Keep the row of a run that rested. Call this before what was folded is written.

        Args:
            run: The run as it is about to be written; None if its row does not change.
        """
        extent = timeline.extent_of(self._rows, number)
        if extent is None or touched.position - extent.last < REST_POSITIONS:
            return
        row = self._rows.get("runs", number.to_bytes(4, "big"))
        if row is None:
            return
        if run is None or run.wide:
            row = run_rows.whole(self._rows, row)
        key = number.to_bytes(4, "big") + touched.position.to_bytes(POSITION_BYTES, "big")
        value = _HEADER.pack(extent.last, extent.latest, touched.recorded) + row
        self._rows.put(KEPT, key, value)
        self._last[number] = touched.position

    def coming(self, number: int, touched: Place) -> bytes:
        """The value of the rows that come into the index with an envelope; see `came`."""
        if not self._last_kept(number):
            return b""
        return touched.position.to_bytes(POSITION_BYTES, "big")

    def keeps_none(self, number: int) -> None:
        """Note that a run is new: no row of it was ever kept."""
        self._last[number] = 0

    def remove(self, table: str, row: bytes, number: int, position: int) -> None:
        """Take a row out of the index. If a kept row of its run needs it, it moves to `GONE`."""
        value = self._rows.pop(table, row)
        if value is not None and came(value) < self._last_kept(number):
            self._rows.put(GONE, row + position.to_bytes(POSITION_BYTES, "big"), value)

    def _last_kept(self, number: int) -> int:
        known = self._last.get(number)
        if known is None:
            known = self._last[number] = self._find_last(number.to_bytes(4, "big"))
        return known

    def _find_last(self, number: bytes) -> int:
        key = next(self._rows.keys(KEPT, number, end_of(number), reverse=True), None)
        return 0 if key is None else int.from_bytes(key[4:], "big")
