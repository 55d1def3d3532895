"""Rows of a past state: those of the live views that were so then, and those folded anew, as one.

Every table says whose its rows are: which bytes of a key are the number of the stream.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, Protocol

from eventtrack.projections.timeline import BLOCK_BYTES

_FIRST, _LAST = slice(0, 4), slice(-4, None)
# Rows without an owner only give numbers to names, or are found by a number that only one has.
OWNERS: dict[str, slice | None] = {
    "meta": None,
    "streams": None,
    "fields": None,
    "points": None,
    "extent_blocks": None,
    "log_blocks": None,
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
    "traces": _FIRST,
    "traces_by_time": _LAST,
    "spans": _FIRST,
    "span_bodies": _FIRST,
}


class Hidden:
    """The streams whose live rows are not those of the moment: whole blocks of them, and others."""

    def __init__(self) -> None:
        self.blocks: set[bytes] = set()  # the first bytes of their numbers
        self.numbers: set[bytes] = set()

    def __contains__(self, number: object) -> bool:
        assert isinstance(number, bytes)
        return number in self.numbers or number[:BLOCK_BYTES] in self.blocks

    def __bool__(self) -> bool:
        return bool(self.blocks or self.numbers)


Row = Any  # a key, or a pair of key and value


class Needs(Protocol):
    """Folds streams when their rows are about to be met."""

    def need(self, number: bytes | None) -> None:
        """Fold one stream, or None for all."""
        ...


class PastCursor:
    """As much of LMDB's cursor as the readers and folds of the views use."""

    def __init__(
        self, needs: Needs, owner: slice | None, hidden: Hidden, own: Any, live: Any
    ) -> None:
        self._needs = needs
        self._owner = owner
        self._hidden = hidden
        self._own = own
        self._live = live
        self._row: tuple[bytes, bytes] | None = None

    def set_range(self, key: bytes) -> bool:
        """Go to the first row that is not below a key; False where there is none."""
        if self._owner is not None:
            self._needs.need(key[:4] if self._owner == _FIRST and len(key) >= 4 else None)
        return self._go(self._forward(key, keys_only=False))

    def last(self) -> bool:
        """Go to the last row."""
        self._needs.need(None)
        return self._go(self._backward(None, keys_only=False))

    def prev(self) -> bool:
        """Go to the row before."""
        below = self._backward(self.key(), keys_only=False)
        next(below, None)
        return self._go(below)

    def key(self) -> bytes:
        """The key of the row that the cursor is at; empty for none."""
        return self._row[0] if self._row is not None else b""

    def value(self) -> bytes:
        """The value of that row."""
        return self._row[1] if self._row is not None else b""

    def iternext(self, *, keys: bool = True, values: bool = True) -> Iterator[Row]:
        """This row, or the first, and those behind it."""
        if self._row is None:
            self._needs.need(None)
        rows = self._forward(self.key(), keys_only=not values)
        return rows if keys else (row[1] for row in rows)

    __iter__ = iternext

    def iterprev(self, *, values: bool = True) -> Iterator[Row]:
        """This row and those before it."""
        return self._backward(self.key(), keys_only=not values)

    def putmulti(self, rows: Iterable[tuple[bytes, bytes]]) -> None:
        """Write rows of streams that are folded anew."""
        self._own.putmulti(rows)

    def _go(self, rows: Iterator[tuple[bytes, bytes]]) -> bool:
        self._row = next(rows, None)
        return self._row is not None

    def _forward(self, start: bytes, *, keys_only: bool) -> Iterator[Row]:
        found = [
            one.iternext(values=not keys_only) if one.set_range(start) else iter(())
            for one in (self._own, self._live)
        ]
        return _merged(found[0], self._shown(found[1], keys_only), keys_only, reverse=False)

    def _backward(self, start: bytes | None, *, keys_only: bool) -> Iterator[Row]:
        found = [
            one.iterprev(values=not keys_only) if _go_back(one, start) else iter(())
            for one in (self._own, self._live)
        ]
        return _merged(found[0], self._shown(found[1], keys_only), keys_only, reverse=True)

    def _shown(self, rows: Iterator[Row], keys_only: bool) -> Iterator[Row]:
        owner, blocks, numbers = self._owner, self._hidden.blocks, self._hidden.numbers
        if owner is None or not self._hidden:
            return rows
        block = slice(owner.start, owner.start + BLOCK_BYTES)
        # Without a call for each row: there may be as many as there are runs.
        if keys_only:
            return (row for row in rows if row[block] not in blocks and row[owner] not in numbers)
        return (row for row in rows if row[0][block] not in blocks and row[0][owner] not in numbers)


def _go_back(cursor: Any, start: bytes | None) -> bool:
    """Go to the last row that is not above a key; None stands for the last of all."""
    if start is None or not cursor.set_range(start):
        return bool(cursor.last())
    return True if cursor.key() == start else bool(cursor.prev())


def _merged(
    own: Iterator[Row], live: Iterator[Row], keys_only: bool, *, reverse: bool
) -> Iterator[Row]:
    """Two sorted walks as one. What was folded anew stands before a live row of the same key."""
    head = next(own, None)
    return live if head is None else _interleaved(chain((head,), own), live, keys_only, reverse)


def _interleaved(
    own: Iterator[Row], live: Iterator[Row], keys_only: bool, reverse: bool
) -> Iterator[Row]:
    other = next(live, None)
    for row in own:
        key = row if keys_only else row[0]
        while other is not None:
            rival = other if keys_only else other[0]
            if rival == key:
                other = next(live, None)
                break
            if (rival > key) != reverse:
                break
            yield other
            other = next(live, None)
        yield row
    if other is not None:
        yield other
        yield from live
