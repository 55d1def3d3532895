"""Redactions: the payloads that an envelope's events order to be erased."""

from eventtrack.events.envelope import MARK_BYTES, REPLICA_BYTES, Envelope, split_name
from eventtrack.events.reading import read
from eventtrack.events.types import PayloadsRedacted

TYPE = "payloads.redacted"
_NAME = TYPE.encode()


def is_redaction(envelope: Envelope) -> bool:
    """Whether an envelope records a redaction. Cheap if it does not."""
    return envelope.may_hold(_NAME) and any(part.type == TYPE for part in read(envelope).parts)


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
