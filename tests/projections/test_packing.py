"""Packed chunks are the columns that were packed, in fewer bytes where these grow slowly."""

import random
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtrack.limits import INT64_MAX, INT64_MIN
from eventtrack.projections.packing import POINT_BYTES, Packer, counts_up, is_packed, unpack

POINTS = 256
NUMBERS = st.integers(INT64_MIN, INT64_MAX)
# Columns of all kinds: numbers that count up, also over the ends of a table or of 64 bits' halves,
# numbers that grow slowly, and any numbers.
COLUMNS = st.one_of(
    st.sampled_from((0, 65_536 - POINTS, 65_500, 2**24 - 7, -3, -65_536, -(2**40))).map(
        lambda first: range(first, first + POINTS)
    ),
    NUMBERS.filter(lambda first: first <= INT64_MAX - POINTS).map(
        lambda first: range(first, first + POINTS)
    ),
    st.tuples(st.integers(INT64_MIN, INT64_MAX - 2**20), st.integers(0, 2**12)).map(
        lambda pair: range(pair[0], pair[0] + POINTS * (pair[1] + 1), pair[1] + 1)
    ),
    st.lists(NUMBERS, min_size=POINTS, max_size=POINTS),
    st.lists(st.integers(-2, 2), min_size=POINTS, max_size=POINTS),
).map(lambda numbers: array("q", numbers).tobytes())


@given(COLUMNS, COLUMNS, st.randoms(use_true_random=False))
def test_a_packed_chunk_is_what_was_packed(
    steps: bytes, timestamps: bytes, drawn: random.Random
) -> None:
    values = drawn.randbytes(8 * POINTS)
    whole = steps + timestamps + values
    packed = Packer()(whole, POINTS)
    assert len(packed) <= len(whole)
    if is_packed(packed):
        assert tuple(map(bytes, unpack(packed))) == (steps, timestamps, values)
    else:
        assert packed == whole


@given(st.lists(st.tuples(COLUMNS, st.integers(1, POINTS)), min_size=2, max_size=4))
def test_neighbours_share_columns_of_their_own_size(
    chunks: list[tuple[bytes, int]],
) -> None:
    pack = Packer()
    for column, points in chunks:
        whole = column[: 8 * points] * 2 + bytes(8 * points)
        packed = pack(whole, points)
        columns = unpack(packed) if is_packed(packed) else (packed,)
        assert b"".join(columns) == whole


@pytest.mark.parametrize("first", [0, 70_000, 2**33])
def test_a_training_takes_eleven_bytes_a_point(first: int) -> None:
    """Values take eight; steps that count up nothing, times of a fast training two or three."""
    points = 4096
    steps = array("q", range(first, first + points)).tobytes()
    timestamps = array("q", range(1_700_000_000_000, 1_700_000_000_000 + 5 * points, 5)).tobytes()
    packed = Packer()(steps + timestamps + random.Random(1).randbytes(8 * points), points)
    assert len(packed) <= 11 * points + POINT_BYTES


@given(st.integers(2, POINTS), st.binary(min_size=8, max_size=8), st.booleans())
def test_values_that_are_all_the_same_are_there_once(
    points: int, value: bytes, differs_in_the_middle: bool
) -> None:
    steps = array("q", range(points)).tobytes()
    values = bytearray(value * points)
    if differs_in_the_middle:
        values[8 * (points // 2)] ^= 1
    packed = Packer()(steps + steps + bytes(values), points)
    assert tuple(map(bytes, unpack(packed))) == (steps, steps, bytes(values))
    if not differs_in_the_middle:
        assert len(packed) < 2 * POINT_BYTES


@given(COLUMNS, st.integers(1, POINTS))
def test_numbers_count_up_if_each_is_the_next(column: bytes, size: int) -> None:
    numbers = array("q", column)[:size]
    first = numbers[0]
    assert counts_up(numbers) == (numbers.tolist() == list(range(first, first + size)))


def test_long_columns_count_up_across_their_pieces() -> None:
    numbers = array("q", range(-70_000, 70_000))
    assert counts_up(numbers)
    numbers[100_000], numbers[100_001] = numbers[100_001], numbers[100_000]
    assert not counts_up(numbers)
