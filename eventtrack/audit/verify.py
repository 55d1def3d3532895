"""Check a proof offline: the file and public keys are enough."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import msgspec

from eventtrack.audit.checkpoints import Checkpoint, cosigned_at
from eventtrack.audit.notes import Note, VerifierKey
from eventtrack.audit.proofs import is_head_proof, parse_head_proof, parse_proofs
from eventtrack.clock import recorded_ms
from eventtrack.errors import VerificationError
from eventtrack.events.envelope import Envelope
from eventtrack.events.reading import events_of
from eventtrack.events.registry import REGISTRY
from eventtrack.log import merkle
from eventtrack.views.records import Record


class ProvedEvent(Record):
    """An event that a proof shows; `type` is None if the payload was erased or is unknown."""

    index: int
    recorded_ms: int
    stream: str
    type: str | None
    body: dict[str, Any]


class Verified(Record):
    """The outcome. `witnessed_s`: times of the countersignatures, in seconds since 1970."""

    summary: str
    origin: str
    size: int
    witnessed_s: list[int]
    events: list[ProvedEvent]


def verify_file(
    text: str,
    keys: Sequence[VerifierKey],
    witnesses: Sequence[VerifierKey] = (),
    older: str | None = None,
) -> Verified:
    """Check a file of `audit prove`, `audit consistency` or `audit seal`.

    Args:
        witnesses: Keys that must have countersigned each head.
        older: The older signed head; a proof of consistency needs it.

    Raises:
        VerificationError: A check failed; the message says which.
    """
    if is_head_proof(text):
        return _head_proof(text, keys, witnesses, older)
    if not text.startswith("c2sp.org/"):
        return _head(text, keys, witnesses)
    events: list[ProvedEvent] = []
    seen: list[int] = []
    heads = set()
    for proof in parse_proofs(text):
        envelope, head = proof.verify(keys)
        seen += _witnessed(proof.note, witnesses)
        heads.add(head)
        events += _events(envelope)
    newest = max(heads, key=lambda head: head.size)
    feeds = len({head.origin for head in heads})
    return Verified(
        summary=f"Verified: {_count(len(events), 'event')} under the signed heads of "
        f"{_count(feeds, 'feed')}.",
        origin=newest.origin,
        size=newest.size,
        witnessed_s=sorted(set(seen)),
        events=events,
    )


def verify_feed(
    note: Note, keys: Sequence[VerifierKey], envelopes: Iterable[Envelope]
) -> Checkpoint:
    """Check that a feed's envelopes, from the first on, are those under a signed head.

    Raises:
        ChecksumError: A payload does not match its header.
        VerificationError: The head is not signed, or covers other envelopes.
    """
    note.verify(keys)
    head = Checkpoint.of(note)
    frontier: list[bytes] = []
    for index, envelope in enumerate(islice(envelopes, head.size)):
        envelope.verify()
        merkle.append_leaf(frontier, index, envelope.leaf_hash)
        named = (envelope.header.replica.hex(), envelope.header.index)
        if named != (head.replica, index):
            raise VerificationError(
                f"envelope {index} is out of place: it is {named[1]} of {named[0]}"
            )
    if merkle.root(frontier) != head.root:
        raise VerificationError(
            f"these are not the {head.size} envelopes of {head.origin} that were signed",
            hint="some are missing or were changed; do not trust them",
        )
    return head


def _head_proof(
    text: str, keys: Sequence[VerifierKey], witnesses: Sequence[VerifierKey], older: str | None
) -> Verified:
    if older is None:
        raise VerificationError(
            "this is a proof of consistency, and the head it begins from is not given",
            hint="hand over the older signed head with --old FILE",
        )
    proof, old_note = parse_head_proof(text), Note.parse(older)
    old_note.verify(keys)
    old = Checkpoint.of(old_note)
    new = proof.verify(old, keys)
    return Verified(
        summary=f"Verified: the head of {new.size} envelopes extends that of {old.size}.",
        origin=new.origin,
        size=new.size,
        witnessed_s=_witnessed(proof.note, witnesses),
        events=[],
    )


def _head(text: str, keys: Sequence[VerifierKey], witnesses: Sequence[VerifierKey]) -> Verified:
    note = Note.parse(text)
    note.verify(keys)
    head = Checkpoint.of(note)
    return Verified(
        summary=f"Verified: a signed head of {_count(head.size, 'envelope')}.",
        origin=head.origin,
        size=head.size,
        witnessed_s=_witnessed(note, witnesses),
        events=[],
    )


def _witnessed(note: Note, witnesses: Sequence[VerifierKey]) -> list[int]:
    times = []
    for witness in witnesses:
        at_s = cosigned_at(note, witness)
        if at_s is None:
            raise VerificationError(
                f"{witness.name} did not countersign the head",
                hint="run `eventtrack audit witness` there, sync, and prove again",
            )
        times.append(at_s)
    return times


def _events(envelope: Envelope) -> Iterator[ProvedEvent]:
    header = envelope.header
    for event in events_of(envelope) or [None]:
        yield ProvedEvent(
            index=header.index,
            recorded_ms=recorded_ms(header.recorded),
            stream=header.stream,
            type=None if event is None else REGISTRY.of(event).name,
            body={} if event is None else msgspec.to_builtins(msgspec.structs.asdict(event)),
        )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
