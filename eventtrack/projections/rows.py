"""Rows: sorted tables of keys and values in one transaction. Folds and readers see only this port.

`LmdbRows` gives the rows of a build, and writes them. `past_rows.MomentRows` gives the rows as they
were at a moment. Tables are named; keys are sorted by their bytes.
"""

from collections.abc import Iterable, Iterator
from itertools import takewhile
from typing import Any, Protocol

from eventtrack.log.environment import Transaction
from eventtrack.log.rows import table_rows
from eventtrack.projections import keys
from eventtrack.projections.shared_rows import SHARED, SharedRows

Row = tuple[bytes, bytes]


class Rows(Protocol):
    """Reads of tables. Every range is half-open: `start` belongs to it, `stop` does not."""

    def get(self, table: str, key: bytes) -> bytes | None:
        """The value of a row; None if there is no such row."""
        ...

    def scan(
        self, table: str, start: bytes = b"", stop: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[Row]:
        """The rows with keys from `start` to before `stop` (None: to the end), in order of keys.

        Args:
            reverse: Whether to begin with the last row.
        """
        ...

    def keys(
        self, table: str, start: bytes = b"", stop: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[bytes]:
        """The keys of `scan`, without the cost of values."""
        ...

    def count(self, table: str) -> int:
        """The number of rows of a table; of a moment, an upper bound."""
        ...


class WritableRows(Rows, Protocol):
    """Reads and writes of tables. A read sees the writes before it."""

    def put(self, table: str, key: bytes, value: bytes) -> None:
        """Write a row, in place of a row with the same key."""
        ...

    def put_many(self, table: str, rows: Iterable[Row]) -> None:
        """Write rows. Sort them first: then they land on neighbouring pages."""
        ...

    def delete(self, table: str, key: bytes) -> None:
        """Delete a row, if it is there."""
        ...

    def pop(self, table: str, key: bytes) -> bytes | None:
        """Delete a row and return its value; None if there is no such row."""
        ...


class View:
    """One transaction of the views: rows, and the numbers that streams have in them."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows

    def number(self, stream: str) -> int | None:
        """The local number of a stream; None for an unknown stream."""
        value = self.rows.get("streams", keys.name(stream))
        return None if value is None else int.from_bytes(value, "big")


class Writer(Protocol):
    """One transaction of a fold, as the modules of single tables use it."""

    @property
    def rows(self) -> WritableRows:
        """The rows, to read and to write."""
        ...

    def stream_number(self, stream: str) -> int:
        """The local number of a stream; a new number if it has none."""
        ...


class LmdbRows:
    """The rows of a transaction of an LMDB environment.

    Args:
        tables: LMDB's handle of each table, by its name.
    """

    __slots__ = ("_tables", "_txn")

    def __init__(self, txn: Transaction, tables: dict[str, Any]) -> None:
        self._txn = txn
        self._tables = tables

    def get(self, table: str, key: bytes) -> bytes | None:
        """See `Rows`."""
        if table == SHARED:
            return self._shared().get(key)
        return self._txn.get(key, db=self._tables[table])

    def scan(
        self, table: str, start: bytes = b"", stop: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[Row]:
        """See `Rows`."""
        if table == SHARED:
            return self._shared().scan(start, stop, reverse=reverse)
        cursor = self._txn.cursor(self._tables[table])
        if reverse:
            rows = cursor.iterprev() if _to_last(cursor, stop) else iter(())
            return takewhile(lambda row: row[0] >= start, rows)
        rows = cursor.iternext() if cursor.set_range(start) else iter(())
        return rows if stop is None else takewhile(lambda row: row[0] < stop, rows)

    def keys(
        self, table: str, start: bytes = b"", stop: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[bytes]:
        """See `Rows`. Runs no Python code for each row: searches walk many."""
        if table == SHARED:
            return self._shared().keys(start, stop, reverse=reverse)
        cursor = self._txn.cursor(self._tables[table])
        if reverse:
            rows = cursor.iterprev(values=False) if _to_last(cursor, stop) else iter(())
            return takewhile(start.__le__, rows)
        rows = cursor.iternext(values=False) if cursor.set_range(start) else iter(())
        return rows if stop is None else takewhile(stop.__gt__, rows)

    def count(self, table: str) -> int:
        """See `Rows`."""
        return table_rows(self._txn, self._tables[table])

    def put(self, table: str, key: bytes, value: bytes) -> None:
        """See `WritableRows`."""
        if table == SHARED:
            self._shared().put(key, value)
        else:
            self._txn.put(key, value, db=self._tables[table])

    def put_many(self, table: str, rows: Iterable[Row]) -> None:
        """See `WritableRows`."""
        if table == SHARED:
            self._shared().put_many(rows)
        else:
            self._txn.cursor(self._tables[table]).putmulti(rows)

    def delete(self, table: str, key: bytes) -> None:
        """See `WritableRows`."""
        if table == SHARED:
            self._shared().pop(key)
        else:
            self._txn.delete(key, db=self._tables[table])

    def pop(self, table: str, key: bytes) -> bytes | None:
        """See `WritableRows`."""
        if table == SHARED:
            return self._shared().pop(key)
        return self._txn.pop(key, db=self._tables[table])

    def _shared(self) -> SharedRows:
        return SharedRows(self._txn, self._tables[SHARED])


def _to_last(cursor: Any, stop: bytes | None) -> bool:
    """Go to the last row below `stop`; False if there is none."""
    if stop is not None and cursor.set_range(stop):
        return bool(cursor.prev())
    return bool(cursor.last())


def below(rows: Rows, table: str, prefix: bytes) -> Iterator[Row]:
    """The rows whose keys begin with a prefix, in order of keys."""
    return rows.scan(table, prefix, end_of(prefix))


def end_of(prefix: bytes) -> bytes | None:
    """The least key above all keys that begin with a prefix; None if there is none."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes((stem[-1] + 1,)) if stem else None
