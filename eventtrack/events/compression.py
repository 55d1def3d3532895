"""Bodies of envelopes in fewer bytes: Zstandard (docs/format.md, section 5; decision 0057)."""

import threading
from functools import cached_property
from typing import TYPE_CHECKING

from eventtrack.errors import MalformedError
from eventtrack.lazy import lazy
from eventtrack.limits import ENVELOPE_PAYLOAD_BYTES_MAX

# A program that logs little compresses nothing.
if TYPE_CHECKING:
    import zstandard
else:
    zstandard = lazy("zstandard")

# A shorter body stays as it is: what it would save is less than a row of the log takes anyway.
_FROM_BYTES = 256
# Higher levels take three to ten times as long, for the same bytes of metrics.
_LEVEL = 1


class _Contexts(threading.local):
    """The memory that the library works in, made once for each thread."""

    @cached_property
    def compressor(self) -> "zstandard.ZstdCompressor":
        return zstandard.ZstdCompressor(level=_LEVEL)

    @cached_property
    def decompressor(self) -> "zstandard.ZstdDecompressor":
        return zstandard.ZstdDecompressor()


_contexts = _Contexts()


def compress(body: bytes) -> bytes | None:
    """A body as one frame of Zstandard, or None where that would save less than an eighth."""
    if len(body) < _FROM_BYTES:
        return None
    frame = _contexts.compressor.compress(body)
    return frame if len(frame) <= len(body) - len(body) // 8 else None


def decompress(frame: bytes | memoryview) -> bytes:
    """The body that a frame holds.

    Raises:
        MalformedError: This is not one frame, or its body is larger than a payload may be.
    """
    try:
        size = zstandard.frame_content_size(frame)
        if size < 0:
            raise MalformedError("its body is compressed and does not say its size")
        if size > ENVELOPE_PAYLOAD_BYTES_MAX:
            raise MalformedError(
                f"its body is compressed from {size} bytes; {ENVELOPE_PAYLOAD_BYTES_MAX} are the "
                "most"
            )
        return _contexts.decompressor.decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise MalformedError(f"its body cannot be decompressed: {error}") from error
