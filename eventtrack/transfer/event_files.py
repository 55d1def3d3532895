"""TensorBoard's event files: TFRecord frames, each with one `Event`.

A frame is the length (u64, little-endian), its checksum, that many bytes, their checksum.
"""

import math
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from eventtrack.transfer import crc, wire
from eventtrack.transfer.report import Report

_HEAD = struct.Struct("<QI")
_FOOT = struct.Struct("<I")
_READ_BYTES = 2**24
# Lengths below 4 GiB end with four zeros; the last byte that is not 0 is one of the four before.
_MAYBE_LENGTH = re.compile(rb"[^\0]\0{4}")
_VERSION = re.compile(r"brain\.Event:(\d+(?:\.\d+)?)")
_SESSION_START = 1
# types.proto: whole tensors as bytes, by `DataType`.
_FORMS = {1: "f", 2: "d", 3: "i", 4: "B", 5: "h", 6: "b", 9: "q", 10: "?", 17: "H", 19: "e"}
_FORMS |= {22: "I", 23: "Q"}
_BFLOAT16, _HALF, _UINT64 = 14, 19, 23
# tensor.proto: fields with values, and how each is packed; None for varints.
_VALUES = {5: "<f", 6: "<d", 7: None, 10: None, 11: None, 13: None, 16: None, 17: None}

# A record: the place of its head in the data at hand, and its content.
Frame = tuple[int, bytes]


def records(path: Path, report: Report) -> Iterator[bytes]:
    """The records of a file, in order. The checksum of each is checked, whatever its size.

    Damage is reported with its offset. Reading goes on with the next record that has a head whose
    checksum is right.
    """
    try:
        with path.open("rb") as stream:
            # A file may grow while it is read: only the bytes that it had at first are read.
            size = os.fstat(stream.fileno()).st_size
            begun, data = 0, b""  # `data` begins at the offset `begun`
            lost: int | None = None  # the offset from which on nothing could be read
            while begun + len(data) < size:
                wanted = min(max(_READ_BYTES, len(data)), size - begun - len(data))
                chunk = stream.read(wanted)
                if not chunk:
                    break
                data += chunk
                place = 0
                while True:
                    if lost is not None:
                        head = _next_head(data, place, size - begun)
                        if head is None:
                            place = max(place, len(data) - _HEAD.size + 1)
                            break
                        gap = begun + head - lost
                        report.damaged(path, lost, f"{gap} bytes that are no record: left out")
                        lost, place = None, head
                    frames, place, is_broken = _frames(data, place, size - begun)
                    bad = _bad(data, frames)
                    if is_broken:
                        # The record before a broken head may be the one that was cut off.
                        if frames and frames[-1][0] in bad:
                            place = frames.pop()[0]
                        lost, is_lost_at = begun + place, place + 1
                    for start, content in frames:
                        if start in bad:
                            problem = "a record whose checksum fails: left out"
                            report.damaged(path, begun + start, problem)
                        else:
                            yield content
                    if not is_broken:
                        break
                    place = is_lost_at
                begun, data = begun + place, data[place:]
    except OSError as error:
        report.missing(str(path), error.strerror or str(error))
        return
    if lost is not None or data:
        at = begun if lost is None else lost
        report.damaged(path, at, f"the last record is cut off or damaged ({size - at} bytes)")


def _frames(data: bytes, place: int, room: int) -> tuple[list[Frame], int, bool]:
    """The whole records from `place` on, their end, and whether a broken head ends them.

    Args:
        room: The number of bytes from the begin of `data` to the file's end.
    """
    frames: list[Frame] = []
    lengths: dict[bytes, bool] = {}  # lengths with their checksums repeat
    while place + _HEAD.size <= len(data):
        head = data[place : place + _HEAD.size]
        length, checksum = _HEAD.unpack(head)
        if head not in lengths:
            lengths[head] = crc.masked(head[:8]) == checksum
        stop = place + _HEAD.size + length
        if not lengths[head] or stop + _FOOT.size > room:
            return frames, place, True
        if stop + _FOOT.size > len(data):
            break
        frames.append((place, data[place + _HEAD.size : stop]))
        place = stop + _FOOT.size
    return frames, place, False


def _bad(data: bytes, frames: list[Frame]) -> set[int]:
    """The places of the records whose checksum fails."""
    sums = crc.masked_many([content for _, content in frames])
    bad = set()
    for (start, content), right in zip(frames, sums, strict=True):
        if _FOOT.unpack_from(data, start + _HEAD.size + len(content))[0] != right:
            bad.add(start)
    return bad


