"""The bytes of a journal: its beginning, its frames, and the search for whole frames behind damage.

A frame's body is written before its header. So a process that was killed within a call leaves a
header without a slot; any other frame that fails its checksum was damaged later (docs/format.md,
section 7). Journals of the older format (`ETJOURN1`) wrote the header first, and their checksum
does not cover the length.
"""

import mmap
import struct
import zlib
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Annotated, NamedTuple

import msgspec

MAGIC, OLD_MAGIC = b"ETJOURN2", b"ETJOURN1"
# Magic, journal id, session.
PREAMBLE = struct.Struct("<8s16s16s")
# Length, checksum, slot; stored in this order, each in one step.
FRAME = struct.Struct("<III")
_SLOT_BYTES = struct.Struct("<I")

_SESSION = "session/"

# The types of events that may wait in a journal while they are few: readers look for them there.
MAY_WAIT = frozenset({"run.metric_logged", "run.metrics_logged"})

# One frame of a journal: its slot and the event's body.
Frame = tuple[int, bytes]


class Slot(msgspec.Struct, array_like=True, frozen=True):
    """The definition of a slot: its frames hold events of one type for one stream.

    `session` is that of their author; None for the session of the journal.
    """

    number: int
    stream: str
    type: str
    version: int
    session: Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)] | None = None


class Scan(NamedTuple):
    """The whole frames in a journal's bytes, and the end of the last of them.

    `torn` counts the bytes of a last frame that a crash cut. `damage` describes all other bytes
    that are no whole frame.
    """

    frames: list[Frame]
    stop: int
    torn: int
    damage: str


def slot_seed(slot: int) -> int:
    """The CRC-32 of a slot's bytes. A frame's checksum starts from it plus the frame's length."""
    return zlib.crc32(_SLOT_BYTES.pack(slot))


def session_slot(session: bytes) -> Slot:
    """The definition of slot 0. It repeats the journal's session under a checksum."""
    return Slot(0, f"{_SESSION}{session.hex()}", "", 0)


def session_in(frames: Iterable[Frame]) -> bytes | None:
    """The session that the frames of a journal name; None if they name none."""
    for number, body in frames:
        slot = None if number else decode_slot(body)
        if slot is not None and slot.number == 0:
            return bytes.fromhex(slot.stream.removeprefix(_SESSION))
    return None


def encode_slot(slot: Slot) -> bytes:
    """The body of the frame that defines a slot; four elements if it names no session."""
    fields = (slot.number, slot.stream, slot.type, slot.version)
    return msgspec.msgpack.encode(fields if slot.session is None else (*fields, slot.session))


def decode_slot(body: bytes) -> Slot | None:
    """The slot that a frame of slot 0 defines; None for another body."""
    try:
        return msgspec.msgpack.decode(body, type=Slot)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def read_frames(data: bytes) -> tuple[list[Frame], int]:
    """The frames at the beginning of `data`, and the place of the first that is not whole."""
    reader = _Reader(data, len(data), frozenset(), old=False)
    return reader.frames, reader.read(0)


def find_slot(data: mmap.mmap | bytes, number: int) -> Slot | None:
    """The definition of a slot in the bytes of a journal; None if it is not there."""
    reader = _Reader(data, len(data), frozenset(), old=False)
    # A frame of slot 0, whose body is an array of four or five that begins with the number.
    for array in (b"\x94", b"\x95"):
        wanted = _SLOT_BYTES.pack(0) + array + msgspec.msgpack.encode(number)
        place = data.find(wanted)
        while place >= 0:
            at = place - FRAME.size + _SLOT_BYTES.size
            length, checksum, slot = FRAME.unpack_from(data, max(at, 0))
            if at >= 0 and reader.is_whole(at, slot, checksum, length):
                return decode_slot(data[at + FRAME.size : at + FRAME.size + length])
            place = data.find(wanted, place + 1)
    return None


