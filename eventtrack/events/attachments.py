"""Which blobs an envelope names: asked of the structs of its events, whatever their types.

A struct within an event that names a blob has a property `blob`: its SHA-256, or None.
"""

import typing

import msgspec

from eventtrack.events.envelope import Envelope
from eventtrack.events.registry import REGISTRY, EventType, Registry
from eventtrack.events.types import Event

_HASH_BYTES = 32


def blobs_named(envelope: Envelope, registry: Registry = REGISTRY) -> list[bytes]:
    """SHA-256 hashes of the blobs that an envelope's events name.

    Of types that this eventtrack does not know, none; nor what is no hash, whoever wrote it.
    """
    found: list[bytes] = []
    for group in envelope.groups():
        entry = registry.find(group.type)
        names = [] if entry is None else _fields_with_blobs(entry)
        if entry is None or not names:
            continue
        for event in entry.decode_many(group.version, group.bodies) or ():
            parts = [part for name in names for part in getattr(event, name)]
            found += [part.blob for part in parts if len(part.blob or b"") == _HASH_BYTES]
    return found


_fields: dict[type[Event], list[str]] = {}


def _fields_with_blobs(entry: EventType) -> list[str]:
    """The names of those fields of an event's struct that list structs which name blobs."""
    if entry.struct not in _fields:
        _fields[entry.struct] = [
            field.name
            for field in msgspec.structs.fields(entry.struct)
            if any(hasattr(part, "blob") for part in typing.get_args(field.type))
        ]
    return _fields[entry.struct]
