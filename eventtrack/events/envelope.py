"""The envelope: a header and a payload, as bytes and as values (docs/format.md, sections 4, 5).

An envelope is encoded once. Forwarding, hashing and proofs use the original bytes: an older schema
that decoded and encoded them again would drop the fields that it does not know.
"""

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import msgspec

from eventtrack.errors import ChecksumError, EventtrackError, FormatTooNewError, MalformedError
from eventtrack.events.compression import compress, decompress
from eventtrack.events.registry import REGISTRY
from eventtrack.events.types import Event, Explained
from eventtrack.hashing import sha256
from eventtrack.lazy import lazy

if TYPE_CHECKING:
    import hashlib
else:
    hashlib = lazy("hashlib")  # loads OpenSSL, which large payloads pay for

FORMAT_VERSION = 1
SALT_BYTES = 16
CODEC_PLAIN, CODEC_ZSTD = 0, 1
CODECS = (CODEC_PLAIN, CODEC_ZSTD)
REPLICA_BYTES, MARK_BYTES = 16, 8
# Offsets of events in an envelope are below this: they take two bytes of every stamp.
OFFSETS = 2**16

_HEADER_LENGTH = struct.Struct(">H")
# Payloads of this length are hashed by OpenSSL: see `hashing`.
_LARGE_BYTES = 4096
_LEAF_PREFIX = b"\x00"  # RFC 6962, section 2.1: leaves and nodes hash in different domains.


# A header holds names of 16 bytes, and numbers that fit into the log's keys.
Name = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
Number = Annotated[int, msgspec.Meta(ge=0)]


class Cause(msgspec.Struct, array_like=True, frozen=True):
    """The event that an envelope answers, by its globally unique name.

    The envelope's mark follows the replica id in `replica`; envelopes from before marks have none.
    """

    replica: bytes
    index: int
    offset: int


class After(msgspec.Struct, array_like=True, frozen=True):
    """The envelope that another envelope was decided after: its `Envelope.name` and index."""

    name: bytes
    index: int


class Header(msgspec.Struct, array_like=True, frozen=True):
    """The part of an envelope that survives an erasure. `recorded` is a hybrid time (`clock`).

    `after` is set only if the envelope would otherwise count before the envelope that it was
    decided after: if the time of that envelope lies ahead of this machine's clock.
    """

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
    after: After | None = None


# In place of a header that the disk lost.
NO_HEADER = Header(0, bytes(16), 0, 0, bytes(16), "unreadable", 0, None, CODEC_PLAIN, 0, b"")


class Group(msgspec.Struct, array_like=True, frozen=True):
    """Consecutive events of one type and version: their bodies as one undecoded msgpack array."""

    type: str
    version: int
    bodies: msgspec.Raw


# A text that is not UTF-8 raises Python's own error.
_NOT_READABLE = (msgspec.DecodeError, UnicodeDecodeError)
_header_decoder = msgspec.msgpack.Decoder(Header)
_groups_decoder = msgspec.msgpack.Decoder(list[Group])
_raw_decoder = msgspec.msgpack.Decoder(list[msgspec.Raw])
_encoder = msgspec.msgpack.Encoder()


def header_stop(data: bytes) -> int:
    """The place in an envelope's bytes at which its header ends and its payload begins."""
    return _HEADER_LENGTH.size + int.from_bytes(data[:2], "big")


class Envelope:
    """One envelope as read from a log: its bytes, its decoded header, and the rest on demand.

    `position` is its place in the log it was read from, 0 for none. `effective` is the hybrid time
    by which its facts are compared: the recorded time, unless it was decided `after` another.
    """

    __slots__ = ("_header_stop", "data", "effective", "header", "position")

    def __init__(self, data: bytes, position: int = 0) -> None:
        self.data = data
        self.position = position
        self._header_stop = header_stop(data)
        try:
            self.header = _header_decoder.decode(memoryview(data)[2 : self._header_stop])
        except _NOT_READABLE as error:
            raise ChecksumError(
                f"cannot read the header of envelope {position}: {error}",
                hint="run `eventtrack check` to see how far the damage goes",
            ) from error
        self.effective = self.header.recorded
        if self.header.format > FORMAT_VERSION:
            raise FormatTooNewError(
                f"cannot read envelope {position}: it has format {self.header.format}, "
                f"this eventtrack reads {FORMAT_VERSION}",
                hint="upgrade with `pip install -U eventtrack`; nothing was changed",
            )

    @classmethod
    def kept(cls, data: bytes, position: int) -> "Envelope":
        """An envelope as a log keeps it, at its position there.

        If the disk lost the header, the envelope has `NO_HEADER` and no payload, and `verify`
        refuses it. So readers can go on to the envelopes behind it.
        """
        try:
            return cls(data, position)
        except EventtrackError:
            envelope = cls.__new__(cls)
            envelope.data = data
            envelope.position = position
            envelope.header = NO_HEADER
            envelope.effective = 0
            envelope._header_stop = len(data)  # noqa: SLF001 - of this class
            return envelope

    @property
    def header_bytes(self) -> bytes:
        """The header as it was first encoded: the bytes that the Merkle leaf covers."""
        return self.data[_HEADER_LENGTH.size : self._header_stop]

    @property
    def payload(self) -> bytes:
        """Salt and encoded body as they were first written; empty if the payload is not here."""
        return self.data[self._header_stop :]

    @property
    def without_payload(self) -> bytes:
        """The envelope's bytes after its payload has been erased."""
        return self.data[: self._header_stop]

    @property
    def leaf_hash(self) -> bytes:
        """The envelope's leaf in its feed's Merkle tree (RFC 6962)."""
        return leaf_hash(self.header_bytes)

    @property
    def mark(self) -> bytes:
        """8 bytes that tell apart two envelopes of one replica and index, if two copies wrote."""
        return self.leaf_hash[:MARK_BYTES]

    @property
    def name(self) -> bytes:
        """Replica and mark. Events refer to an envelope by this name and its index."""
        return self.header.replica + self.mark

    @property
    def is_whole(self) -> bool:
        """Whether the payload, if it is here, matches the header. Costs 1 us, and 0.6 us a KB."""
        payload, header = self.payload, self.header
        if not payload:
            return header is not NO_HEADER
        return (
            len(payload) == header.payload_length and _payload_hash(payload) == header.payload_hash
        )

    def verify(self) -> None:
        """Check the payload against the header. It may be absent, but not changed.

        Raises:
            ChecksumError: Length or hash differ, or the header cannot be read.
        """
        if self.header is NO_HEADER:
            raise ChecksumError(
                f"the header of envelope {self.position} cannot be read",
                hint="run `eventtrack check`; restore the store from a copy or a synced machine",
            )
        if not self.is_whole:
            raise ChecksumError(
                f"the payload of envelope {self.position} is not what was written "
                f"({len(self.payload)} bytes here, {self.header.payload_length} written)",
                hint="run `eventtrack check`; restore the store from a copy or a synced machine",
            )

    def may_hold(self, *event_types: bytes) -> bool:
        """Whether the payload may hold events of some types: a name is there. Decodes no event.

        Costs a search of the bytes; a compressed body is decompressed, about 1 us a KB.
        """
        if self.header.codec != CODEC_ZSTD or self._header_stop == len(self.data):
            return any(name in self.data for name in event_types)
        try:
            body = decompress(memoryview(self.data)[self._header_stop + SALT_BYTES :])
        except MalformedError:
            return False
        return any(name in body for name in event_types)

    def groups(self) -> list[Group]:
        """The payload's groups, bodies undecoded; none if the payload is not here.

        Only for `reading.read`, through which everybody else reads an envelope.

        Raises:
            MalformedError: The body is not the msgpack it should be.
        """
        if self._header_stop == len(self.data):
            return []
        body = memoryview(self.data)[self._header_stop + SALT_BYTES :]
        try:
            return _groups_decoder.decode(
                decompress(body) if self.header.codec == CODEC_ZSTD else body
            )
        except _NOT_READABLE as error:
            raise MalformedError(f"its body cannot be read: {error}") from error


