"""Damaged bytes are refused for what they are, wherever the damage is, and never crash anything."""

from collections.abc import Iterator

import pytest

from eventtrack.errors import ChecksumError, EventtrackError, FormatTooNewError
from eventtrack.log.blocks import MAGIC, Block, read_header
from eventtrack.store import Store
from tests.sync.machines import block_of


@pytest.fixture
def block(one: Store) -> bytes:
    """A small block: what a new store holds."""
    return block_of(one, 0, 2).data


def flips(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The data with each of its bits changed, one at a time, and where."""
    for place in range(len(data)):
        for bit in range(8):
            yield place, data[:place] + bytes((data[place] ^ 1 << bit,)) + data[place + 1 :]


def test_a_block_is_read_as_it_was_written(block: bytes) -> None:
    decoded = Block.decode(block)
    assert decoded.data == block
    assert (decoded.header.first, decoded.header.count) == (0, 2)


def test_a_block_with_any_bit_flipped_is_refused(block: bytes) -> None:
    for place, damaged in flips(block):
        with pytest.raises(EventtrackError) as caught:
            Block.decode(damaged)
        # The last byte of the magic counts versions: another one is taken for a later version's.
        later = place == len(MAGIC) - 1
        assert type(caught.value) is (FormatTooNewError if later else ChecksumError)
        assert caught.value.hint


def test_a_block_that_is_cut_anywhere_is_refused(block: bytes) -> None:
    for length in range(len(block)):
        with pytest.raises(ChecksumError):
            Block.decode(block[:length])


def test_a_block_with_something_behind_it_is_refused(block: bytes) -> None:
    for behind in (b"\0", b"more", block):
        with pytest.raises(ChecksumError):
            Block.decode(block + behind)


def test_a_header_that_is_damaged_is_read_wrongly_or_refused_but_never_crashes(
    block: bytes,
) -> None:
    """Heads of a folder are read without the envelopes; what they say is verified with those."""
    stop = read_header(block)[1]
    for _, damaged in flips(block[:stop]):
        try:
            read_header(damaged)
        except EventtrackError as error:
            assert isinstance(error, ChecksumError | FormatTooNewError)  # noqa: PT017