def scan(
    data: mmap.mmap | bytes,
    start: int,
    stop: int,
    *,
    slots: AbstractSet[int] = frozenset(),
    old: bool = False,
) -> Scan:
    """Read the whole frames of `data[start:stop]`, including those behind damage.

    Args:
        slots: Known slots that `data[start:stop]` does not define itself.
        old: Whether the journal has the older format.
    """
    reader = _Reader(data, stop, slots, old=old)
    at, damage = start, _Damage()
    while True:
        at = reader.read(at)
        rest = data[at:stop].rstrip(b"\0")
        if not rest:
            return Scan(reader.frames, at, 0, str(damage))
        if (end := reader.mend(at)) is not None:
            # A whole frame without its slot is no damage: its process died within the call.
            if FRAME.unpack_from(data, at)[2]:
                damage.note(at, at)
            at = end
            continue
        again = reader.find(at + 1, at + len(rest))
        if again is None:
            if reader.is_torn(at):
                return Scan(reader.frames, at, len(rest), str(damage))
            damage.note(at, at + len(rest))
            return Scan(reader.frames, at, 0, str(damage))
        damage.note(at, again)
        at = again


class _Damage:
    """The damage of a journal: its first place and its size."""

    def __init__(self) -> None:
        self._first = -1
        self._bytes = 0

    def note(self, start: int, stop: int) -> None:
        """Add bytes that cannot be read."""
        self._first = start if self._first < 0 else self._first
        self._bytes += stop - start

    def __str__(self) -> str:
        if self._first < 0:
            return ""
        lost = f"{self._bytes} bytes there and behind cannot be read" if self._bytes else "mended"
        return f"the frame at byte {self._first} fails its checksum: {lost}"


class _Reader:
    """Reads frames, and looks for the next whole one."""

    def __init__(
        self, data: mmap.mmap | bytes, stop: int, slots: AbstractSet[int], *, old: bool
    ) -> None:
        self.frames: list[Frame] = []
        self._data = data
        self._stop = stop
        self._slots = slots
        self._defined = {0}
        self._seeds: dict[int, int] = {}
        self._old = old

    def read(self, at: int) -> int:
        """Take the frames from `at` on; returns the place of the first that is not whole."""
        data, stop, old, frames, seeds = self._data, self._stop, self._old, self.frames, self._seeds
        unpack, crc32, header = FRAME.unpack_from, zlib.crc32, FRAME.size
        while at + header <= stop:
            length, checksum, slot = unpack(data, at)
            end = at + header + length
            if not length or end > stop:
                break
            body = data[at + header : end]
            if slot not in seeds:
                seeds[slot] = slot_seed(slot)
            if crc32(body, seeds[slot] if old else seeds[slot] + length) != checksum:
                break
            frames.append((slot, body))
            if not slot:
                self._define(body)
            at = end
        return at

    def find(self, start: int, stop: int) -> int | None:
        """The place of the next whole frame of a known slot; None if no whole frame follows."""
        for at in range(start, min(stop, self._stop - FRAME.size)):
            length, checksum, slot = FRAME.unpack_from(self._data, at)
            if self.is_whole(at, slot, checksum, length):
                return at
        return None

    def mend(self, at: int) -> int | None:
        """Take a frame with a wrong bit in its length, or without its slot; returns its end.

        None if the frame at `at` is neither.
        """
        if at + FRAME.size > self._stop:
            return None
        length, checksum, slot = FRAME.unpack_from(self._data, at)
        size: int
        lengths = ((length ^ 1 << bit, slot) for bit in range(32))
        slots = () if slot else ((length, known) for known in (*self._defined, *self._slots))
        for size, number in (*lengths, *slots):
            if self.is_whole(at, number, checksum, size):
                begin = at + FRAME.size
                self.frames.append((number, self._data[begin : begin + size]))
                return begin + size
        return None

    def is_torn(self, at: int) -> bool:
        """Whether a process died within the call that wrote the last bytes, which are no frame."""
        if at + FRAME.size > self._stop:
            return True
        length, checksum, slot = FRAME.unpack_from(self._data, at)
        if not self._old:
            return not checksum and not slot
        end = at + FRAME.size + length
        return bool(length) and end <= self._stop and not self._data[end : self._stop].strip(b"\0")

    def is_whole(self, at: int, slot: int, checksum: int, length: int) -> bool:
        """Whether a frame with that header is at `at`, of a slot that is known."""
        begin = at + FRAME.size
        if not length or length > self._stop - begin:
            return False
        if slot not in self._defined and slot not in self._slots:
            return False
        seed = slot_seed(slot) if self._old else slot_seed(slot) + length
        return zlib.crc32(self._data[begin : begin + length], seed) == checksum

    def _define(self, body: bytes) -> None:
        slot = decode_slot(body)
        if slot is not None:
            self._defined.add(slot.number)
