"""The envelope: a header and a payload, as bytes and as values (docs/format.md, sections 4, 5).

An envelope is encoded once. Whoever forwards, hashes or proves it uses the original bytes:
decoding and encoding again with an older schema would drop the fields it does not know.
"""

import hashlib
import struct
from typing import Annotated

import msgspec

from eventtrack.errors import ChecksumError, FormatTooNewError
from eventtrack.events.registry import REGISTRY, Registry
from eventtrack.events.types import Event

FORMAT_VERSION = 1
SALT_BYTES = 16
CODEC_PLAIN = 0
REPLICA_BYTES, MARK_BYTES = 16, 8

_HEADER_LENGTH = struct.Struct(">H")
_LEAF_PREFIX = b"\x00"  # RFC 6962, section 2.1: leaves and nodes hash in different domains.


# What a header may hold: names of 16 bytes, and numbers that fit into the log's keys.
Name = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
Number = Annotated[int, msgspec.Meta(ge=0)]


class Cause(msgspec.Struct, array_like=True, frozen=True):
    """The event that an envelope answers, by its name in the whole world.

    `replica` is followed by the envelope's mark, but for those written before there were any.
    """

    replica: bytes
    index: int
    offset: int


class Header(msgspec.Struct, array_like=True, frozen=True):
    """What is known of an envelope without its payload. `recorded` is a hybrid time (`clock`)."""

    format: int
    replica: Name
    index: Number
    recorded: Number
    session: Name
    stream: Annotated[str, msgspec.Meta(min_length=1)]
    count: int
    cause: Cause | None
    codec: int
    payload_length: int
    payload_hash: bytes


class Group(msgspec.Struct, array_like=True, frozen=True):
    """Consecutive events of one type and version: their bodies as one undecoded msgpack array."""

    type: str
    version: int
    bodies: msgspec.Raw


# A text that is not UTF-8 raises Python's own error.
_NOT_READABLE = (msgspec.DecodeError, UnicodeDecodeError)
_header_decoder = msgspec.msgpack.Decoder(Header)
_groups_decoder = msgspec.msgpack.Decoder(list[Group])
_encoder = msgspec.msgpack.Encoder()


class Envelope:
    """One envelope as read from a log: the bytes, with the header decoded and the rest on demand.

    `position` is its place in the log it was read from, 0 for none.
    """

    __slots__ = ("_header_stop", "data", "header", "position")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position
        self._header_stop = _HEADER_LENGTH.size + int.from_bytes(data[:2], "big")
        try:
            self.header = _header_decoder.decode(memoryview(data)[2 : self._header_stop])
        except _NOT_READABLE as error:
            raise ChecksumError(
                f"cannot read the header of envelope {position}: {error}",
                hint="run `eventtrack check` to see how far the damage goes",
            ) from error
        if self.header.format > FORMAT_VERSION:
            raise FormatTooNewError(
                f"cannot read envelope {position}: it has format {self.header.format}, "
                f"this eventtrack reads {FORMAT_VERSION}",
                hint="upgrade with `pip install -U eventtrack`; nothing was changed",
            )

    @property
    def header_bytes(self) -> bytes:
        """The header as it was encoded first: what the Merkle leaf covers."""
        return self.data[_HEADER_LENGTH.size : self._header_stop]

    @property
    def payload(self) -> bytes:
        """Salt and body as they were encoded first; empty where the payload is not here."""
        return self.data[self._header_stop :]

    @property
    def without_payload(self) -> bytes:
        """The envelope's bytes as they are once its payload has been erased."""
        return self.data[: self._header_stop]

    @property
    def leaf_hash(self) -> bytes:
        """The envelope's leaf in its feed's Merkle tree (RFC 6962)."""
        return leaf_hash(self.header_bytes)

    @property
    def mark(self) -> bytes:
        """8 bytes that tell apart envelopes of one replica and index: two copies wrote there."""
        return self.leaf_hash[:MARK_BYTES]

    @property
    def name(self) -> bytes:
        """Replica and mark, as events call an envelope, together with its index."""
        return self.header.replica + self.mark

    @property
    def is_whole(self) -> bool:
        """Whether the payload, if it is here, is what the header says: 1 us, and 0.6 us a KB."""
        payload, header = self.payload, self.header
        return not payload or (
            len(payload) == header.payload_length
            and hashlib.sha256(payload).digest() == header.payload_hash
        )

    def verify(self) -> None:
        """Check the payload against the header. An absent payload is fine, a changed one is not.

        Raises:
            ChecksumError: Length or hash differ.
        """
        if not self.is_whole:
            raise ChecksumError(
                f"the payload of envelope {self.position} is not what was written "
                f"({len(self.payload)} bytes here, {self.header.payload_length} written)",
                hint="run `eventtrack check`; restore the store from a copy or a synced machine",
            )

    def groups(self) -> list[Group]:
        """The payload's groups, bodies undecoded; none where the payload is not here.

        Raises:
            ChecksumError: The body is not the msgpack it should be.
            FormatTooNewError: The body has a codec that this eventtrack does not know.
        """
        if self._header_stop == len(self.data):
            return []
        if self.header.codec != CODEC_PLAIN:
            raise FormatTooNewError(
                f"cannot read envelope {self.position}: its codec is {self.header.codec}",
                hint="upgrade with `pip install -U eventtrack`; nothing was changed",
            )
        try:
            return _groups_decoder.decode(memoryview(self.data)[self._header_stop + SALT_BYTES :])
        except _NOT_READABLE as error:
            raise ChecksumError(
                f"cannot read the payload of envelope {self.position}: {error}",
                hint="run `eventtrack check`; restore the store from a copy or a synced machine",
            ) from error

    def count_bodies(self, group: Group) -> int:
        """How many events a group holds, whatever their type."""
        return len(msgspec.msgpack.decode(group.bodies, type=list[msgspec.Raw]))

    def events(self, registry: Registry = REGISTRY) -> list[Event | None]:
        """The payload's events in order; None stands for one of an unknown type or version."""
        found: list[Event | None] = []
        for group in self.groups():
            entry = registry.find(group.type)
            known = entry.decode_many(group.version, group.bodies) if entry else None
            if known is None:
                found.extend([None] * self.count_bodies(group))
            else:
                found.extend(known)
        return found


