"""Which payloads an envelope's events order to be erased."""

from eventtrack.events.envelope import MARK_BYTES, REPLICA_BYTES, Envelope, split_name
from eventtrack.events.reading import read
from eventtrack.events.types import PayloadsRedacted

TYPE = "payloads.redacted"
_NAME = TYPE.encode()


def is_redaction(envelope: Envelope) -> bool:
    """Whether an envelope records a redaction. Cheap for one that does not."""
    return _NAME in envelope.data and any(part.type == TYPE for part in read(envelope).parts)


def redacted_by(envelope: Envelope) -> list[tuple[bytes, bytes, int]]:
    """Replica, mark and index of every envelope whose payload is to go. Cheap where there are none.

    Without a mark all envelopes of that name are meant.
    """
    return [
        (*split_name(name), index)
        for event in redactions(envelope)
        for name, index in event.envelopes
        # What comes from elsewhere may name what no envelope can be called.
        if index >= 0 and len(name) in (REPLICA_BYTES, REPLICA_BYTES + MARK_BYTES)
    ]


def redactions(envelope: Envelope) -> list[PayloadsRedacted]:
    """The redactions that an envelope records; of a later version of the event, none."""
    if _NAME not in envelope.data:
        return []
    events = [event for part in read(envelope).parts for event in part.events or ()]
    return [event for event in events if isinstance(event, PayloadsRedacted)]
