"""The blobs that an envelope names, as the structs of its events say, whatever their types.

A struct within an event that names a blob has a property `blob`: its SHA-256, or None.
"""

import typing
from functools import lru_cache

import msgspec

from eventtrack.events.envelope import Envelope
from eventtrack.events.reading import read
from eventtrack.events.registry import REGISTRY, EventType, Registry
from eventtrack.events.types import Event

_HASH_BYTES = 32


def blobs_named(envelope: Envelope, registry: Registry = REGISTRY) -> list[bytes]:
    """SHA-256 hashes of the blobs that an envelope's events name.

    Events of unknown types and skipped envelopes name none. A value that is no hash is left out.
    """
    hashes: list[bytes] = []
    # Sync calls this for every envelope, so only those that may name a blob are decoded.
    if not envelope.may_hold(*_names(registry)):
        return hashes
    for part in read(envelope, registry).parts:
        entry = registry.find(part.type)
        names = [] if entry is None else _fields_with_blobs(entry)
        for event in (part.events or ()) if names else ():
            parts = [part for name in names for part in getattr(event, name)]
            hashes += [part.blob for part in parts if len(part.blob or b"") == _HASH_BYTES]
    return hashes


@lru_cache
def _names(registry: Registry) -> list[bytes]:
    """The names of the types whose events may name blobs, as bytes of a payload."""
    return [entry.name.encode() for entry in registry if _fields_with_blobs(entry)]


_fields: dict[type[Event], list[str]] = {}


def _fields_with_blobs(entry: EventType) -> list[str]:
    """The fields of an event's struct that list structs with a blob."""
    if entry.struct not in _fields:
        _fields[entry.struct] = [
            field.name
            for field in msgspec.structs.fields(entry.struct)
            if any(hasattr(part, "blob") for part in typing.get_args(field.type))
        ]
    return _fields[entry.struct]
