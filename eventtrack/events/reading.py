"""Reads the events of an envelope, or the reason to skip it: the rule that every reader follows.

An envelope is *damaged* if its payload does not match its header: the disk lost it. It is not
*well-formed* if it was written wrongly: its body breaks the promises of its types, its stream is no
stream, or its numbers are out of range. Both kinds are kept, and skipped whole. An envelope's bytes
alone decide whether it is well-formed, so either every machine skips it or none does
(docs/format.md, section 5; decision 0020).
"""

import re
import threading
from typing import NamedTuple

import msgspec

from eventtrack.clock import RECORDED_MAX
from eventtrack.errors import ChecksumError, EventtrackError, MalformedError
from eventtrack.events.envelope import (
    CODECS,
    MARK_BYTES,
    OFFSETS,
    REPLICA_BYTES,
    Envelope,
    Header,
    count_bodies,
)
from eventtrack.events.registry import REGISTRY, Registry
from eventtrack.events.types import Event, Explained
from eventtrack.limits import INT64_MAX

DAMAGED, MALFORMED = "damaged", "malformed"
STREAM_LENGTH_MAX = 512
# The streams of the nouns that events are about. Other nouns belong to later versions.
_STREAMS = {
    "run": re.compile(r"[a-zA-Z0-9][\w\-]{0,255}"),
    "experiment": re.compile(r"[^/\x00-\x1f\x7f]{1,256}"),
    "model": re.compile(r"[^\x00-\x1f\x7f]{1,256}"),
    "registered": re.compile(r"[^/\x00-\x1f\x7f]{1,256}"),
    "trace": re.compile(r"(?s:.{1,256})"),
    "dataset": re.compile(r"[^/\x00-\x1f\x7f]{1,256}"),
    "scorer": re.compile(r"[^/\x00-\x1f\x7f]{1,256}"),
    "access": re.compile(r"[^/\x00-\x1f\x7f]{1,256}"),
    "session": re.compile(r"(?:[0-9a-f]{2}){1,64}"),
    "replica": re.compile(r"(?:[0-9a-f]{2}){1,64}"),
}
_HASH_BYTES = 32
# The nouns of types that may stand in any stream.
_ANYWHERE = ("payloads", "events")
EXPLAINED, RECEIVED = "events.explained", "events.received"
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Part(NamedTuple):
    """Neighbouring events of one type and version.

    `size` is their number, `bodies` their msgpack array. `events` is None if this eventtrack does
    not know the type or the version.
    """

    type: str
    version: int
    size: int
    bodies: msgspec.Raw
    events: list[Event] | None


class Fault(NamedTuple):
    """The reason to skip an envelope: `DAMAGED` or `MALFORMED`, and its fault in words."""

    kind: str
    what: str


class Reading(NamedTuple):
    """The parts of an envelope; none if its payload is not here, or if it has a fault."""

    parts: list[Part]
    fault: Fault | None = None


def read(envelope: Envelope, registry: Registry = REGISTRY) -> Reading:
    """Read an envelope. Never raises. Costs a hash of the payload and its decoding."""
    try:
        envelope.verify()
        return Reading(_parts(envelope, registry))
    except ChecksumError as error:
        return Reading([], Fault(DAMAGED, error.message))
    except MalformedError as error:
        return Reading([], Fault(MALFORMED, error.message))


def events_of(envelope: Envelope, registry: Registry = REGISTRY) -> list[Event | None]:
    """An envelope's events in order; None for an event that cannot be read or has no effect."""
    reading = read(envelope, registry)
    if reading.fault is not None:
        return [None]
    events: list[Event | None] = []
    for part in reading.parts:
        events.extend([None] * part.size if part.events is None else part.events)
    return events


def reason_of(reading: Reading) -> str | None:
    """The reason that was given for the events of an envelope; None for none."""
    for part in reading.parts:
        if part.type == EXPLAINED:
            for event in part.events or ():
                if isinstance(event, Explained):
                    return event.reason
    return None


