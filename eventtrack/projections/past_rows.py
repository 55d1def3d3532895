"""The rows of a moment as one sorted table: live rows that count, gone rows, rows folded anew.

`past` decides which rows count (docs/past.md). `OWNERS` says for each table which bytes of a key
are the number of the stream that the row belongs to.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Any, Protocol

_FIRST, _LAST = slice(0, 4), slice(-4, None)
# Rows without an owner give numbers to names, or are reached only through the row of a stream.
OWNERS: dict[str, slice | None] = {
    "meta": None,
    "streams": None,
    "fields": None,
    "points": None,
    "extent_blocks": None,
    "log_blocks": None,
    "disordered": _FIRST,
    "kept_runs": _FIRST,
    "gone_index": slice(-12, -8),
    "timeline": _FIRST,
    "extents": _FIRST,
    "experiments": _FIRST,
    "names": _LAST,
    "runs": _FIRST,
    "models": _FIRST,
    "model_points": _FIRST,
    "registered": _FIRST,
    "registered_names": _LAST,
    "registered_versions": _FIRST,
    "sessions": _FIRST,
    "artifacts": _FIRST,
    "index": _LAST,
    "unknown": _FIRST,
    "skipped": _FIRST,
    "raised": _FIRST,
    "traces": _FIRST,
    "traces_by_time": _LAST,
    "spans": _FIRST,
    "span_bodies": _FIRST,
    "datasets": _FIRST,
    "dataset_records": _FIRST,
    "dataset_order": _FIRST,
    "scorers": _FIRST,
}


Row = tuple[bytes, bytes]


class Needs(Protocol):
    """Folds streams before their rows are read."""

    def need(self, number: bytes) -> None:
        """Fold a stream, if its rows of the moment are not there yet."""
        ...

    def need_table(self, db: str) -> None:
        """Fold every stream with rows in a table whose rows of the moment are not there yet."""
        ...


class Walk:
    """One of the sorted tables that together make a table of the moment.

    Args:
        cursor: LMDB's cursor of the table.
        shown: Filters the rows that were there at the moment; all by default.
        cut: The number of bytes at the end of a key that do not belong to the row's own key.
    """

    def __init__(
        self,
        cursor: Any,
        shown: Callable[[Iterator[Row]], Iterator[Row]] | None = None,
        cut: int = 0,
    ) -> None:
        self._cursor = cursor
        self._filter = shown
        self._cut = cut
        self.putmulti = cursor.putmulti

    def forward(self, start: bytes) -> Iterator[Row]:
        """The rows from a key on."""
        rows = self._cursor.iternext() if self._cursor.set_range(start) else iter(())
        return self._shown(rows)

    def backward(self, start: bytes | None) -> Iterator[Row]:
        """The rows up to a key, from the last to the first; all rows for None."""
        if start is not None and self._cut:
            start += b"\xff" * self._cut
        rows = self._cursor.iterprev() if _go_back(self._cursor, start) else iter(())
        return self._shown(rows)

    def _shown(self, rows: Iterator[Row]) -> Iterator[Row]:
        shown, cut = rows if self._filter is None else self._filter(rows), self._cut
        return ((row[0][:-cut], row[1]) for row in shown) if cut else shown


class PastCursor:
    """As much of LMDB's cursor as the readers and folds of the views use.

    Args:
        owner: The bytes of a key that are the number of the stream. None if the rows have no
            owner, or if all owners are folded beforehand.
        walks: Of rows with one key, the row of the earliest walk is shown. The first is written to.
    """

    def __init__(self, needs: Needs, db: str, owner: slice | None, walks: Sequence[Walk]) -> None:
        self._needs = needs
        self._db = db
        self._owner = owner
        self._walks = walks
        self._row: Row | None = None

    def set_range(self, key: bytes) -> bool:
        """Go to the first row that is not below a key; False if there is none."""
        if self._owner == _FIRST and len(key) >= 4:
            self._needs.need(key[:4])
        else:
            self._needs.need_table(self._db)
        return self._go(self._forward(key))

    def last(self) -> bool:
        """Go to the last row."""
        self._needs.need_table(self._db)
        return self._go(self._backward(None))

    def prev(self) -> bool:
        """Go to the row before the present row."""
        below = self._backward(self.key())
        next(below, None)
        return self._go(below)

    def key(self) -> bytes:
        """The key of the present row; empty for none."""
        return self._row[0] if self._row is not None else b""

    def value(self) -> bytes:
        """The value of the present row; empty for none."""
        return self._row[1] if self._row is not None else b""

    def iternext(self, *, keys: bool = True, values: bool = True) -> Iterator[Any]:
        """The present row, or else the first, and all rows behind it."""
        if self._row is None:
            self._needs.need_table(self._db)
        return _parts(self._forward(self.key()), keys, values)

    __iter__ = iternext

    def iterprev(self, *, values: bool = True) -> Iterator[Any]:
        """The present row and all rows before it, backwards."""
        return _parts(self._backward(self.key()), True, values)

    def putmulti(self, rows: Iterable[Row]) -> None:
        """Write rows of streams that are folded anew."""
        self._walks[0].putmulti(rows)

    def _go(self, rows: Iterator[Row]) -> bool:
        self._row = next(rows, None)
        return self._row is not None

    def _forward(self, start: bytes) -> Iterator[Row]:
        return _merged([walk.forward(start) for walk in self._walks], reverse=False)

    def _backward(self, start: bytes | None) -> Iterator[Row]:
        return _merged([walk.backward(start) for walk in self._walks], reverse=True)


def _parts(rows: Iterator[Row], keys: bool, values: bool) -> Iterator[Any]:
    """Keys, values or both."""
    if keys and values:
        return rows
    return map(itemgetter(0 if keys else 1), rows)


def _go_back(cursor: Any, start: bytes | None) -> bool:
    """Go to the last row that is not above a key; to the last of all for None."""
    if start is None or not cursor.set_range(start):
        return bool(cursor.last())
    return True if cursor.key() == start else bool(cursor.prev())


def _merged(walks: Sequence[Iterator[Row]], *, reverse: bool) -> Iterator[Row]:
    """Sorted walks merged into one. Of rows with one key, the earliest walk's is shown."""
    rows: Iterator[Row] | None = None
    for walk in reversed(walks):
        head = next(walk, None)
        if head is not None:
            kept = chain((head,), walk)
            rows = kept if rows is None else _interleaved(kept, rows, reverse)
    return iter(()) if rows is None else rows


def _interleaved(rows: Iterator[Row], others: Iterator[Row], reverse: bool) -> Iterator[Row]:
    other = next(others, None)
    for row in rows:
        while other is not None and other[0] != row[0] and (other[0] > row[0]) == reverse:
            yield other
            other = next(others, None)
        if other is not None and other[0] == row[0]:
            other = next(others, None)
        yield row
    if other is not None:
        yield other
        yield from others
