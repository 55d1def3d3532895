"""CRC-32C (RFC 3720, appendix B.4), the checksum of TFRecord files; Python has none of its own.

Records are checked many at a time: cut into pieces of 64 bytes that lie side by side, so that each
of 64 steps takes one byte of every piece. A loop over bytes would be some thirty times slower.

The algorithm: a checksum without its start value and its end value is linear. Zeros in front of
data change nothing, so the first piece is filled up with zeros. The sum of two pieces in a row is
the sum of the first, moved on by a piece's length, exclusive-or the sum of the second. The part
that the start value and the end value add depends on the length alone.
"""

from collections.abc import Sequence
from itertools import starmap

_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8  # TFRecord stores checksums turned and moved by this
_ONES = 0xFFFFFFFF
_PIECE_BYTES = 64
_PADDING = [bytes(size) for size in range(_PIECE_BYTES)]
_SHIFTS = (0, 8, 16, 24)


def _table() -> list[int]:
    sums = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        sums.append(value)
    return sums


_TABLE = _table()
# The table's bytes, the lowest first: `bytes.translate` looks up many pieces at once in them.
_PLANES = [bytes(value >> shift & 0xFF for value in _TABLE) for shift in _SHIFTS]


def _moved(value: int) -> int:
    """A sum after a piece of zeros."""
    for _ in range(_PIECE_BYTES):
        value = _TABLE[value & 0xFF] ^ value >> 8
    return value


# `_moved` of each byte of a sum, the lowest first; the whole is their exclusive-or.
_MOVES = [[_moved(byte << shift) for byte in range(256)] for shift in _SHIFTS]


def masked(data: bytes) -> int:
    """The checksum of one short record, as TFRecord stores it."""
    value, table = _ONES, _TABLE
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    return _mask(value ^ _ONES)


def masked_many(records: Sequence[bytes]) -> list[int]:
    """The checksums of records of any lengths."""
    pieces = []
    for record in records:
        pieces.append(_PADDING[-len(record) % _PIECE_BYTES])
        pieces.append(record)
    sums = iter(_plain_sums(b"".join(pieces)))
    move_0, move_1, move_2, move_3 = _MOVES
    starts: dict[int, int] = {}  # by length: a file has few different lengths
    checksums = []
    for record in records:
        length = len(record)
        start = starts.get(length)
        if start is None:
            start = starts[length] = _start(length)
        value = next(sums) if length else 0
        for _ in range((length - 1) // _PIECE_BYTES):
            value = (
                move_0[value & 0xFF]
                ^ move_1[value >> 8 & 0xFF]
                ^ move_2[value >> 16 & 0xFF]
                ^ move_3[value >> 24]
                ^ next(sums)
            )
        value ^= start
        checksums.append(((value >> 15 | value << 17) + _MASK_DELTA) & _ONES)
    return checksums


def _start(length: int) -> int:
    """The sum of zeros: the start value and the end value add it to the sum of a record."""
    value = _ONES
    move_0, move_1, move_2, move_3 = _MOVES
    for _ in range(length // _PIECE_BYTES):
        low, high = move_0[value & 0xFF] ^ move_1[value >> 8 & 0xFF], value >> 16
        value = low ^ move_2[high & 0xFF] ^ move_3[high >> 8]
    for _ in range(length % _PIECE_BYTES):
        value = _TABLE[value & 0xFF] ^ value >> 8
    return value ^ _ONES


def _plain_sums(joined: bytes) -> list[int]:
    """The linear part of the checksum of each piece."""
    count = len(joined) // _PIECE_BYTES
    low, *rest = [0] * 4
    for place in range(_PIECE_BYTES):
        column = int.from_bytes(joined[place::_PIECE_BYTES], "little")
        index = (low ^ column).to_bytes(count, "little")
        looked_up = [int.from_bytes(index.translate(plane), "little") for plane in _PLANES]
        low, *rest = (new ^ old for new, old in zip(looked_up, (*rest, 0), strict=True))
    planes = [plane.to_bytes(count, "little") for plane in (low, *rest)]
    return list(starmap(_joined, zip(*planes, strict=True)))


def _joined(lowest: int, low: int, high: int, highest: int) -> int:
    return lowest | low << 8 | high << 16 | highest << 24


def _mask(value: int) -> int:
    return ((value >> 15 | value << 17) + _MASK_DELTA) & _ONES
