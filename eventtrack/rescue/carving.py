"""Envelopes in any bytes, found by how they begin and proved by the hash that they carry.

An envelope lies in one piece wherever LMDB puts it, also across overflow pages. So no page, no
tree and no key is needed to find one: a header begins with an array of its fields, the number of
the format and the 16 bytes of a replica's id; it says how long the payload is and what hash it has.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from eventtrack.errors import EventtrackError
from eventtrack.events.envelope import Envelope
from eventtrack.limits import FRAME_BYTES_MAX
from eventtrack.rescue.damaged import WINDOW_BYTES, DamagedFile

# Format 1, and that 16 bytes follow. Before it stands the length of the header, 2 bytes, and how a
# msgpack array of 11 fields or more begins: one byte, or three.
_BEGINNING = re.compile(rb"\x01\xc4\x10")
_SHORT, _LONG = range(0x9B, 0xA0), 0xDC
_HEADER_BYTES_MAX = 2 + 2**16
# What looks like an envelope and is none costs a hash of what it claims to be. That much of it is
# borne for each byte of the file; who plants more gets no more than that looked at.
_WASTE_FACTOR = 4
_WASTE_BYTES_MIN = 64 * 2**20


class Piece(NamedTuple):
    """An envelope in a file, and where. `is_whole` says that its payload has the header's hash."""

    start: int
    envelope: Envelope
    is_whole: bool


def envelopes_in(file: DamagedFile) -> Iterator[Piece]:
    """Every envelope of a file whose header can be read, in order.

    Nothing is looked for inside an envelope that is whole: a payload may hold what looks like one.
    """
    stop, waste = 0, _WASTE_FACTOR * file.size + _WASTE_BYTES_MIN
    for begin, window in file.windows(_HEADER_BYTES_MAX):
        for place in _beginnings(window, WINDOW_BYTES):
            start = begin + place
            if start < stop:
                continue
            size = 2 + int.from_bytes(window[place : place + 2], "big")
            bare = _bare(window[place : place + size], size)
            if bare is None:
                continue
            length = bare.header.payload_length
            whole = _whole(bare, file.read(start + size, length)) if length <= waste else None
            if whole is not None:
                stop = start + size + length
            else:
                waste -= length
            yield Piece(start, whole or bare, whole is not None)


def _beginnings(window: bytes, width: int) -> Iterator[int]:
    """Where an envelope may begin in the first `width` bytes of a window."""
    for match in _BEGINNING.finditer(window):
        before = match.start()
        is_long = before >= 5 and window[before - 3] == _LONG
        is_short = before >= 3 and window[before - 1] in _SHORT
        place = before - (3 if is_short else 5)
        if (is_short or is_long) and place < width:
            yield place


def _bare(header: bytes, size: int) -> Envelope | None:
    """The envelope whose header these bytes are; None where they are no header."""
    try:
        found = Envelope(header)
    except EventtrackError:
        return None
    return found if len(header) == size and is_possible(found) else None


def is_possible(envelope: Envelope) -> bool:
    """Whether a log can hold such an envelope: it keeps indexes and times in 8 bytes."""
    header = envelope.header
    fits = header.index < 2**63 and header.recorded < 2**64 and len(header.payload_hash) == 32
    return fits and 0 < header.payload_length <= FRAME_BYTES_MAX


def _whole(bare: Envelope, payload: bytes) -> Envelope | None:
    """The envelope with its payload; None where that is not the one that was written."""
    found = Envelope(bare.data + payload)
    try:
        found.verify()
    except EventtrackError:
        return None
    return found if payload else None
