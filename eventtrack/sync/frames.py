"""Frames: messages one after the other in a pipe or a bundle (docs/wire.md, sections 5 and 6)."""

import struct
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, Protocol, TypeVar

import msgspec

from eventtrack import errors
from eventtrack.errors import ChecksumError, EventtrackError
from eventtrack.events.envelope import Name, Number
from eventtrack.limits import FRAME_BYTES_MAX
from eventtrack.sync.protocol import FeedHead

# Kinds of frames: one letter each.
HELLO, HEADS, KNOWN, READ, APPEND, FLUSH = b"h", b"v", b"k", b"r", b"a", b"f"
PRESENT, GET, PUT, CHOOSE = b"p", b"g", b"u", b"s"
BLOCK, CHUNK, END, DONE, FAILED = b"B", b"C", b"E", b"K", b"X"

_HEAD = struct.Struct(">cI")
HEAD_BYTES = _HEAD.size
_COPY_BYTES = 2**20
# Characters of an error's message from the other side.
_MESSAGE_MAX = 4000
_encode = msgspec.msgpack.encode
T = TypeVar("T")


class _Head(msgspec.Struct, array_like=True):
    replica: Name
    size: Number
    root: bytes
    whole: Number | None = None


class Ended(Exception):  # noqa: N818 - its meaning depends on the source of the frames
    """The frames stopped, between two frames or within a frame."""


class Sink(Protocol):
    """A stream that frames are written to."""

    def write(self, data: bytes, /) -> Any:
        """Write all of `data`."""
        ...


def write_frame(sink: Sink, kind: bytes, body: bytes = b"") -> None:
    """Write a frame; the caller flushes."""
    sink.write(_HEAD.pack(kind, len(body)))
    sink.write(body)


def frame(kind: bytes, body: bytes = b"") -> bytes:
    """A frame in one piece."""
    return _HEAD.pack(kind, len(body)) + body


def read_frame(source: BinaryIO) -> tuple[bytes, bytes]:
    """The next frame: its kind and its body.

    Raises:
        Ended: There is no frame, or only a part.
        ChecksumError: Its length is more than a frame can have.
    """
    kind, length = read_head(source)
    body = source.read(length)
    if len(body) < length:
        raise Ended
    return kind, body


def read_head(source: BinaryIO) -> tuple[bytes, int]:
    """The next frame's kind and the length of its body, which follows.

    Raises:
        Ended: There is no frame.
        ChecksumError: Its length is more than a frame can have.
    """
    head = source.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES:
        raise Ended
    kind, length = _HEAD.unpack(head)
    if length > FRAME_BYTES_MAX:
        raise _damaged(f"a message of {length} bytes")
    return kind, length


def write_chunks(sink: Sink, chunks: Iterable[bytes]) -> None:
    """Write an artifact's bytes: a frame for each piece, and an end."""
    for chunk in chunks:
        for start in range(0, len(chunk), _COPY_BYTES):
            write_frame(sink, CHUNK, chunk[start : start + _COPY_BYTES])
    write_frame(sink, END)


def read_chunks(source: BinaryIO) -> Iterator[bytes]:
    """The pieces that `write_chunks` wrote, up to the end."""
    while True:
        kind, body = read_frame(source)
        if kind == END:
            return
        if kind != CHUNK:
            raise _damaged(f"a message {kind!r} within an artifact")
        yield body


def encode_heads(heads: Iterable[FeedHead]) -> bytes:
    """Heads as msgpack: `[[replica, size, root], ...]`; a head with `whole` has it as fourth."""
    return _encode([head if head.whole is not None else head[:3] for head in heads])


def decode_heads(body: bytes) -> list[FeedHead]:
    """Heads from msgpack."""
    return [FeedHead(*msgspec.structs.astuple(head)) for head in decode(body, list[_Head])]


def encode_failure(error: EventtrackError) -> bytes:
    """An error for the other side: msgpack `[name, message, hint]`."""
    return _encode((type(error).__name__, error.message, error.hint))


def decode_failure(body: bytes) -> EventtrackError:
    """The error that the other side met, as an error of this side."""
    name, message, hint = decode(body, tuple[str, str, str])
    kind = getattr(errors, name, errors.RemoteError)
    if not (isinstance(kind, type) and issubclass(kind, EventtrackError)):
        kind = errors.RemoteError
    said = message[:_MESSAGE_MAX]
    return kind(f"the other side says: {said}", hint=hint[:_MESSAGE_MAX])


def decode(body: bytes, kind: type[T]) -> T:
    """A message's body.

    Raises:
        ChecksumError: The body does not decode as `kind`.
    """
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _damaged(f"a message that cannot be read ({error})") from error


def encode(value: Any) -> bytes:
    """A message's body from plain values."""
    return _encode(value)


def _damaged(what: str) -> EventtrackError:
    return ChecksumError(
        f"the other side of the sync, or the bundle, holds {what}",
        hint="nothing of it was taken; try again, with the same eventtrack on both sides",
    )
