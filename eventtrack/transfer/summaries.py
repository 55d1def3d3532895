"""Histograms, images and sounds in TensorBoard's summaries, of today's form and of the older."""

import struct
from collections.abc import Mapping
from typing import Any

from eventtrack.transfer import event_files, wire
from eventtrack.transfer.items import LoggedItems

# Fields of `Summary.Value`.
_IMAGE, _HISTOGRAM, _AUDIO, _TENSOR = 4, 5, 6, 8
# The bytes with which the formats of images begin.
_IMAGES = {b"\x89PNG": "image/png", b"\xff\xd8\xff": "image/jpeg", b"GIF8": "image/gif"}
_WIDTH_AND_HEIGHT = 2  # the texts of a tensor of images that stand before the images


def take(
    items: LoggedItems,
    tag: str,
    plugin: str,
    fields: Mapping[int, Any],
    step: int,
    time_ms: int,
) -> bool:
    """Take a value that is no number and no text; False if it has no place or makes no sense."""
    if _HISTOGRAM in fields:
        edges, counts = _histogram(fields[_HISTOGRAM])
        return items.histogram(tag, step, time_ms, edges, counts)
    if _IMAGE in fields:
        image = event_files.value_fields(fields[_IMAGE]).get(4, b"")
        return _take_images(items, tag, [image], step, time_ms)
    if _AUDIO in fields:
        audio = event_files.value_fields(fields[_AUDIO])
        sound, kind = audio.get(4, b""), wire.text(audio.get(5, b"")) or "audio/wav"
        if sound:
            items.medium(tag, step, time_ms, sound, kind)
        return bool(sound)
    if _TENSOR not in fields:
        return False
    if plugin == "histograms":
        numbers, _ = event_files.tensor_numbers(fields[_TENSOR])
        rows = [numbers[place : place + 3] for place in range(0, len(numbers), 3)]
        if not rows or len(numbers) % 3:
            return False
        edges = [row[0] for row in rows] + [rows[-1][1]]
        return items.histogram(tag, step, time_ms, edges, [row[2] for row in rows])
    if plugin == "images":
        images = event_files.tensor_bytes(fields[_TENSOR])[_WIDTH_AND_HEIGHT:]
        return _take_images(items, tag, images, step, time_ms)
    if plugin == "audio":
        sounds = event_files.tensor_bytes(fields[_TENSOR])[::2]  # each with a label behind it
        for sound in sounds:
            items.medium(tag, step, time_ms, sound, "audio/wav")
        return bool(sounds)
    return False


def _take_images(
    items: LoggedItems, tag: str, images: list[bytes], step: int, time_ms: int
) -> bool:
    for image in images:
        kinds = [kind for begin, kind in _IMAGES.items() if image.startswith(begin)]
        items.medium(tag, step, time_ms, image, kinds[0] if kinds else None)
    return bool(images) and all(images)


def _histogram(message: bytes) -> tuple[list[float], list[float]]:
    """Edges and counts of a `HistogramProto`, which has the upper edge of each stretch.

    The first stretch begins at the least value. The last upper edge may be the greatest double:
    then it ends at the greatest value.
    """
    fields = event_files.value_fields(message)
    least, most = (wire.double(fields.get(number, bytes(8))) for number in (1, 2))
    limits, counts = _doubles(message, 6), _doubles(message, 7)
    if not limits:
        return [], counts
    low = min(least, limits[0])
    if len(limits) > 1 and limits[-1] > most:
        limits[-1] = max(limits[-2], most)
    return [low, *limits], counts


def _doubles(message: bytes, field: int) -> list[float]:
    numbers: list[float] = []
    for number, _, data in wire.fields(message):
        if number == field:
            numbers += [value for (value,) in struct.iter_unpack("<d", data)]
    return numbers
