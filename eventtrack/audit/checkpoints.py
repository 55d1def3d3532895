"""Signed heads of feeds: checkpoints and their cosignatures (c2sp.org/tlog-checkpoint)."""

import re
import struct
from typing import NamedTuple

from eventtrack.audit.notes import (
    COSIGNATURE,
    Note,
    Signature,
    Signer,
    VerifierKey,
    decode_base64,
    encode_base64,
)
from eventtrack.errors import VerificationError

ORIGIN = "eventtrack/"
HASH_BYTES = 32

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_TIME = struct.Struct(">Q")
_LINES = 3


class Checkpoint(NamedTuple):
    """A feed's head: its origin, its number of envelopes, and the root hash over them."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{encode_base64(self.root)}\n"

    @property
    def replica(self) -> str:
        """The feed's replica in hex; "" for the head of a log that is not eventtrack's."""
        return self.origin.removeprefix(ORIGIN) if self.origin.startswith(ORIGIN) else ""

    @classmethod
    def of(cls, note: Note) -> "Checkpoint":
        """Read a note's text.

        Raises:
            VerificationError: The text is no checkpoint, or has further lines, which nobody checks.
        """
        lines = note.text[:-1].split("\n")
        if len(lines) != _LINES or not lines[0]:
            raise VerificationError("this is no signed head: it does not have exactly three lines")
        root = decode_base64(lines[2], "the root hash")
        if len(root) != HASH_BYTES:
            raise VerificationError("this is no signed head: its root is no SHA-256")
        return cls(lines[0], parse_number(lines[1], "the size"), root)


def origin_of(replica: bytes) -> str:
    """The origin of a feed's heads. The feed's key has the same name."""
    return ORIGIN + replica.hex()


def parse_number(text: str, what: str) -> int:
    """Read a number in its only valid decimal spelling.

    Args:
        what: The name of the number in error messages.

    Raises:
        VerificationError: `text` is no such number.
    """
    if not _NUMBER.fullmatch(text):
        raise VerificationError(f"{what} is no number: {text[:40]!r}")
    return int(text)


def cosign(note: Note, witness: Signer, at_s: int) -> Signature:
    """The signature line of a witness that saw this head at `at_s`, seconds since 1970."""
    key = witness.verifier.of_kind(COSIGNATURE)
    signature = witness.private.sign(_cosigned(note.text, at_s))
    return Signature(witness.name, key.key_id, _TIME.pack(at_s) + signature)


def cosigned_at(note: Note, witness: VerifierKey) -> int | None:
    """The time of the witness's countersignature in seconds since 1970; None without one.

    Raises:
        VerificationError: A line in the witness's name is false.
    """
    key = witness.of_kind(COSIGNATURE)
    for line in note.signatures:
        if line.is_of(key):
            at_s = int.from_bytes(line.data[: _TIME.size], "big")
            if not key.holds(line.data[_TIME.size :], _cosigned(note.text, at_s)):
                raise VerificationError(
                    f"the countersignature of {key.name} is not of this head",
                    hint="the file was changed or damaged; do not trust it",
                )
            return at_s
    return None


def _cosigned(text: str, at_s: int) -> bytes:
    return f"cosignature/v1\ntime {at_s}\n{text}".encode()
