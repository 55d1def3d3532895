"""Bodies of requests that are read whole, and how long they may be."""

from starlette.requests import Request


class TooLargeError(Exception):
    """A body is longer than any request of its kind needs.

    Args:
        size_max: How many bytes it may have.
    """

    def __init__(self, size_max: int) -> None:
        super().__init__(f"The request is longer than {size_max} bytes.")


async def read(request: Request, size_max: int) -> bytes:
    """The whole body.

    Raises:
        TooLargeError: It has more than `size_max` bytes; the rest was not read.
    """
    if int(request.headers.get("content-length", 0)) > size_max:
        raise TooLargeError(size_max)
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > size_max:
            raise TooLargeError(size_max)
        chunks.append(chunk)
    return b"".join(chunks)
