"""CRC-32C, which TFRecord files carry and Python does not come with (RFC 3720, appendix B.4)."""

from collections.abc import Sequence

_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8  # TFRecord stores checksums turned and moved by this
# Fewer records than this are faster one by one.
_TOGETHER_MIN = 16


def _table() -> list[int]:
    found = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
        found.append(value)
    return found


_TABLE = _table()
# The table's bytes, the lowest first: what `bytes.translate` looks up for many records at once.
_PLANES = [bytes(value >> shift & 0xFF for value in _TABLE) for shift in (0, 8, 16, 24)]


def masked(data: bytes) -> int:
    """The checksum of one record, as TFRecord stores it."""
    value, table = 0xFFFFFFFF, _TABLE
    for byte in data:
        value = table[(value ^ byte) & 0xFF] ^ value >> 8
    return _mask(value ^ 0xFFFFFFFF)


def masked_many(records: Sequence[bytes]) -> list[int]:
    """The checksums of records that all have the same length.

    Records lie side by side, and each step takes one byte of all of them: the sixteen million steps
    of Python that a million small records would cost become a few thousand.
    """
    if len(records) < _TOGETHER_MIN:
        return [masked(record) for record in records]
    count, length, joined = len(records), len(records[0]), b"".join(records)
    ones = int.from_bytes(b"\xff" * count, "little")
    low, *rest = [ones] * 4
    for place in range(length):
        column = int.from_bytes(joined[place::length], "little")
        index = (low ^ column).to_bytes(count, "little")
        looked_up = [int.from_bytes(index.translate(plane), "little") for plane in _PLANES]
        low, *rest = (new ^ old for new, old in zip(looked_up, (*rest, 0), strict=True))
    planes = [(one ^ ones).to_bytes(count, "little") for one in (low, *rest)]
    return [_mask(a | b << 8 | c << 16 | d << 24) for a, b, c, d in zip(*planes, strict=True)]


def _mask(value: int) -> int:
    return ((value >> 15 | value << 17) + _MASK_DELTA) & 0xFFFFFFFF
