"""A table of keys that come in crowds: keys that differ in their last two bytes alone share a row.

The texts of the search index are such keys. `FINISHED` of runs 7, 8 and 9 are three of them, but
one stored row. Folds and readers see a row for each key: `LmdbRows` passes them what they do with
the table `SHARED`. Stored are rows of two kinds:

- the first of some keys -> a byte 0, then the last two bytes of each further key, in order;
- one key -> its value, of no bytes or of 8.

    status FINISHED 00 00 00 07  ->  00 | 00 08 | 00 09

A key with a value never shares. Stored rows do not overlap, so a walk of them meets all keys in
order.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import chain, dropwhile, groupby, islice, repeat, takewhile
from operator import itemgetter
from struct import Struct
from typing import Any

from eventtrack.log.environment import Transaction

SHARED = "index_texts"
# So many keys share a row at most. A row is written anew with each further key.
KEYS_MAX = 64
# So many rows are read at once; a walk often ends with its first one.
_FIRST_READS, _READ = (1, 8), 64
_MARK = b"\0"
_VALUE_BYTES = 8
# Behind all keys of a stem.
_BEYOND = b"\xff" * 3

Row = tuple[bytes, bytes]
_key_of, _stem_of = itemgetter(0), itemgetter(slice(-2))


@cache
def _lows_of(size: int) -> Callable[[bytes], tuple[bytes, ...]]:
    """Cuts a value of so many bytes into the last bytes of the further keys."""
    return Struct("x" + "2s" * (size // 2)).unpack


def _is_shared(value: bytes) -> bool:
    return len(value) % 2 == 1


def _keys(key: bytes, value: bytes) -> list[bytes]:
    """The keys of a stored row."""
    if not _is_shared(value):
        return [key]
    return [key, *map(key[:-2].__add__, _lows_of(len(value))(value))]


def _rows(keys: list[bytes]) -> list[Row]:
    """The rows to store for neighbouring keys without values."""
    parts = (keys[start : start + KEYS_MAX] for start in range(0, len(keys), KEYS_MAX))
    return [(part[0], _MARK + _lows(part[1:]) if len(part) > 1 else b"") for part in parts]


def _lows(keys: list[bytes]) -> bytes:
    return b"".join([key[-2:] for key in keys])


class SharedRows:
    """The table within one transaction, as `WritableRows` has tables."""

    __slots__ = ("_db", "_txn")

    def __init__(self, txn: Transaction, db: Any) -> None:
        self._txn = txn
        self._db = db

    def get(self, key: bytes) -> bytes | None:
        """The value of a key."""
        row = self._row_of(key)
        if row is None or not _is_shared(row[1]):
            return row[1] if row is not None and row[0] == key else None
        return b"" if key in _keys(*row) else None

    def scan(self, start: bytes, stop: bytes | None, *, reverse: bool) -> Iterator[Row]:
        """The keys of a range, with their values."""
        parts = (
            zip(_turned(_keys(key, value), reverse), repeat(b""))
            if _is_shared(value)
            else ((key, value),)
            for key, value in self._stored(start, stop, reverse=reverse)
        )
        rows: Iterator[Row] = chain.from_iterable(parts)
        if not reverse:
            rows = dropwhile(lambda row: row[0] < start, rows)
            return rows if stop is None else takewhile(lambda row: row[0] < stop, rows)
        if stop is not None:
            rows = dropwhile(lambda row: row[0] >= stop, rows)
        return takewhile(lambda row: row[0] >= start, rows)

    def keys(self, start: bytes, stop: bytes | None, *, reverse: bool) -> Iterator[bytes]:
        """The keys of a range. Runs no Python code for each key: searches walk many."""
        stored = self._stored(start, stop, reverse=reverse)
        return chain.from_iterable(_spread(stored, start, stop, reverse))

    def put(self, key: bytes, value: bytes) -> None:
        """Write a key with its value, of no bytes or of 8."""
        row = self._row_of(key)
        if row is None or len(row[1]) == _VALUE_BYTES:
            self._txn.put(key, value, db=self._db)
            return
        self._txn.delete(row[0], db=self._db)
        others = [other for other in _keys(*row) if other != key]
        if not value:
            self._put(_rows(sorted([*others, key])))
            return
        before, after = (
            _rows([it for it in others if it < key]),
            _rows([it for it in others if it > key]),
        )
        self._put([*before, (key, value), *after])

    def put_many(self, rows: Iterable[Row]) -> None:
        """Write sorted keys with their values. Most keys are of new runs, so behind all others."""
        written = list(rows)
        if not written:
            return
        if any(value for _, value in written):
            for key, value in written:
                self.put(key, value)
            return
        cursor, added = self._txn.cursor(self._db), list[Row]()
        for stem, group in groupby(map(_key_of, written), key=_stem_of):
            keys = list(group)
            # Go to the last row of the stem.
            is_there = cursor.prev() if cursor.set_range(stem + _BEYOND) else cursor.last()
            head, value = cursor.item() if is_there else (b"", b"")
            if head[:-2] == stem:
                last = value[-2:] if _is_shared(value) else head[-2:]
                if keys[0][-2:] <= last:
                    for key in keys:
                        self.put(key, b"")
                    continue
                room = 0 if len(value) == _VALUE_BYTES else KEYS_MAX - 1 - len(value) // 2
                joined, keys = keys[:room], keys[room:]
                if joined:
                    added.append((head, (value or _MARK) + _lows(joined)))
            added += _rows(keys)
        cursor.putmulti(added)

    def pop(self, key: bytes) -> bytes | None:
        """Delete a key and return its value; None if it is not there."""
        row = self._row_of(key)
        if row is None or not _is_shared(row[1]):
            return self._txn.pop(key, db=self._db)
        keys = _keys(*row)
        if key not in keys:
            return None
        self._txn.delete(row[0], db=self._db)
        self._put(_rows([other for other in keys if other != key]))
        return b""

    def _put(self, rows: list[Row]) -> None:
        self._txn.cursor(self._db).putmulti(rows)

    def _row_of(self, key: bytes) -> Row | None:
        """The stored row that has a key, or would have it: the last one up to it of its stem."""
        cursor = self._txn.cursor(self._db)
        if not _to_last_up_to(cursor, key) or cursor.key()[:-2] != key[:-2]:
            return None
        return cursor.item()

    def _stored(self, start: bytes, stop: bytes | None, *, reverse: bool) -> Iterator[Row]:
        """The stored rows that have the keys of a range, and perhaps some around it."""
        cursor = self._txn.cursor(self._db)
        if reverse:
            if stop is not None and cursor.set_range(stop):
                return cursor.iterprev() if cursor.prev() else iter(())
            return cursor.iterprev() if cursor.last() else iter(())
        if not _to_last_up_to(cursor, start) or cursor.key()[:-2] != start[:-2]:
            return cursor.iternext() if cursor.set_range(start) else iter(())
        return cursor.iternext()


def _to_last_up_to(cursor: Any, key: bytes) -> bool:
    """Go to the last stored row up to a key; False if there is none."""
    if cursor.set_range(key):
        return cursor.key() == key or bool(cursor.prev())
    return bool(cursor.last())


def _turned(keys: list[bytes], reverse: bool) -> list[bytes]:
    return keys[::-1] if reverse else keys


def _spread(
    rows: Iterator[Row], start: bytes, stop: bytes | None, reverse: bool
) -> Iterator[Iterable[bytes]]:
    """The keys of stored rows from `start` to before `stop`, in parts."""
    for size in chain(_FIRST_READS, repeat(_READ)):
        read = list(islice(rows, size))
        if not read:
            return
        keys, values = zip(*read, strict=True)
        least, greatest = (keys[-1], keys[0]) if reverse else (keys[0], keys[-1])
        if not any(values) and least >= start and (stop is None or greatest < stop):
            yield keys
            continue
        for key, value in read:
            if stop is not None and key >= stop:
                return
            if key < start or (stop is not None and key[:-2] == stop[:-2]):
                part = [
                    it for it in _keys(key, value) if start <= it and (stop is None or it < stop)
                ]
                yield _turned(part, reverse)
                if reverse and key < start:
                    return
                continue
            lows = _lows_of(len(value))(value) if _is_shared(value) else ()
            if reverse:
                yield map(key[:-2].__add__, lows[::-1])
            yield (key,)
            if not reverse:
                yield map(key[:-2].__add__, lows)
