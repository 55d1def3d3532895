"""Signed notes: a text and the signatures under it (c2sp.org/signed-note), with Ed25519 keys."""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)

from eventtrack.errors import VerificationError

# The numbers that signed-note assigns to the two kinds of signature used here.
ED25519, COSIGNATURE = 1, 4
# No log writes longer notes, so a longer text is refused unread.
NOTE_LENGTH_MAX = 100_000

_SIGNATURE_MARK = "\u2014 "
_KEY_ID_BYTES = 4
_PUBLIC_BYTES = 32
# Unicode spaces and plus signs would make a signature line, or a key, ambiguous.
_NAME = re.compile(r"[^\s+]+")
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")


class VerifierKey(NamedTuple):
    """A public key with its owner's name, as verifiers get it. `kind` says what the key signs."""

    name: str
    public: bytes
    kind: int = ED25519

    @property
    def key_id(self) -> bytes:
        """The four bytes by which signatures name this key."""
        material = self.name.encode() + b"\n" + bytes([self.kind]) + self.public
        return hashlib.sha256(material).digest()[:_KEY_ID_BYTES]

    def __str__(self) -> str:
        encoded = encode_base64(bytes([self.kind]) + self.public)
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    @classmethod
    def parse(cls, text: str) -> "VerifierKey":
        """Read `NAME+KEYID+BASE64`.

        Raises:
            VerificationError: The text is no such key, or the key is of another algorithm.
        """
        name, _, rest = text.strip().partition("+")
        key_id, _, encoded = rest.partition("+")
        material = decode_base64(encoded, "a public key")
        key = cls(name, material[1:], material[0] if material else 0)
        if not _NAME.fullmatch(name) or len(key.public) != _PUBLIC_BYTES:
            raise VerificationError(
                f"{text.strip()[:80]!r} is no public key",
                hint="a key looks like NAME+0123abcd+BASE64: `eventtrack audit key` prints it",
            )
        if key.kind not in {ED25519, COSIGNATURE} or key_id != key.key_id.hex():
            raise VerificationError(
                f"the public key of {name} is damaged, or of an algorithm that is not Ed25519",
                hint="copy the whole line that `eventtrack audit key` prints",
            )
        return key

    def of_kind(self, kind: int) -> "VerifierKey":
        """The same key for signatures of another kind: witnesses cosign with their feed's key."""
        return self._replace(kind=kind)

    def holds(self, signature: bytes, message: bytes) -> bool:
        """Whether this key made the signature of the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Signer(NamedTuple):
    """A private key with its owner's name."""

    name: str
    private: Ed25519PrivateKey

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.private.public_key().public_bytes_raw())

    def sign(self, text: str) -> "Signature":
        """Sign a note's text."""
        return Signature(self.name, self.verifier.key_id, self.private.sign(text.encode()))


class Signature(NamedTuple):
    """A line under a note: signer, key, and bytes to be read as the key's kind demands."""

    name: str
    key_id: bytes
    data: bytes

    def __str__(self) -> str:
        return f"{_SIGNATURE_MARK}{self.name} {encode_base64(self.key_id + self.data)}"

    def is_of(self, key: VerifierKey) -> bool:
        """Whether the line claims to be made with this key."""
        return (self.name, self.key_id) == (key.name, key.key_id)


class Note(NamedTuple):
    """A text, which ends with a newline, and its signatures. Nothing is checked yet."""

    text: str
    signatures: tuple[Signature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(f"{line}\n" for line in self.signatures)

    @classmethod
    def parse(cls, source: str) -> "Note":
        """Read a note.

        Raises:
            VerificationError: The text is no note.
        """
        text, blank, lines = source.rpartition("\n\n")
        if (
            not blank
            or not lines.endswith("\n")
            or len(source) > NOTE_LENGTH_MAX
            or _CONTROL.search(source)
        ):
            raise _no_note("it has no signatures under an empty line, or is cut off")
        return cls(text + "\n", tuple(map(_signature, lines[:-1].split("\n"))))

    def verify(self, keys: Iterable[VerifierKey]) -> VerifierKey:
        """The first of the keys that signed the text. Lines of unknown keys are ignored.

        Raises:
            VerificationError: No key signed the text, or a line in a key's name is false.
        """
        signers = []
        for key in keys:
            if key.kind != ED25519:
                continue
            for line in self.signatures:
                if line.is_of(key):
                    if not key.holds(line.data, self.text.encode()):
                        raise VerificationError(
                            f"the signature of {key.name} is not of this text",
                            hint="the file was changed or damaged; do not trust it",
                        )
                    signers.append(key)
        if not signers:
            names = ", ".join(line.name for line in self.signatures)
            raise VerificationError(
                f"none of the given keys signed this; it claims to be signed by {names}",
                hint="hand over the signer's public key with --key",
            )
        return signers[0]

    def with_signatures(self, more: Iterable[Signature]) -> "Note":
        """The note with further lines; lines already there are not repeated."""
        return Note(self.text, tuple(dict.fromkeys([*self.signatures, *more])))


def encode_base64(data: bytes) -> str:
    """Standard base64 with padding."""
    return base64.b64encode(data).decode()


def decode_base64(text: str, what: str) -> bytes:
    """Read standard base64 in its only canonical spelling.

    Args:
        what: The name of the thing in error messages.

    Raises:
        VerificationError: `text` is not spelled so.
    """
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise VerificationError(f"{what} is not in base64: {text[:40]!r}") from error
    if encode_base64(data) != text:
        raise VerificationError(f"{what} is not spelled as base64 is: {text[:40]!r}")
    return data


def _signature(line: str) -> Signature:
    mark, name, encoded = line[: len(_SIGNATURE_MARK)], *_two(line[len(_SIGNATURE_MARK) :])
    if mark != _SIGNATURE_MARK or not _NAME.fullmatch(name):
        raise _no_note(f"{line[:60]!r} is no signature")
    data = decode_base64(encoded, "a signature")
    if len(data) <= _KEY_ID_BYTES:
        raise _no_note(f"the signature of {name[:60]} is empty")
    return Signature(name, data[:_KEY_ID_BYTES], data[_KEY_ID_BYTES:])


def _two(text: str) -> tuple[str, str]:
    first, _, second = text.partition(" ")
    return first, second


def _no_note(why: str) -> VerificationError:
    return VerificationError(
        f"this is no signed note: {why}", hint="take the file as it was written, unchanged"
    )