def refuse_malformed(envelope: Envelope) -> None:
    """Refuse an arriving envelope that is not well-formed. Its payload's hash is not checked here.

    An envelope that comes without its payload is judged by its header.

    Raises:
        MalformedError: The envelope is not well-formed; the message names it and the fault.
    """
    try:
        if envelope.payload:
            _parts(envelope, REGISTRY)
        else:
            _check_header(envelope.header)
    except MalformedError as error:
        header = envelope.header
        raise MalformedError(
            f"cannot take envelope {header.index} of replica {header.replica.hex()}: "
            f"{error.message}",
            hint="the feed was taken up to there, other feeds whole; erase that envelope's payload "
            "where it was written (`eventtrack redact`): the next sync then goes on",
        ) from error


def _parts(envelope: Envelope, registry: Registry) -> list[Part]:
    """The parts of an envelope whose payload was verified; none without a payload.

    Raises:
        MalformedError: The envelope is not well-formed.
    """
    header = envelope.header
    if not envelope.payload:
        return []
    _check_header(header)
    if header.codec not in CODECS:
        kind = f"codec {header.codec}"
        return [Part(kind, header.codec, header.count, msgspec.Raw(b"\x90"), None)]
    try:
        try:
            parts = _decoded(envelope, registry)
        except RecursionError:
            # The depth of a body that can be read must not depend on the depth of the caller.
            parts = _on_empty_stack(envelope, registry)
    except _UNREADABLE as error:
        raise MalformedError(f"its body cannot be read: {error}") from error
    count = sum(part.size for part in parts)
    if count != header.count:
        raise MalformedError(f"it holds {count} events where its header counts {header.count}")
    return parts


def _decoded(envelope: Envelope, registry: Registry) -> list[Part]:
    noun = envelope.header.stream.partition("/")[0]
    parts = []
    for group in envelope.groups():
        entry = registry.find(group.type)
        try:
            events = entry.decode_many(group.version, group.bodies) if entry else None
            count = count_bodies(group) if events is None else len(events)
        except _UNREADABLE as error:
            if isinstance(error, RecursionError):
                raise
            raise MalformedError(f"{group.type[:40]} cannot be read: {error}") from error
        if entry and events is not None and entry.noun not in (noun, *_ANYWHERE):
            raise MalformedError(f"{group.type} has no place in the stream of a {noun[:40]!r}")
        parts.append(Part(group.type, group.version, count, group.bodies, events))
    return parts


def _on_empty_stack(envelope: Envelope, registry: Registry) -> list[Part]:
    parts: list[Part] = []
    failures: list[Exception] = []

    def decode() -> None:
        try:
            parts.extend(_decoded(envelope, registry))
        except (*_UNREADABLE, EventtrackError) as error:
            failures.append(error)

    thread = threading.Thread(target=decode)
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return parts


def is_stream(name: str) -> bool:
    """Whether events may stand in a stream of that name."""
    noun, _, identifier = name.partition("/")
    form = _STREAMS.get(noun)
    return 0 < len(name) <= STREAM_LENGTH_MAX and (
        form is None or form.fullmatch(identifier) is not None
    )


def header_flaw(header: Header) -> str | None:
    """The fault of a header that makes its envelope not well-formed; None for a good header."""
    if not is_stream(header.stream):
        return f"{header.stream[:80]!r} is no name of a stream"
    if not 1 <= header.count < OFFSETS:
        return f"its header counts {header.count} events"
    if header.recorded > RECORDED_MAX or header.index > INT64_MAX:
        return (
            f"its recorded time is {header.recorded} and its index {header.index}, beyond the "
            "greatest that there are"
        )
    if header.payload_length < 0 or len(header.payload_hash) != _HASH_BYTES:
        return "its header describes no payload"
    cause = header.cause
    if cause is not None and not (
        len(cause.replica) in (REPLICA_BYTES, REPLICA_BYTES + MARK_BYTES)
        and 0 <= cause.index <= INT64_MAX
        and 0 <= cause.offset < OFFSETS
    ):
        return "the event that it answers has no such name"
    after = header.after
    if after is not None and not (
        len(after.name) == REPLICA_BYTES + MARK_BYTES and 0 <= after.index <= INT64_MAX
    ):
        return "the envelope that it was decided after has no such name"
    return None


def _check_header(header: Header) -> None:
    flaw = header_flaw(header)
    if flaw is not None:
        raise MalformedError(flaw)
