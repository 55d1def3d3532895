"""Which payloads an envelope's events order to be erased."""

from eventtrack.events.envelope import MARK_BYTES, REPLICA_BYTES, Envelope, split_name
from eventtrack.events.registry import REGISTRY
from eventtrack.events.types import PayloadsRedacted

TYPE = "payloads.redacted"
_NAME = TYPE.encode()


def is_redaction(envelope: Envelope) -> bool:
    """Whether an envelope records a redaction. Cheap for one that does not."""
    return _NAME in envelope.data and any(group.type == TYPE for group in envelope.groups())


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
    found: list[PayloadsRedacted] = []
    if is_redaction(envelope):
        entry = REGISTRY.find(TYPE)
        for group in envelope.groups():
            if entry is not None and group.type == TYPE:
                events = entry.decode_many(group.version, group.bodies) or []
                found += [event for event in events if isinstance(event, PayloadsRedacted)]
    return found
