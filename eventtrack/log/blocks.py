"""Blocks: contiguous envelopes of one feed as one piece of bytes (docs/wire.md, section 3).

The same bytes are a message between processes, a segment in a folder, a part of a bundle and an
entry of a shared log. So a block is encoded once and passed on unchanged.
"""

import hashlib
import struct
from collections.abc import Callable, Iterator, Sequence

import msgspec

from eventtrack.errors import ChecksumError, EventtrackError, FormatTooNewError
from eventtrack.events.envelope import Envelope, Name, Number
from eventtrack.limits import HEADER_BYTES_MAX
from eventtrack.log import merkle

MAGIC = b"ETBLOCK1"
_LENGTH = struct.Struct(">I")
_DIGEST_BYTES = 32
# Bytes of a block's beginning that are enough for `read_header`.
PREFIX_BYTES = len(MAGIC) + _LENGTH.size + HEADER_BYTES_MAX


class BlockHeader(msgspec.Struct, array_like=True, frozen=True):
    """The header of a block that holds `count` envelopes of a feed, from index `first` on.

    `frontier` is the feed's Merkle frontier before the first envelope, `root` its root behind the
    last. A store that has the feed up to `first` sees by `frontier` whether the block belongs to
    the same feed, and by `root` whether the envelopes are unchanged and complete.
    """

    replica: Name
    first: Number
    count: Number
    frontier: list[bytes]
    root: bytes

    @property
    def stop(self) -> int:
        """The size of the feed behind this block."""
        return self.first + self.count


_header_decoder = msgspec.msgpack.Decoder(BlockHeader)


class Block:
    """Contiguous envelopes of one feed, with hashes that prove it.

    Args:
        data: The encoded block, kept to be passed on unchanged.
    """

    __slots__ = ("data", "envelopes", "header")

    def __init__(self, header: BlockHeader, envelopes: Sequence[bytes], data: bytes) -> None:
        self.header = header
        self.envelopes = envelopes
        self.data = data

    @classmethod
    def make(
        cls, replica: bytes, first: int, frontier: list[bytes], envelopes: Sequence[Envelope]
    ) -> "Block":
        """A block of envelopes that follow the first `first` envelopes of a feed.

        `frontier` is the feed's frontier there; this call moves it behind the last envelope.
        """
        before = list(frontier)
        for place, envelope in enumerate(envelopes, first):
            merkle.append_leaf(frontier, place, envelope.leaf_hash)
        header = BlockHeader(replica, first, len(envelopes), before, merkle.root(frontier))
        data = [envelope.data for envelope in envelopes]
        return cls(header, data, _encode(header, data))

    @classmethod
    def decode(cls, data: bytes) -> "Block":
        """The block in `data`, whole and unchanged.

        Raises:
            ChecksumError: The block is cut or changed, or `data` is no block.
            FormatTooNewError: A later eventtrack made it.
        """
        header, start = read_header(data)
        if hashlib.sha256(memoryview(data)[:-_DIGEST_BYTES]).digest() != data[-_DIGEST_BYTES:]:
            raise _damaged("its checksum does not match its bytes")
        envelopes = []
        stop = len(data) - _DIGEST_BYTES
        while start < stop:
            begin = start + _LENGTH.size
            start = begin + int.from_bytes(data[start:begin], "big")
            envelopes.append(data[begin:start])
        if start != stop or len(envelopes) != header.count:
            raise _damaged("its envelopes are not those that it announces")
        return cls(header, envelopes, data)

    def before(self, index: int) -> "Block":
        """The part of this block up to `index`, which must lie within the block."""
        header = self.header
        envelopes = [Envelope(data) for data in self.envelopes[: index - header.first]]
        return Block.make(header.replica, header.first, list(header.frontier), envelopes)

    def behind(self, index: int) -> "Block":
        """The part of this block from `index` on, which must lie within the block."""
        header = self.header
        frontier = list(header.frontier)
        envelopes = [Envelope(data) for data in self.envelopes]
        skipped = index - header.first
        for place, envelope in enumerate(envelopes[:skipped], header.first):
            merkle.append_leaf(frontier, place, envelope.leaf_hash)
        return Block.make(header.replica, index, frontier, envelopes[skipped:])

    def parts(self, envelopes_max: int, bytes_max: int) -> Iterator["Block"]:
        """The block as blocks of bounded size; a single envelope may be larger."""
        header = self.header
        frontier, first = list(header.frontier), header.first
        part: list[Envelope] = []
        size = 0
        for data in self.envelopes:
            size += len(data)
            if part and (size > bytes_max or len(part) == envelopes_max):
                yield Block.make(header.replica, first, frontier, part)
                first, part, size = first + len(part), [], len(data)
            part.append(Envelope(data))
        if part:
            yield Block.make(header.replica, first, frontier, part)

    def without(self, drops: Callable[[Envelope], bool]) -> "Block":
        """The block without the payloads for which `drops` is true; it proves the same headers."""
        envelopes = [Envelope(data) for data in self.envelopes]
        kept = [
            envelope.without_payload if drops(envelope) else envelope.data for envelope in envelopes
        ]
        return Block(self.header, kept, _encode(self.header, kept))

    def frontier_at(self, size: int) -> list[bytes]:
        """The feed's Merkle frontier at a size within this block, both ends included."""
        frontier = list(self.header.frontier)
        wanted = self.envelopes[: size - self.header.first]
        for place, data in enumerate(wanted, self.header.first):
            merkle.append_leaf(frontier, place, Envelope(data).leaf_hash)
        return frontier


def read_header(data: bytes) -> tuple[BlockHeader, int]:
    """The header of a block, and the offset of its first envelope; nothing is verified.

    `data` may end anywhere behind the header: `PREFIX_BYTES` are always enough.
    """
    if data[: len(MAGIC)] != MAGIC:
        if len(data) >= len(MAGIC) and data.startswith(MAGIC[:-1]):
            raise FormatTooNewError(
                "cannot read a block of envelopes: a later version of eventtrack made it",
                hint="upgrade with `pip install -U eventtrack`; nothing was changed",
            )
        raise _damaged("it does not begin as a block does")
    start = len(MAGIC) + _LENGTH.size
    stop = start + int.from_bytes(data[len(MAGIC) : start], "big")
    try:
        header = _header_decoder.decode(data[start:stop])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _damaged(f"its header cannot be read ({error})") from error
    if len(header.frontier) != header.first.bit_count() or any(
        len(node) != _DIGEST_BYTES for node in (*header.frontier, header.root)
    ):
        raise _damaged("its frontier is not that of a feed of its size")
    return header, stop


def _encode(header: BlockHeader, envelopes: Sequence[bytes]) -> bytes:
    encoded = msgspec.msgpack.encode(header)
    parts = [MAGIC, _LENGTH.pack(len(encoded)), encoded]
    for data in envelopes:
        parts += (_LENGTH.pack(len(data)), data)
    body = b"".join(parts)
    return body + hashlib.sha256(body).digest()


def _damaged(why: str) -> EventtrackError:
    return ChecksumError(
        f"cannot read a block of envelopes: {why}",
        hint="nothing of it was taken; make or fetch it again",
    )