def split_name(name: bytes) -> tuple[bytes, bytes]:
    """Replica and mark of an `Envelope.name`; the mark is empty in old ones."""
    return name[:REPLICA_BYTES], name[REPLICA_BYTES:]


class Draft:
    """Events of one stream that are about to become an envelope: their encoded body and count."""

    __slots__ = ("body", "cause", "count", "stream")

    def __init__(self, stream: str, body: bytes, count: int, cause: Cause | None = None) -> None:
        self.stream = stream
        self.body = body
        self.count = count
        self.cause = cause

    @classmethod
    def of(cls, stream: str, *events: Event, cause: Cause | None = None) -> "Draft":
        """Encode events, consecutive ones of one type as a group."""
        kinds = [REGISTRY.of(event) for event in events]
        body = encode_groups(
            [
                (kind.name, kind.version, [_encoder.encode(event)])
                for kind, event in zip(kinds, events, strict=True)
            ]
        )
        return cls(stream, body, len(events), cause)


def encode_groups(parts: list[tuple[str, int, list[bytes]]]) -> bytes:
    """A payload's body from type names, versions and encoded event bodies.

    Neighbours of one type and version are joined into one group.
    """
    groups: list[tuple[str, int, list[bytes]]] = []
    for name, version, bodies in parts:
        if groups and groups[-1][:2] == (name, version):
            groups[-1][2].extend(bodies)
        else:
            groups.append((name, version, list(bodies)))
    chunks = [_array_header(len(groups))]
    for name, version, bodies in groups:
        chunks.append(b"\x93" + _encoder.encode(name) + _encoder.encode(version))
        chunks.append(_array_header(len(bodies)))
        chunks.extend(bodies)
    return b"".join(chunks)


def _array_header(length: int) -> bytes:
    if length < 16:
        return bytes((0x90 | length,))
    return b"\xdc" + length.to_bytes(2, "big") if length < 2**16 else b"\xdd" + length.to_bytes(4)


def seal(
    draft: Draft, *, replica: bytes, index: int, recorded: int, session: bytes, salt: bytes
) -> tuple[bytes, bytes]:
    """Turn a draft into an envelope's bytes; returns them and the leaf hash."""
    payload_hash = hashlib.sha256(salt)
    payload_hash.update(draft.body)
    header = _encoder.encode(
        (
            FORMAT_VERSION,
            replica,
            index,
            recorded,
            session,
            draft.stream,
            draft.count,
            draft.cause,
            CODEC_PLAIN,
            len(salt) + len(draft.body),
            payload_hash.digest(),
        )
    )
    data = b"".join((_HEADER_LENGTH.pack(len(header)), header, salt, draft.body))
    return data, leaf_hash(header)


def leaf_hash(header: bytes) -> bytes:
    """RFC 6962's hash of a leaf: SHA-256 of a zero byte and the header's bytes."""
    return hashlib.sha256(_LEAF_PREFIX + header).digest()
