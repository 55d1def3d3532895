"""Proofs as files: tlog-proof for events, the request of tlog-witness for heads (c2sp.org)."""

from collections.abc import Iterable, Sequence

import msgspec

from eventtrack.audit.checkpoints import HASH_BYTES, Checkpoint, origin_of, parse_number
from eventtrack.audit.notes import Note, VerifierKey, decode_base64, encode_base64
from eventtrack.errors import EventtrackError, VerificationError
from eventtrack.events.envelope import Envelope
from eventtrack.log.merkle import is_consistent, root_from_inclusion

_FIRST_LINE = "c2sp.org/tlog-proof@v1"
# A tree of 2^63 leaves has paths of 63 hashes, and consistency proofs of one more.
_HASHES_MAX = 64


class EventProof(msgspec.Struct, frozen=True):
    """A proof that an envelope stands at `index` of the feed whose head the note signs."""

    envelope: bytes
    index: int
    path: tuple[bytes, ...]
    note: Note

    def __str__(self) -> str:
        lines = [_FIRST_LINE, f"extra {encode_base64(self.envelope)}", f"index {self.index}"]
        return "\n".join([*lines, *map(encode_base64, self.path), "", str(self.note)])

    def verify(self, keys: Iterable[VerifierKey]) -> tuple[Envelope, Checkpoint]:
        """The envelope and the head that covers it, both proved.

        Raises:
            VerificationError: A check failed; the message says which.
        """
        self.note.verify(keys)
        head = Checkpoint.of(self.note)
        try:
            envelope = Envelope(self.envelope)
            envelope.verify()
        except EventtrackError as error:
            raise VerificationError(
                f"the envelope {self.index} is damaged: {error.message}",
                hint="the file was changed; do not trust it",
            ) from error
        header = envelope.header
        if (origin_of(header.replica), header.index) != (head.origin, self.index):
            raise VerificationError(
                f"the proof speaks of envelope {self.index} of {head.origin}, but shows envelope "
                f"{header.index} of {origin_of(header.replica)}"
            )
        root = root_from_inclusion(envelope.leaf_hash, self.index, head.size, self.path)
        if root != head.root:
            raise VerificationError(
                f"envelope {self.index} is not under the signed head of {head.size} envelopes",
                hint="the envelope or its path was changed; do not trust it",
            )
        return envelope, head


class HeadProof(msgspec.Struct, frozen=True):
    """A proof that the head in the note extends the head of the feed's first `old` envelopes."""

    old: int
    path: tuple[bytes, ...]
    note: Note

    def __str__(self) -> str:
        hashes = map(encode_base64, self.path)
        return "\n".join([f"old {self.old}", *hashes, "", str(self.note)])

    def verify(self, older: Checkpoint, keys: Iterable[VerifierKey]) -> Checkpoint:
        """The newer head, proved to extend `older`.

        Raises:
            VerificationError: The newer head does not extend `older`, or is not signed.
        """
        self.note.verify(keys)
        newer = Checkpoint.of(self.note)
        if (newer.origin, self.old) != (older.origin, older.size):
            raise VerificationError(
                f"the proof begins at {self.old} envelopes of {newer.origin}, the older head is of "
                f"{older.size} of {older.origin}"
            )
        if not is_consistent(older.size, older.root, newer.size, newer.root, self.path):
            raise VerificationError(
                f"the head of {newer.size} envelopes does not extend that of {older.size}",
                hint="the proof was changed, or the history was rewritten: keep both heads",
            )
        return newer


def parse_proofs(text: str) -> list[EventProof]:
    """Read a file of tlog-proofs.

    Raises:
        VerificationError: The text is no such file.
    """
    before, *parts = f"\n{text}".split(f"\n{_FIRST_LINE}\n")
    if before or not parts:
        raise VerificationError(
            f"this is no proof: it does not begin with {_FIRST_LINE}",
            hint="`eventtrack audit prove RUN` writes one",
        )
    # The newline in front of each first line ends the proof before that line.
    return [*(_event_proof(f"{part}\n") for part in parts[:-1]), _event_proof(parts[-1])]


def parse_head_proof(text: str) -> HeadProof:
    """Read a proof between two heads.

    Raises:
        VerificationError: The text is no such file.
    """
    top, _, note = text.partition("\n\n")
    first, *hashes = top.split("\n")
    old = parse_number(first.removeprefix("old "), "the older size")
    return HeadProof(old, _hashes(hashes), Note.parse(note))


def is_head_proof(text: str) -> bool:
    """Whether a file is a proof between two heads, by its first line."""
    return text.startswith("old ")


def _event_proof(text: str) -> EventProof:
    top, blank, note = text.partition("\n\n")
    lines = top.split("\n")
    if not blank or len(lines) < 2 or not lines[0].startswith("extra "):
        raise VerificationError(
            "the proof shows no envelope", hint="`eventtrack audit prove` writes them with theirs"
        )
    if not lines[1].startswith("index "):
        raise VerificationError("the proof does not say which envelope it speaks of")
    envelope = decode_base64(lines[0].removeprefix("extra "), "the envelope")
    index = parse_number(lines[1].removeprefix("index "), "the index")
    return EventProof(envelope, index, _hashes(lines[2:]), Note.parse(note))


def _hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    if len(lines) > _HASHES_MAX:
        raise VerificationError(f"the proof has {len(lines)} hashes, more than any tree needs")
    hashes = tuple(decode_base64(line, "a hash of the path") for line in lines)
    if any(len(sha256) != HASH_BYTES for sha256 in hashes):
        raise VerificationError("the path has something that is no SHA-256")
    return hashes
