"""Which artifacts an envelope names: asked of the structs of its events, whatever their types."""

import typing

import msgspec

from eventtrack.events.envelope import Envelope
from eventtrack.events.registry import REGISTRY, EventType, Registry
from eventtrack.events.types import ArtifactStored, Event


def blobs_named(envelope: Envelope, registry: Registry = REGISTRY) -> list[bytes]:
    """SHA-256 hashes of the artifacts in the store's own keeping that an envelope's events name.

    Of types that this eventtrack does not know, none.
    """
    found: list[bytes] = []
    for group in envelope.groups():
        entry = registry.find(group.type)
        field = None if entry is None else _field(entry)
        if entry is None or field is None:
            continue
        for event in entry.decode_many(group.version, group.bodies) or ():
            found += [one.sha256 for one in getattr(event, field) if one.place is None]
    return found


_fields: dict[type[Event], str | None] = {}


def _field(entry: EventType) -> str | None:
    """The name of the field of an event's struct that lists stored files."""
    if entry.struct not in _fields:
        names = [
            field.name
            for field in msgspec.structs.fields(entry.struct)
            if ArtifactStored in typing.get_args(field.type)
        ]
        _fields[entry.struct] = names[0] if names else None
    return _fields[entry.struct]
