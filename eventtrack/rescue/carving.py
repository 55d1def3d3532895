"""The search for envelopes in any bytes: by their beginning, proved by the hash that they carry.

LMDB keeps an envelope in one piece, also across overflow pages. So the search needs no page, no
tree and no key. A header begins with an array of its fields, the number of the format and the 16
bytes of a replica's id; it also holds the length and the hash of the payload.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from eventtrack.errors import EventtrackError
from eventtrack.events.envelope import Envelope
from eventtrack.limits import FRAME_BYTES_MAX
from eventtrack.rescue.damaged import WINDOW_BYTES, DamagedFile

# Format 1, and the mark of 16 bytes. Before these stand the length of the header, 2 bytes, and the
# beginning of a msgpack array of 11 fields or more: one byte, or three.
_BEGINNING = re.compile(rb"\x01\xc4\x10")
_SHORT, _LONG = range(0x9B, 0xA0), 0xDC
_HEADER_BYTES_MAX = 2 + 2**16
# A false beginning costs a hash of the payload that it claims. The total of wasted bytes is bounded
# by this factor of the file's size; planted beginnings beyond it are not hashed.
_WASTE_FACTOR = 4
_WASTE_BYTES_MIN = 64 * 2**20


class Piece(NamedTuple):
    """An envelope at a place of a file; `is_whole`: its payload has the hash in its header."""

    start: int
    envelope: Envelope
    is_whole: bool


def envelopes_in(file: DamagedFile) -> Iterator[Piece]:
    """Every envelope of a file whose header can be read, in order.

    The search skips the inside of a whole envelope: a payload may look like an envelope.
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
    """The places in the first `width` bytes of a window at which an envelope may begin."""
    for match in _BEGINNING.finditer(window):
        before = match.start()
        is_long = before >= 5 and window[before - 3] == _LONG
        is_short = before >= 3 and window[before - 1] in _SHORT
        place = before - (3 if is_short else 5)
        if (is_short or is_long) and place < width:
            yield place


def _bare(header: bytes, size: int) -> Envelope | None:
    """The envelope with this header, without payload; None if the bytes are no header."""
    try:
        envelope = Envelope(header)
    except EventtrackError:
        return None
    return envelope if len(header) == size and is_possible(envelope) else None


def is_possible(envelope: Envelope) -> bool:
    """Whether a log can hold such an envelope: it keeps indexes and times in 8 bytes."""
    header = envelope.header
    fits = header.index < 2**63 and header.recorded < 2**64 and len(header.payload_hash) == 32
    return fits and 0 < header.payload_length <= FRAME_BYTES_MAX


def _whole(bare: Envelope, payload: bytes) -> Envelope | None:
    """The envelope with its payload; None if the payload is not as it was written."""
    envelope = Envelope(bare.data + payload)
    try:
        envelope.verify()
    except EventtrackError:
        return None
    return envelope if payload else None
