"""Rows that share storage: readers and folds see a sorted table of keys like any other."""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtrack.log.environment import Environment
from eventtrack.projections.rows import LmdbRows, WritableRows
from eventtrack.projections.shared_rows import KEYS_MAX, SHARED


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[WritableRows]:
    environment = Environment(tmp_path, (SHARED,))
    with environment.write() as txn:
        yield LmdbRows(txn, environment.tables)
    environment.close()


def _key(value: bytes, run: int) -> bytes:
    return bytes(8) + value + run.to_bytes(4, "big")


def test_a_crowd_of_runs_takes_few_rows(rows: WritableRows) -> None:
    runs = range(1, 10 * KEYS_MAX + 1)
    for run in runs:
        rows.put_many(SHARED, [(_key(b"FINISHED\0", run), b"")])
    assert rows.count(SHARED) == 10
    assert list(rows.keys(SHARED)) == [_key(b"FINISHED\0", run) for run in runs]


def test_runs_that_differ_in_more_than_two_bytes_share_nothing(rows: WritableRows) -> None:
    keys = [_key(b"a\0", 0xFFFF), _key(b"a\0", 0x10000), _key(b"b\0", 0x10001)]
    rows.put_many(SHARED, [(key, b"") for key in keys])
    assert rows.count(SHARED) == 3
    assert list(rows.keys(SHARED)) == keys


def test_a_key_with_a_value_stands_between_those_that_share(rows: WritableRows) -> None:
    rows.put_many(SHARED, [(_key(b"a\0", run), b"") for run in (1, 2, 3, 4)])
    rows.put(SHARED, _key(b"a\0", 3), bytes(range(8)))
    assert [key[-1] for key in rows.keys(SHARED)] == [1, 2, 3, 4]
    assert rows.get(SHARED, _key(b"a\0", 3)) == bytes(range(8))
    assert rows.pop(SHARED, _key(b"a\0", 3)) == bytes(range(8))
    assert [key[-1] for key in rows.keys(SHARED, reverse=True)] == [4, 2, 1]


# Few values and runs, so that keys meet; runs around a change of their upper bytes.
_KEYS = st.builds(
    _key,
    st.sampled_from([b"a\0", b"a\0\xffb\0", b"ab\0", b"\xfe" + bytes(8)]),
    st.integers(0xFFE0, 0x10060),
)
_VALUES = st.sampled_from([b"", b"", b"", bytes(range(8))])
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), _KEYS, _VALUES),
        st.tuples(st.just("pop"), _KEYS, st.just(b"")),
        st.lists(st.tuples(_KEYS, _VALUES), max_size=100, unique_by=lambda row: row[0]),
    ),
    max_size=15,
)


@given(steps=_STEPS, start=_KEYS, stop=_KEYS, cut=st.integers(0, 14))
def test_the_table_is_like_any_other(steps: list, start: bytes, stop: bytes, cut: int) -> None:  # type: ignore[type-arg]
    with TemporaryDirectory() as folder:
        environment = Environment(Path(folder), (SHARED,))
        with environment.write() as txn:
            rows, known = LmdbRows(txn, environment.tables), dict[bytes, bytes]()
            for step in steps:
                if isinstance(step, list):
                    rows.put_many(SHARED, sorted(step))
                    known.update(step)
                elif step[0] == "put":
                    rows.put(SHARED, step[1], step[2])
                    known[step[1]] = step[2]
                else:
                    assert rows.pop(SHARED, step[1]) == known.pop(step[1], None)
            _compare(rows, known, start[:cut], None)
            _compare(rows, known, start, stop)
            for key in (start, stop, *known):
                assert rows.get(SHARED, key) == known.get(key)
        environment.close()


def _compare(
    rows: WritableRows, known: dict[bytes, bytes], start: bytes, stop: bytes | None
) -> None:
    within = sorted(key for key in known if key >= start and (stop is None or key < stop))
    pairs = [(key, known[key]) for key in within]
    assert list(rows.keys(SHARED, start, stop)) == within
    assert list(rows.keys(SHARED, start, stop, reverse=True)) == within[::-1]
    assert list(rows.scan(SHARED, start, stop)) == pairs
    assert list(rows.scan(SHARED, start, stop, reverse=True)) == pairs[::-1]
