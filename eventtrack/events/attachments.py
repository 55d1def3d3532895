"""Which blobs an envelope names: asked of the structs of its events, whatever their types.

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

    Of types that this eventtrack does not know, and of envelopes that are skipped, none; nor what
    is no hash, whoever wrote it.
    """
    found: list[bytes] = []
    # Sync asks this of every envelope: decoding is only for those that may name a blob.
    if not any(name in envelope.data for name in _names(registry)):
        return found
    for part in read(envelope, registry).parts:
        entry = registry.find(part.type)
        names = [] if entry is None else _fields_with_blobs(entry)
        for event in (part.events or ()) if names else ():
            parts = [part for name in names for part in getattr(event, name)]
            found += [part.blob for part in parts if len(part.blob or b"") == _HASH_BYTES]
    return found


@lru_cache
def _names(registry: Registry) -> list[bytes]:
    """The names of the types whose events may name blobs, as payloads have them."""
    return [entry.name.encode() for entry in registry if _fields_with_blobs(entry)]


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
