"""Protocol buffers as bytes: a reader for a few fields that needs no schema compiler."""

import struct
from collections.abc import Iterator
from typing import Any

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")


def fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """Number, wire type and value of each field of a message, in order.

    A varint is an int without sign; all others are bytes.

    Raises:
        ValueError: The bytes are no message, or the message is cut off.
    """
    place, size = 0, len(data)
    while place < size:
        # Nearly all keys and lengths are a single byte, and a call costs more than a look.
        key = data[place]
        if key < 0x80:
            place += 1
        else:
            key, place = varint(data, place)
        kind = key & 7
        if kind == VARINT:
            value, place = varint(data, place)
            yield key >> 3, kind, value
            continue
        if kind == BYTES:
            if place < size and data[place] < 0x80:
                length, place = data[place], place + 1
            else:
                length, place = varint(data, place)
        elif kind in (FIXED64, FIXED32):
            length = 8 if kind == FIXED64 else 4
        else:
            raise ValueError(f"there is no wire type {kind}")
        if place + length > size:
            raise ValueError("a field is cut off")
        yield key >> 3, kind, data[place : place + length]
        place += length


def varint(data: bytes, place: int) -> tuple[int, int]:
    """The number at `place`, and the place after it.

    Raises:
        ValueError: The number is cut off, or longer than ten bytes.
    """
    value = shift = 0
    for stop in range(place, min(place + 10, len(data))):
        byte = data[stop]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, stop + 1
        shift += 7
    raise ValueError("a number is cut off")


def varints(data: bytes) -> Iterator[int]:
    """Numbers that are packed one after the other.

    Raises:
        ValueError: The last number is cut off.
    """
    place = 0
    while place < len(data):
        value, place = varint(data, place)
        yield value


def signed(value: int) -> int:
    """A varint as the int64 or int32 that it stands for; bits beyond 64 are ignored."""
    value &= 2**64 - 1
    return value - 2**64 if value >= 2**63 else value


def double(data: bytes) -> float:
    """Eight bytes as a number."""
    return float(_DOUBLE.unpack(data)[0])


def single(data: bytes) -> float:
    """Four bytes as a number."""
    return float(_FLOAT.unpack(data)[0])


def text(data: bytes) -> str:
    """Bytes as a text; bytes that are no UTF-8 are replaced."""
    return data.decode(errors="replace")
