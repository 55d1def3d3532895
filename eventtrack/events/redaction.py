"""Redactions: the payloads that an envelope's events order to be erased, and those that stay."""

from eventtrack.events.access import STREAM as ACCESS
from eventtrack.events.access import AccessGranted, AccessRevoked
from eventtrack.events.envelope import MARK_BYTES, REPLICA_BYTES, Envelope, split_name
from eventtrack.events.reading import events_of, read
from eventtrack.events.types import PayloadsRedacted

TYPE = "payloads.redacted"
_NAME = TYPE.encode()


def is_redaction(envelope: Envelope) -> bool:
    """Whether an envelope records a redaction. Cheap if it does not."""
    return envelope.may_hold(_NAME) and any(part.type == TYPE for part in read(envelope).parts)


def is_lasting(envelope: Envelope) -> bool:
    """Whether no redaction takes an envelope's payload: it records redactions or access alone.

    An erased revocation would give a token its rights again.
    """
    if envelope.header.stream != ACCESS:
        return is_redaction(envelope)
    events = events_of(envelope)
    is_access = bool(events) and all(
        isinstance(event, AccessGranted | AccessRevoked) for event in events
    )
    return is_access or is_redaction(envelope)


def redacted_by(envelope: Envelope) -> list[tuple[bytes, bytes, int]]:
    """Replica, mark and index of every envelope whose payload is to be erased. Cheap for none.

    An empty mark means all envelopes of that replica and index.
    """
    return [
        (*split_name(name), index)
        for event in redactions(envelope)
        for name, index in event.envelopes
        # An event from elsewhere may hold names that no envelope can have.
        if index >= 0 and len(name) in (REPLICA_BYTES, REPLICA_BYTES + MARK_BYTES)
    ]


def redactions(envelope: Envelope) -> list[PayloadsRedacted]:
    """The redactions that an envelope records; none for a later version of the event."""
    if not envelope.may_hold(_NAME):
        return []
    events = [event for part in read(envelope).parts for event in part.events or ()]
    return [event for event in events if isinstance(event, PayloadsRedacted)]
