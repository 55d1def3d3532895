"""Bodies of requests that are read whole, packed or not, up to a bound."""

import zlib

from starlette.requests import Request

from eventtrack.errors import InvalidValueError

_PACKINGS = ("gzip", "x-gzip", "deflate")
# zlib.h: tell gzip and zlib apart by their first bytes, with any window.
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS


class TooLargeError(Exception):
    """A body is longer than any request of its kind needs.

    Args:
        size_max: The most bytes that a body may have.
    """

    def __init__(self, size_max: int) -> None:
        super().__init__(f"The request is longer than {size_max} bytes.")


async def read(request: Request, size_max: int) -> bytes:
    """The whole body, unpacked.

    Raises:
        TooLargeError: The body has more than `size_max` bytes, packed or unpacked. The rest was
            neither read nor unpacked.
        InvalidValueError: The packing is not known, or the end of the body is missing.
    """
    if int(request.headers.get("content-length", 0)) > size_max:
        raise TooLargeError(size_max)
    packing = request.headers.get("content-encoding", "identity").strip().lower()
    if packing != "identity":
        return await _unpacked(request, packing, size_max)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > size_max:
            raise TooLargeError(size_max)
        chunks.append(chunk)
    return b"".join(chunks)


async def _unpacked(request: Request, packing: str, size_max: int) -> bytes:
    """A packed body, unpacked. A bomb is noticed at the first byte over the limit."""
    if packing not in _PACKINGS:
        raise InvalidValueError(
            f"Content-Encoding {packing[:50]!r} is not known here",
            hint="send the body in gzip or deflate, or as it is",
        )
    unpacker, chunks, size = zlib.decompressobj(_GZIP_OR_ZLIB), [], 0
    try:
        async for chunk in request.stream():
            # Unpacks at most one byte over the limit: that byte is enough to refuse the body.
            unpacked = unpacker.decompress(chunk, size_max - size + 1)
            size += len(unpacked)
            if size > size_max:
                raise TooLargeError(size_max)
            chunks.append(unpacked)
    except zlib.error as error:
        raise InvalidValueError(f"the body is no {packing}: {error}") from error
    if not unpacker.eof or unpacker.unused_data:
        raise InvalidValueError(f"the body is more or less than one whole {packing}")
    return b"".join(chunks)
