"""TensorBoard's event files: TFRecord frames, each with one `Event`.

A frame is the length (u64, little-endian), its checksum, that many bytes, their checksum.
"""

import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eventtrack.transfer import crc, wire
from eventtrack.transfer.report import Report

_HEAD = struct.Struct("<QI")
_FOOT = struct.Struct("<I")
_READ_BYTES = 2**24
# Larger records are images and the like: their checksum is asked for only by who takes them.
CHECKED_BYTES_MAX = 2048


def records(path: Path, report: Report) -> Iterator[bytes]:
    """The records of a file, in order, those whose checksum fails left out and reported.

    Where a length cannot be trusted nothing behind it can be read: that is reported, and the end.
    """
    for page in _pages(path, report):
        yield from _intact(page, path, report)


def _pages(path: Path, report: Report) -> Iterator[list[tuple[int, bytes, int]]]:
    """Records with offset and checksum, some megabytes at a time."""
    head, foot = _HEAD.size, _FOOT.size
    begun = 0  # the offset of `left`
    left = b""
    lengths: dict[bytes, bool] = {}  # lengths with their checksums repeat
    with path.open("rb") as stream:
        while chunk := stream.read(_READ_BYTES):
            data, place = left + chunk, 0
            page: list[tuple[int, bytes, int]] = []
            while place + head <= len(data):
                framed = data[place : place + head]
                length, checksum = _HEAD.unpack(framed)
                if framed not in lengths:
                    lengths[framed] = crc.masked(framed[:8]) == checksum
                if not lengths[framed]:
                    yield page
                    report.damaged(path, begun + place, "a length whose checksum fails: the end")
                    return
                stop = place + head + length
                if stop + foot > len(data):
                    break
                [expected] = _FOOT.unpack_from(data, stop)
                page.append((begun + place, data[place + head : stop], expected))
                place = stop + foot
            yield page
            begun, left = begun + place, data[place:]
    if left:
        report.damaged(path, begun, f"the last record is cut off ({len(left)} bytes)")


def _intact(page: list[tuple[int, bytes, int]], path: Path, report: Report) -> Iterator[bytes]:
    by_length: dict[int, list[int]] = defaultdict(list)
    for number, (_, data, _) in enumerate(page):
        if len(data) <= CHECKED_BYTES_MAX:
            by_length[len(data)].append(number)
    bad: set[int] = set()
    for numbers in by_length.values():
        sums = crc.masked_many([page[number][1] for number in numbers])
        bad.update(n for n, found in zip(numbers, sums, strict=True) if found != page[n][2])
    for number, (offset, data, expected) in enumerate(page):
        if number in bad or (len(data) > CHECKED_BYTES_MAX and not _large_is_fine(data, expected)):
            report.damaged(path, offset, "a record whose checksum fails; it was left out")
        else:
            yield data


def _large_is_fine(data: bytes, expected: int) -> bool:
    """Whether a large record is intact, or nothing that is taken."""
    return (b"hparams" not in data and b"text" not in data) or crc.masked(data) == expected


def summary_values(event: bytes) -> tuple[float, int, list[bytes], list[int]]:
    """An event's wall time (seconds), step and summary values, and its fields of other kinds.

    Raises:
        ValueError: It is no event.
    """
    wall, step, values, others = 0.0, 0, [], []
    for number, kind, value in wire.fields(event):
        if number == 1 and kind == wire.FIXED64:
            wall = wire.double(value)
        elif number == 2 and kind == wire.VARINT:
            step = wire.signed(value)
        elif number == 5 and kind == wire.BYTES:
            values += [one for n, k, one in wire.fields(value) if (n, k) == (1, wire.BYTES)]
        else:
            others.append(number)
    return wall, step, values, others


def value_fields(value: bytes) -> dict[int, Any]:
    """A `Summary.Value`'s fields by number."""
    return {number: content for number, _, content in wire.fields(value)}


def plugin_of(metadata: bytes) -> tuple[str, bytes]:
    """The plugin that a `SummaryMetadata` names, and what it keeps there."""
    name, content = "", b""
    for number, _, data in wire.fields(metadata):
        if number == 1:
            for inner, _, found in wire.fields(data):
                name = wire.text(found) if inner == 1 else name
                content = found if inner == 2 else content
    return name, content


def tensor_number(tensor: bytes) -> float | None:
    """The number in a tensor that has a single one; None for any other."""
    found = value_fields(tensor)
    for number, width, read in ((5, 4, wire.single), (6, 8, wire.double)):
        if isinstance(found.get(number), bytes) and len(found[number]) == width:
            return read(found[number])
    content, kind = found.get(4, b""), found.get(1)
    if kind == 1 and len(content) == 4:
        return wire.single(content)
    return wire.double(content) if kind == 2 and len(content) == 8 else None


def tensor_texts(tensor: bytes) -> list[str]:
    """The texts in a tensor."""
    return [wire.text(one) for number, _, one in wire.fields(tensor) if number == 8]
