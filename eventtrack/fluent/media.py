"""Histograms and media as the store takes them: values counted, sounds and files with a type."""

import contextlib
import io
import math
import mimetypes
import os
import sys
import wave
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from eventtrack.errors import InvalidValueError
from eventtrack.events.items import even_edges

# Stretches of a histogram that is made of values (TensorBoard and W&B have as many).
BINS = 64
# Formats of 3D scenes and point clouds that no system knows the types of.
_TYPES = {
    ".glb": "model/gltf-binary",
    ".gltf": "model/gltf+json",
    ".obj": "model/obj",
    ".stl": "model/stl",
    ".webp": "image/webp",
}

# A path, or the bytes themselves.
File = str | os.PathLike[str] | bytes


class Medium(NamedTuple):
    """A medium to store: its bytes or their file, its media type, and a file's name."""

    source: Path | bytes
    media_type: str
    name: str | None


def counted(values: Iterable[float]) -> tuple[list[float], list[int]]:
    """Edges and counts of a histogram of values; those that are not finite are left out.

    Takes lists, arrays of numpy and tensors of torch. If numpy is loaded, it counts: the result is
    the same.

    Raises:
        InvalidValueError: There is no finite value.
    """
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        with contextlib.suppress(TypeError, ValueError):  # ragged lists, say
            array = numpy.asarray(_at_hand(values), dtype="float64")
            counts, edges = numpy.histogram(array[numpy.isfinite(array)], BINS)
            if counts.any():  # there is a value
                return edges.tolist(), counts.tolist()
    numbers = sorted(filter(math.isfinite, _flat(values)))
    if not numbers:
        raise InvalidValueError(
            "cannot make a histogram of no finite value", hint="pass at least one number"
        )
    low, high = numbers[0], numbers[-1]
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = even_edges(low, high, BINS)
    stops = [*(bisect_left(numbers, edge) for edge in edges[1:-1]), len(numbers)]
    return edges, [stop - start for start, stop in pairwise([0, *stops])]


def medium(file: File, media_type: str | None) -> Medium:
    """A medium from bytes with their media type, or from a file, whose name tells the type.

    Raises:
        InvalidValueError: Bytes come without a media type.
    """
    if isinstance(file, bytes):
        if media_type is None:
            raise InvalidValueError(
                "bytes of a medium come without a media type", hint='pass media_type="image/png"'
            )
        return Medium(file, media_type, None)
    path = Path(file)
    guessed = _TYPES.get(path.suffix.lower()) or mimetypes.guess_type(path.name)[0]
    return Medium(path, media_type or guessed or "application/octet-stream", path.name)


def sound(samples: Any, sample_rate: int | None) -> Medium:
    """A sound from a file, bytes of a WAV file, or samples between -1 and 1.

    Args:
        samples: Floats of one channel, or an array of shape (samples, channels).
        sample_rate: Samples a second and channel.

    Raises:
        InvalidValueError: Samples come without a sample rate.
    """
    if isinstance(samples, str | os.PathLike):
        return medium(samples, None)
    if isinstance(samples, bytes):
        return Medium(samples, "audio/wav", None)
    if sample_rate is None:
        raise InvalidValueError(
            "samples of a sound come without a sample rate", hint="pass sample_rate=16000"
        )
    shape: Sequence[int] = getattr(samples, "shape", ())
    channels = int(shape[1]) if len(shape) == 2 else 1
    numbers = (max(-1.0, min(1.0, number)) for number in _flat(samples))
    frames = array("h", [round(number * 32767) for number in numbers])
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(sample_rate)
        writer.writeframes(frames.tobytes())
    return Medium(buffer.getvalue(), "audio/wav", None)


def page(html: str | os.PathLike[str]) -> Medium:
    """A page from its HTML, or from a file given as a path object."""
    if isinstance(html, str):
        return Medium(html.encode(), "text/html", None)
    return medium(html, "text/html")


def _at_hand(values: Any) -> Any:
    """Values that are no part of a graph of torch, and lie in this machine's own memory."""
    for way in ("detach", "cpu"):
        values = getattr(values, way, lambda same=values: same)()
    return values


def _flat(values: Any) -> Sequence[float]:
    """The numbers of a list, of nested lists, of an array or of a tensor."""
    values = _at_hand(values)
    for way in ("flatten", "tolist"):
        values = getattr(values, way, lambda same=values: same)()
    numbers = [values] if isinstance(values, int | float) else list(values)
    if any(isinstance(number, list | tuple) for number in numbers):
        numbers = [inner for number in numbers for inner in _flat(number)]
    try:
        return [float(number) for number in numbers]
    except (TypeError, ValueError) as error:
        raise InvalidValueError(
            f"cannot take these values as numbers: {error}", hint="pass a flat list of numbers"
        ) from None