def count_bodies(group: Group) -> int:
    """The number of events in a group, whatever their type."""
    return len(_raw_decoder.decode(group.bodies))


def split_name(name: bytes) -> tuple[bytes, bytes]:
    """The replica and mark of an `Envelope.name`; the mark is empty in old names."""
    return name[:REPLICA_BYTES], name[REPLICA_BYTES:]


class Draft:
    """Events of one stream that are about to become an envelope: their encoded body and count.

    `beside` names other streams whose facts count together with these: a run's stage depends on the
    stage of its experiment.
    """

    __slots__ = ("beside", "body", "cause", "count", "stream")

    def __init__(
        self,
        stream: str,
        body: bytes,
        count: int,
        cause: Cause | None = None,
        beside: Sequence[str] = (),
    ) -> None:
        self.stream = stream
        self.body = body
        self.count = count
        self.cause = cause
        self.beside = beside

    @classmethod
    def of(
        cls, stream: str, *events: Event, cause: Cause | None = None, beside: Sequence[str] = ()
    ) -> "Draft":
        """Encode events. Consecutive events of one type become a group."""
        kinds = [REGISTRY.of(event) for event in events]
        body = encode_groups(
            [
                (kind.name, kind.version, [_encoder.encode(event)])
                for kind, event in zip(kinds, events, strict=True)
            ]
        )
        return cls(stream, body, len(events), cause, beside)

    def explained(self, reason: str) -> "Draft":
        """The same events with the reason for them behind, so that their offsets stay."""
        groups = _groups_decoder.decode(self.body)
        kind = REGISTRY.of(Explained(reason))
        head = len(_array_header(len(groups)))
        added = (
            b"\x93"
            + _encoder.encode(kind.name)
            + _encoder.encode(kind.version)
            + _encoder.encode([Explained(reason)])
        )
        body = _array_header(len(groups) + 1) + self.body[head:] + added
        return Draft(self.stream, body, self.count + 1, self.cause, self.beside)


def encode_groups(parts: list[tuple[str, int, list[bytes]]]) -> bytes:
    """The body of a payload, from type names, versions and encoded event bodies.

    Neighbouring parts of one type and version are joined into one group.
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
    draft: Draft,
    *,
    replica: bytes,
    index: int,
    recorded: int,
    session: bytes,
    salt: bytes,
    after: After | None = None,
) -> tuple[bytes, bytes]:
    """Turn a draft into an envelope; returns its bytes and its leaf hash."""
    frame = compress(draft.body)
    body, codec = (draft.body, CODEC_PLAIN) if frame is None else (frame, CODEC_ZSTD)
    payload = salt + body
    fields = (
        FORMAT_VERSION,
        replica,
        index,
        recorded,
        session,
        draft.stream,
        draft.count,
        draft.cause,
        codec,
        len(payload),
        _payload_hash(payload),
    )
    header = _encoder.encode(fields if after is None else (*fields, after))
    data = b"".join((_HEADER_LENGTH.pack(len(header)), header, payload))
    return data, leaf_hash(header)


def leaf_hash(header: bytes) -> bytes:
    """RFC 6962's hash of a leaf: SHA-256 of a zero byte and the header's bytes."""
    return sha256(_LEAF_PREFIX + header).digest()


def _payload_hash(payload: bytes) -> bytes:
    make = hashlib.sha256 if len(payload) >= _LARGE_BYTES else sha256
    return make(payload).digest()
