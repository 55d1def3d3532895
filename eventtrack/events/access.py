"""Events of access to the servers of a shared log: tokens that were given, and taken back.

Both are signed, for a feed proves nothing about its author: whoever relays one could put such an
event into it. An event whose signature is not of the log's key gives and takes nothing. What counts
is in docs/format.md, "Access".
"""

from typing import Annotated

import msgspec

from eventtrack.events.bounds import Int64, Sha256, TokenName
from eventtrack.events.types import Event

# All tokens of a log share a stream.
STREAM = "access/tokens"

Signature = Annotated[bytes, msgspec.Meta(min_length=64, max_length=64)]
# A text, and no choice of three: a role of a later version must not make an envelope malformed.
RoleText = Annotated[str, msgspec.Meta(min_length=1, max_length=32)]


class AccessGranted(Event, frozen=True):
    """A token was given: its SHA-256, its name and its role on the servers of the log."""

    name: TokenName
    role: RoleText
    sha256: Sha256
    created_ms: Int64
    expires_ms: Int64 | None
    signature: Signature = bytes(64)

    @property
    def content(self) -> tuple[str, str, bytes, int, int | None]:
        """All fields but the signature."""
        return self.name, self.role, self.sha256, self.created_ms, self.expires_ms

    @property
    def message(self) -> bytes:
        """The bytes that are signed."""
        return b"eventtrack access.granted 1\n" + msgspec.msgpack.encode(self.content)


class AccessRevoked(Event, frozen=True):
    """A token was taken back, wherever and whenever it was given."""

    sha256: Sha256
    at_ms: Int64
    signature: Signature = bytes(64)

    @property
    def content(self) -> tuple[bytes, int]:
        """All fields but the signature."""
        return self.sha256, self.at_ms

    @property
    def message(self) -> bytes:
        """The bytes that are signed."""
        return b"eventtrack access.revoked 1\n" + msgspec.msgpack.encode(self.content)
