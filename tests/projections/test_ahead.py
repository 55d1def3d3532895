"""Rows with changes over them read as one table."""

from collections.abc import Callable, Iterator

from hypothesis import given
from hypothesis import strategies as st

from eventtrack.projections.ahead import Changes, RowsAhead
from eventtrack.projections.rows import Row, Rows

KEYS = st.binary(min_size=1, max_size=2).map(lambda key: bytes(byte % 4 for byte in key))
ROWS = st.dictionaries(KEYS, st.binary(max_size=1), max_size=8)
BOUND = st.none() | KEYS


class DictRows:
    """The rows of a dictionary."""

    def __init__(self, rows: dict[bytes, bytes]) -> None:
        self._rows = rows

    def get(self, _: str, key: bytes) -> bytes | None:
        return self._rows.get(key)

    def scan(
        self, _: str, start: bytes = b"", stop: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[Row]:
        keys = sorted(self._rows, reverse=reverse)
        return (
            (key, self._rows[key]) for key in keys if start <= key and (stop is None or key < stop)
        )

    def keys(
        self, table: str, start: bytes = b"", stop: bytes | None = None, *, reverse: bool = False
    ) -> Iterator[bytes]:
        return (key for key, _ in self.scan(table, start, stop, reverse=reverse))

    def count(self, _: str) -> int:
        return len(self._rows)


@given(ROWS, st.lists(st.tuples(KEYS, st.none() | st.binary(max_size=1))), BOUND, BOUND)
def test_they_read_as_if_the_changes_were_made(
    below: dict[bytes, bytes],
    changes: list[tuple[bytes, bytes | None]],
    start: bytes | None,
    stop: bytes | None,
) -> None:
    rows = RowsAhead(DictRows(below), Changes())
    whole = dict(below)
    for key, value in changes:
        if value is None:
            assert rows.pop("t", key) == whole.pop(key, None)
        else:
            whole[key] = value
            rows.put("t", key, value)
        assert rows.get("t", key) == value
    asks: list[Callable[[Rows], object]] = [
        lambda it: list(it.scan("t", start or b"", stop)),
        lambda it: list(it.scan("t", start or b"", stop, reverse=True)),
        lambda it: list(it.keys("t", start or b"", stop)),
        lambda it: list(it.keys("t", start or b"", stop, reverse=True)),
        lambda it: [it.get("t", key) for key in sorted({*below, *whole})],
    ]
    for ask in asks:
        assert ask(rows) == ask(DictRows(whole))
    assert rows.count("t") >= len(whole)
