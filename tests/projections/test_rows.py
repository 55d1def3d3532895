"""Rows of an LMDB environment: every range is half-open, forwards and backwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.log.environment import Environment
from eventtrack.projections.rows import LmdbRows, WritableRows, below, end_of

KEYS = [b"a", b"a\x00", b"ab", b"b", b"b\xff", b"\xff", b"\xff\xff"]


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[WritableRows]:
    environment = Environment(tmp_path, ("letters", "others"))
    with environment.write() as txn:
        written = LmdbRows(txn, environment.tables)
        written.put_many("letters", [(key, b"of " + key) for key in KEYS])
        yield written
    environment.close()


@pytest.mark.parametrize("start", [b"", *KEYS, b"aa", b"\xff\xff\xff"])
@pytest.mark.parametrize("stop", [None, *KEYS, b"c"])
def test_a_range_holds_its_start_and_not_its_stop(
    rows: WritableRows, start: bytes, stop: bytes | None
) -> None:
    within = [key for key in KEYS if key >= start and (stop is None or key < stop)]
    assert list(rows.keys("letters", start, stop)) == within
    assert list(rows.keys("letters", start, stop, reverse=True)) == within[::-1]
    pairs = [(key, b"of " + key) for key in within]
    assert list(rows.scan("letters", start, stop)) == pairs
    assert list(rows.scan("letters", start, stop, reverse=True)) == pairs[::-1]


@pytest.mark.parametrize("prefix", [b"", b"a", b"b", b"b\xff", b"c", b"\xff", b"\xff\xff"])
def test_a_prefix_names_exactly_the_keys_that_begin_with_it(
    rows: WritableRows, prefix: bytes
) -> None:
    within = [key for key in KEYS if key.startswith(prefix)]
    assert [key for key, _ in below(rows, "letters", prefix)] == within


def test_the_end_of_a_prefix_is_the_least_key_above() -> None:
    assert end_of(b"ab") == b"ac"
    assert end_of(b"a\xff\xff") == b"b"
    assert end_of(b"\xff") is None


def test_a_popped_row_is_gone(rows: WritableRows) -> None:
    assert rows.pop("letters", b"a") == b"of a"
    assert rows.pop("letters", b"a") is None
    rows.delete("letters", b"b")
    assert rows.get("letters", b"b") is None
    assert rows.count("letters") == len(KEYS) - 2
    assert list(rows.keys("others")) == []
