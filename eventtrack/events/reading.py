"""What an envelope says, or why it says nothing: the rule that every reader follows.

An envelope whose payload is not what its header promises is *damaged*: the disk lost it. One that
is not *well-formed* was written so: its body does not hold what its types promise, its stream is
none, or its numbers are out of range. Both are kept, and skipped whole. Whether an envelope is
well-formed follows from its bytes alone, so it is skipped by every machine or by none
(docs/format.md, section 5; decision 0020).
"""

import re
import threading
from typing import NamedTuple

import msgspec

from eventtrack.clock import RECORDED_MAX
from eventtrack.errors import ChecksumError, EventtrackError, MalformedError
from eventtrack.events.envelope import (
    CODEC_PLAIN,
    MARK_BYTES,
    OFFSETS,
    REPLICA_BYTES,
    Envelope,
    Header,
    count_bodies,
)
from eventtrack.events.registry import REGISTRY, Registry
from eventtrack.events.types import Event
from eventtrack.limits import INT64_MAX

DAMAGED, MALFORMED = "damaged", "malformed"
STREAM_LENGTH_MAX = 512
# Streams of the nouns that events are about. A stream of any other noun is of a later version.
_STREAMS = {
    "run": re.compile(r"[a-zA-Z0-9][\w\-]{0,255}"),
    "experiment": re.compile(r"[^/\x00-\x1f\x7f]{1,256}"),
    "model": re.compile(r"[^\x00-\x1f\x7f]{1,256}"),
    "registered": re.compile(r"[^/\x00-\x1f\x7f]{1,256}"),
    "trace": re.compile(r"(?s:.{1,256})"),
    "session": re.compile(r"(?:[0-9a-f]{2}){1,64}"),
    "replica": re.compile(r"(?:[0-9a-f]{2}){1,64}"),
}
_HASH_BYTES = 32
# Types that may stand in any stream.
_ANYWHERE = "payloads"
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Part(NamedTuple):
    """Neighbouring events of one type and version.

    There are `size` of them; `bodies` is their msgpack array. `events` is None where this
    eventtrack knows no such type or version.
    """

    type: str
    version: int
    size: int
    bodies: msgspec.Raw
    events: list[Event] | None


class Fault(NamedTuple):
    """Why an envelope is skipped: `DAMAGED` or `MALFORMED`, and what is wrong with it."""

    kind: str
    what: str


class Reading(NamedTuple):
    """What an envelope says. Without parts where its payload is not here, or with a fault."""

    parts: list[Part]
    fault: Fault | None = None


def read(envelope: Envelope, registry: Registry = REGISTRY) -> Reading:
    """What an envelope says. Never raises: costs a hash of the payload and its decoding."""
    try:
        envelope.verify()
        return Reading(_parts(envelope, registry))
    except ChecksumError as error:
        return Reading([], Fault(DAMAGED, error.message))
    except MalformedError as error:
        return Reading([], Fault(MALFORMED, error.message))


def events_of(envelope: Envelope, registry: Registry = REGISTRY) -> list[Event | None]:
    """An envelope's events in order; None stands for one that cannot be read, or has no effect."""
    reading = read(envelope, registry)
    if reading.fault is not None:
        return [None]
    found: list[Event | None] = []
    for part in reading.parts:
        found.extend([None] * part.size if part.events is None else part.events)
    return found


def refuse_malformed(envelope: Envelope) -> None:
    """Refuse an envelope that arrives if it is not well-formed; its payload is taken as it is.

    One that comes without its payload is judged by its header.

    Raises:
        MalformedError: It is not well-formed; says which and why.
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
            hint="that feed came up to there, and others came whole; whoever has that envelope can "
            "erase what it says (`eventtrack redact`), and the feed goes on with the next sync",
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
    if header.codec != CODEC_PLAIN:
        kind = f"codec {header.codec}"
        return [Part(kind, header.codec, header.count, msgspec.Raw(b"\x90"), None)]
    try:
        try:
            parts = _decoded(envelope, registry)
        except RecursionError:
            # How deep a body may be nested must not depend on how deep the caller is.
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
        if entry and events is not None and entry.noun not in (noun, _ANYWHERE):
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
    """What keeps an envelope from being well-formed that its header says; None for nothing."""
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
