"""Chunks of points, packed: steps and timestamps in fewer bytes, values mostly as they are.

Steps that count up by one are stored as their first number. Other numbers that grow slowly share
most of their bytes: a column is stored as its first number and the *planes* in which the others
differ from it, a plane being all lowest bytes, all second bytes and so on.

A packed chunk is: values, 8 bytes each; the columns of steps and timestamps; perhaps a byte 0, for
the size is no multiple of 24, as that of other chunks is; the number of points (u16). If all values
are the same bytes, they are there once, and the highest bit of that number is set. A column is
`kind (u8) ‖ first number (8) ‖ planes`, little-endian. A bit of the kind is set for each plane, the
highest first. Of kind 0xff are columns as they are, of kind 0xfe numbers that count up.
"""

from array import array
from functools import cache

# Steps, timestamps and values, 8 bytes each.
Columns = tuple[bytes | memoryview, bytes | memoryview, bytes | memoryview]
POINT_BYTES = 24
# A column with more planes is stored whole: each plane costs a pass over the column.
_PLANES_MAX = 4
_WHOLE, _COUNTS = 0xFF, 0xFE
# Numbers that count up share a table of those below this: the rest of each is one number.
_LOW = 2**16
# A program that packs short columns alone does without that table.
_FEW = 128
_FEW_NUMBERS = array("q", range(_FEW)).tobytes()
_PIECE = 4096
# Of the number of points at a packed chunk's end; its bit for values that are all the same.
_COUNT_BYTES, _SAME = 2, 0x8000


class Packer:
    """Packs chunks, and remembers the steps and timestamps of the last one.

    Series often share these. To compare them is faster than to pack them again.
    """

    def __init__(self) -> None:
        self._last = self._packed = b""

    def __call__(self, data: bytes, points: int) -> bytes:
        """A chunk of so many points, packed; unchanged if that saves nothing."""
        size = 8 * points
        if data[: 2 * size] != self._last:
            self._last = data[: 2 * size]
            columns = self._last[:size], self._last[size:]
            self._packed = b"".join(_pack_column(column, points) for column in columns)
        values = data[2 * size :]
        is_same = values[:8] == values[-8:] and values == values[:8] * points
        packed = (values[:8] if is_same else values) + self._packed
        if (len(packed) + _COUNT_BYTES) % POINT_BYTES == 0:
            packed += b"\0"
        packed += (points | _SAME if is_same else points).to_bytes(_COUNT_BYTES, "little")
        return packed if len(packed) < len(data) else data


def unpack(data: bytes) -> Columns:
    """Steps, timestamps and values of a packed chunk, 8 bytes each."""
    points = int.from_bytes(data[-_COUNT_BYTES:], "little")
    is_same = points & _SAME
    points -= is_same
    view: bytes | memoryview = memoryview(data) if points > _FEW else data
    stop = 8 if is_same else 8 * points
    values = data[:8] * points if is_same else view[:stop]
    steps, stop = _column(view, stop, points)
    return steps, _column(view, stop, points)[0], values


def is_packed(data: bytes) -> bool:
    """Whether a chunk is packed."""
    return len(data) % POINT_BYTES != 0


def counts_up(numbers: "array[int]") -> bool:
    """Whether each number is the one before it plus one. Compares bytes, a piece at a time."""
    first, size = numbers[0], len(numbers)
    if numbers[-1] - first != size - 1:
        return False
    if size <= _FEW:
        return numbers.tolist() == list(range(first, first + size))
    # As bytes: a comparison with a view looks at each byte alone.
    pieces = ((at, numbers[at : at + _PIECE]) for at in range(0, size, _PIECE))
    return all(piece.tobytes() == bytes(_counting(first + at, len(piece))) for at, piece in pieces)


def _pack_column(column: bytes, points: int) -> bytes:
    first = column[:8]
    if counts_up(array("q", column)):
        return bytes((_COUNTS,)) + first
    kind, planes = 0, list[bytes]()
    for place in reversed(range(8)):
        plane = column[place::8]
        if plane.count(plane[:1]) < points:
            kind |= 1 << place
            planes.append(plane)
            if len(planes) > _PLANES_MAX:
                return bytes((_WHOLE,)) + column
    return b"".join((bytes((kind,)), first, *planes))


def _column(view: bytes | memoryview, start: int, points: int) -> tuple[bytes | memoryview, int]:
    """The column that begins there, and its end."""
    kind, start = view[start], start + 1
    if kind == _WHOLE:
        stop = start + 8 * points
        return view[start:stop], stop
    first, start = bytes(view[start : start + 8]), start + 8
    if kind == _COUNTS:
        return _counting(int.from_bytes(first, "little", signed=True), points), start
    column = bytearray(first) * points
    for place in _places(kind):
        column[place::8] = view[start : start + points]
        start += points
    return memoryview(column), start


def _counting(first: int, points: int) -> bytes | memoryview:
    """The numbers that count up from a first one; the bytes are no column if they cannot be made.

    Copied from a table, as no loop in Python makes them as fast.
    """
    if first >= 0 and first + points <= len(_FEW_NUMBERS) // 8:
        return _FEW_NUMBERS[8 * first : 8 * (first + points)]
    low, high = first % _LOW, first // _LOW
    if points <= _FEW or low + points > _LOW or points > _LOW:
        # So few are not worth the large table, or the upper bytes change on the way.
        try:
            return array("q", range(first, first + points)).tobytes()
        except OverflowError:
            return b""
    numbers = _low_numbers()[8 * low : 8 * (low + points)]
    if not high:
        return numbers
    column = bytearray(numbers)
    for place, byte in enumerate(high.to_bytes(6, "little", signed=True), 2):
        if byte:
            column[place::8] = bytes((byte,)) * points
    return memoryview(column)


@cache
def _places(kind: int) -> list[int]:
    """The places of the bytes that have a plane."""
    return [place for place in reversed(range(8)) if kind >> place & 1]


@cache
def _low_numbers() -> memoryview:
    return memoryview(array("q", range(_LOW)).tobytes())