def _next_head(data: bytes, place: int, room: int) -> int | None:
    """The place of the next head with a right checksum; None if there is none."""
    for match in _MAYBE_LENGTH.finditer(data, place):
        for start in range(max(place, match.start() - 3), match.start() + 1):
            if start + _HEAD.size <= len(data):
                length, checksum = _HEAD.unpack_from(data, start)
                fits = start + _HEAD.size + length + _FOOT.size <= room
                if length and fits and crc.masked(data[start : start + 8]) == checksum:
                    return start
    return None


class Event(NamedTuple):
    """The fields of an `Event` that are read. `kinds` are the numbers of its other fields."""

    wall: float  # seconds; 0 where it names no time
    step: int
    values: list[bytes]
    kinds: list[int]
    version: float | None  # of the file's format, in its first event
    restarts: bool  # begins a session


def event(data: bytes) -> Event:
    """An event from its bytes.

    Raises:
        ValueError: The bytes are no event.
    """
    wall, step, version, restarts = 0.0, 0, None, False
    values: list[bytes] = []
    kinds: list[int] = []
    for number, kind, value in wire.fields(data):
        if number == 1 and kind == wire.FIXED64:
            wall = wire.double(value)
        elif number == 2 and kind == wire.VARINT:
            step = wire.signed(value)
        elif number == 3 and kind == wire.BYTES:
            match = _VERSION.fullmatch(wire.text(value))
            version = float(match[1]) if match else None
        elif number == 5 and kind == wire.BYTES:
            values += [content for n, k, content in wire.fields(value) if (n, k) == (1, wire.BYTES)]
        elif number == 7 and kind == wire.BYTES:
            restarts = value_fields(value).get(1) == _SESSION_START
        else:
            kinds.append(number)
    return Event(wall, step, values, kinds, version, restarts)


def value_fields(value: bytes) -> dict[int, Any]:
    """A message's fields by number."""
    return {number: content for number, _, content in wire.fields(value)}


def plugin_of(metadata: bytes) -> tuple[str, bytes]:
    """The plugin that a `SummaryMetadata` names, and the content for that plugin."""
    name, content = "", b""
    for number, _, data in wire.fields(metadata):
        if number == 1:
            for inner, _, value in wire.fields(data):
                name = wire.text(value) if inner == 1 else name
                content = value if inner == 2 else content
    return name, content


def tensor_number(tensor: bytes) -> float | None:
    """The number in a tensor with a single number; None for any other tensor.

    Raises:
        ValueError: The bytes are no tensor.
    """
    numbers, size = tensor_numbers(tensor)
    return float(numbers[0]) if size == len(numbers) == 1 else None


def tensor_numbers(tensor: bytes) -> tuple[list[float], int]:
    """The numbers in a tensor, and how many its shape has.

    Raises:
        ValueError: The bytes are no tensor.
    """
    kind, size = 0, 1
    numbers: list[float] = []
    for number, wire_type, value in wire.fields(tensor):
        if number == 1:
            kind = value
        elif number == 2:
            size *= math.prod(_dimensions(value))
        elif number == 4:
            numbers += _content(kind, value)
        elif number in _VALUES and wire_type == wire.VARINT:
            numbers.append(_whole(kind, value))
        elif number in _VALUES:
            width = _VALUES[number]
            if width:
                numbers += [n for (n,) in struct.iter_unpack(width, value)]
            else:
                numbers += [_whole(kind, n) for n in wire.varints(value)]
    return numbers, size


def _dimensions(shape: bytes) -> Iterator[int]:
    for number, _, dimension in wire.fields(shape):
        if number == 2:
            yield wire.signed(value_fields(dimension).get(1, 0))


def _content(kind: int, data: bytes) -> list[float]:
    """The numbers in the bytes of a tensor."""
    if kind == _BFLOAT16:
        return [_bfloat16(number) for (number,) in struct.iter_unpack("<H", data)]
    form = _FORMS.get(kind)
    return [number for (number,) in struct.iter_unpack(f"<{form}", data)] if form else []


def _whole(kind: int, value: int) -> float:
    """A number that is stored as an integer; a 16-bit float is stored by its bits."""
    if kind == _HALF:
        return float(struct.unpack("<e", struct.pack("<H", value & 0xFFFF))[0])
    if kind == _BFLOAT16:
        return _bfloat16(value & 0xFFFF)
    return value if kind == _UINT64 else wire.signed(value)


def _bfloat16(bits: int) -> float:
    return wire.single(struct.pack("<I", bits << 16))


def tensor_texts(tensor: bytes) -> list[str]:
    """The texts in a tensor."""
    return list(map(wire.text, tensor_bytes(tensor)))


def tensor_bytes(tensor: bytes) -> list[bytes]:
    """The strings of bytes in a tensor."""
    return [content for number, _, content in wire.fields(tensor) if number == 8]
