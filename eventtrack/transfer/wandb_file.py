"""The `.wandb` file that a run of Weights & Biases writes beside its files.

Seven bytes of head, then blocks of 32 KiB as in LevelDB's log: chunks of a checksum (CRC-32 of kind
and data), a length and a kind (whole, first, middle, last), zeros where a block has no room for
another chunk. The chunks of a record joined are one `Record` of wandb_internal.proto.
"""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from eventtrack.errors import InvalidValueError
from eventtrack.transfer import wire
from eventtrack.transfer.report import Report

_BLOCK_BYTES = 32_768
_HEAD = b":W&B"
_HEAD_BYTES = 7
_CHUNK = struct.Struct("<IHB")
_WHOLE, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4
# The checksum of each kind alone: that of a chunk goes on from it.
_SUMS = {kind: zlib.crc32(bytes((kind,))) for kind in (_WHOLE, _FIRST, _MIDDLE, _LAST)}
_decode = msgspec.json.Decoder().decode


def records(path: Path, report: Report) -> Iterator[bytes]:
    """The records of a file; damage is reported, and reading goes on with the next block.

    Raises:
        InvalidValueError: It is no such file.
    """
    data = path.read_bytes()
    if data[:4] != _HEAD:
        raise InvalidValueError(
            f"cannot import {path}: it does not begin as a .wandb file does",
            hint="name the folder `wandb` that the runs were written to",
        )
    place, begun = _HEAD_BYTES, _HEAD_BYTES
    parts: list[bytes] | None = None  # of a record that has begun; one may begin with nothing
    while place < len(data):
        left = _BLOCK_BYTES - place % _BLOCK_BYTES
        if left < _CHUNK.size:
            place += left
            continue
        if place + _CHUNK.size > len(data):
            report.damaged(path, place, "the last record is cut off")
            return
        checksum, length, kind = _CHUNK.unpack_from(data, place)
        start, stop = place + _CHUNK.size, place + _CHUNK.size + length
        if stop > len(data):
            report.damaged(path, place, "the last record is cut off")
            return
        chunk = data[start:stop]
        if length + _CHUNK.size > left or zlib.crc32(chunk, _SUMS.get(kind, 0)) != checksum:
            report.damaged(
                path, place, "a record whose checksum fails; reading on at the next block"
            )
            place, parts = place + left, None
            continue
        if kind in (_WHOLE, _FIRST):
            if parts is not None:
                report.damaged(path, begun, "a record without its end")
            parts, begun = [], place
        elif parts is None:
            place = stop  # the rest of a record whose begin is damaged, which was reported
            continue
        place = stop
        parts.append(chunk)
        if kind in (_WHOLE, _LAST):
            yield b"".join(parts)
            parts = None
    if parts is not None:
        report.damaged(path, begun, "the last record is cut off")


def items(message: bytes, number: int = 1) -> Iterator[tuple[str, Any]]:
    """Names and values of the items in field `number`: of history, summary, config or stats.

    Nested names are joined by dots.
    """
    for field, _, item in wire.fields(message):
        if field != number:
            continue
        names: list[str] = []
        value = b"null"
        for inner, _, data in wire.fields(item):
            if inner in (1, 2):
                names.append(wire.text(data))
            elif inner == 16:
                value = data
        yield ".".join(name for name in names if name), decoded(value)


def removed(message: bytes) -> Iterator[str]:
    """The names that a config or a summary takes back."""
    return (name for name, _ in items(message, 2))


def decoded(value: bytes) -> Any:
    """A value from its JSON, in which NaN and infinities stand as they do in Python's."""
    try:
        return _decode(value)
    except msgspec.DecodeError:
        import json

        try:
            return json.loads(value)
        except ValueError:
            return wire.text(value)


def timestamp_ms(message: bytes) -> int:
    """A `google.protobuf.Timestamp` in milliseconds."""
    found = {number: value for number, _, value in wire.fields(message)}
    return int(found.get(1, 0)) * 1000 + int(found.get(2, 0)) // 1_000_000
