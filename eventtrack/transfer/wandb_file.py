"""The `.wandb` file that a run of Weights & Biases writes beside its files.

The file has seven bytes of head, then blocks of 32 KiB as in LevelDB's log. A block has chunks: a
checksum (CRC-32 of kind and data), a length, a kind (whole, first, middle, last), and data. Zeros
fill a block that has no room for another chunk. The joined chunks of a record are one `Record` of
wandb_internal.proto.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from eventtrack.transfer import wire
from eventtrack.transfer.report import Report

_BLOCK_BYTES = 32_768
_HEAD = b":W&B\xe1\xbe\x00"  # with a number of its own and the format's version
_CHUNK = struct.Struct("<IHB")
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
# The checksum of each kind alone: the checksum of a chunk continues from it.
_SUMS = {kind: zlib.crc32(bytes((kind,))) for kind in (_WHOLE, _FIRST, _MIDDLE, _LAST)}
_decode = msgspec.json.Decoder().decode

Chunk = tuple[int, int]  # its kind, and its end


def records(path: Path, report: Report) -> Iterator[bytes]:
    """The records of a file, in order. The checksum of every chunk is checked.

    Damage is reported with its offset. Reading goes on with the next chunk whose checksum is right.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        report.missing(str(path), error.strerror or str(error))
        return
    if data[: len(_HEAD)] != _HEAD:
        report.damaged(path, 0, "it does not begin as a .wandb file does")
    place = begun = len(_HEAD)
    parts: list[bytes] | None = None  # of a record that has begun; the first part may be empty
    while place < len(data):
        block_end = place + _BLOCK_BYTES - place % _BLOCK_BYTES
        if block_end - place < _CHUNK.size:
            if data[place:block_end].strip(b"\0"):
                report.damaged(path, place, "bytes between two blocks")
            place = block_end
            continue
        chunk = _chunk(data, place, block_end)
        if chunk is None:
            lost, parts = place, None
            place = _next_chunk(data, place + 1, block_end)
            if place < len(data):
                report.damaged(path, lost, f"{place - lost} bytes that are no record: left out")
            else:
                left = len(data) - lost
                report.damaged(path, lost, f"the last record is cut off or damaged ({left} bytes)")
            continue
        kind, stop = chunk
        if kind in (_WHOLE, _FIRST):
            if parts is not None:
                report.damaged(path, begun, "a record without its end")
            parts, begun = [], place
        elif parts is None:
            report.damaged(path, place, "the rest of a record whose begin is lost")
            place = stop
            continue
        parts.append(data[place + _CHUNK.size : stop])
        place = stop
        if kind in (_WHOLE, _LAST):
            yield b"".join(parts)
            parts = None
    if parts is not None:
        report.damaged(path, begun, "the last record is cut off")


def _chunk(data: bytes, place: int, block_end: int) -> Chunk | None:
    """The chunk at a place; None if its checksum is wrong, or it is cut off."""
    if place + _CHUNK.size > len(data):
        return None
    checksum, length, kind = _CHUNK.unpack_from(data, place)
    start, stop = place + _CHUNK.size, place + _CHUNK.size + length
    if kind not in _SUMS or stop > min(block_end, len(data)):
        return None
    is_right = zlib.crc32(data[start:stop], _SUMS[kind]) == checksum
    return (kind, stop) if is_right else None


def _next_chunk(data: bytes, place: int, block_end: int) -> int:
    """The place of the next chunk within the block; the block's end if there is none."""
    for start in range(place, min(block_end, len(data)) - _CHUNK.size):
        if data[start + 6] in _SUMS and _chunk(data, start, block_end) is not None:
            return start
    return block_end


def items(message: bytes, number: int = 1) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Paths and values of the items in field `number`: of history, summary, config or stats."""
    for field, _, item in wire.fields(message):
        if field != number:
            continue
        names: list[str] = []
        value: Any = None
        for inner, _, data in wire.fields(item):
            if inner in (1, 2):
                names.append(wire.text(data))
            elif inner == 4:
                value = bool(data)
            elif inner == 5:
                value = (data >> 1) ^ -(data & 1)
            elif inner == 6:
                value = wire.double(data)
            elif inner == 7:
                value = wire.text(data)
            elif inner in (8, 16):
                value = decoded(data)
        yield tuple(names) or ("",), value


def removed(message: bytes) -> Iterator[tuple[str, ...]]:
    """The paths that a config or a summary removes."""
    return (path for path, _ in items(message, 2))


def decoded(value: bytes) -> Any:
    """A value from its JSON; NaN and infinities are bare words, as in Python's JSON."""
    try:
        return _decode(value)
    except msgspec.DecodeError:
        import json

        try:
            return json.loads(value)
        except ValueError:
            return wire.text(value)


def timestamp_ms(message: bytes) -> int:
    """A `google.protobuf.Timestamp` in milliseconds; 0 for none."""
    values = {number: value for number, _, value in wire.fields(message)}
    return int(wire.signed(values.get(1, 0))) * 1000 + int(values.get(2, 0)) // 1_000_000
