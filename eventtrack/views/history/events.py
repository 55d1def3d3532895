"""Reads, filters and follows the log, as records."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

import msgspec

from eventtrack.clock import recorded_ms
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.events.envelope import SALT_BYTES, Cause, Draft, Envelope, seal, split_name
from eventtrack.events.items import ItemsLogged
from eventtrack.events.reading import (
    EXPLAINED,
    RECEIVED,
    Part,
    Reading,
    header_flaw,
    read,
    reason_of,
)
from eventtrack.events.types import Event, MetricLogged, MetricsLogged
from eventtrack.facts.run import ITEM_FACTS
from eventtrack.limits import INT64_MAX
from eventtrack.projections.state import Stamp, stamp_of
from eventtrack.views.records import Record
from eventtrack.views.source import LiveSource

# Envelopes are read in portions: no transaction is held while the caller looks at them.
_PAGE = 512
# Events that log points of metrics, or items of text, histograms and media.
POINTS = (
    *("run.metric_logged", "run.metrics_logged"),
    *("run.text_logged", "run.histograms_logged", "run.media_logged"),
)
# The length of two numbers of 64 bits, with room to spare; positions have 63 bits.
_ADDRESS_LENGTH_MAX = 40


class Said(NamedTuple):
    """A decoded event and its stamp (`projections/state.py`)."""

    event: Event
    stamp: Stamp


class EventRecord(Record):
    """One event with its header.

    Times are in milliseconds since 1970. `recorded_ms` is the recorded time, by the writer's clock.
    `arrived_ms` is the arrival here, by this machine's clock; None if the event was
    `recorded_here`, or if the arrival was not noted. The times in `body` are claims of the caller.
    `effective` is the hybrid time that orders events: `recorded`, unless the event was decided
    after another whose time lies ahead. `known` is False for a type that this eventtrack cannot
    read; `body` then has its fields as a list. `cause` is the address of the event that this event
    answers. `reason` is the reason that was given for the event and the others of its envelope; an
    event that only gives the reason has no record. `said` is the event itself with its stamp, and
    is in no dictionary; None if the event cannot be read, or if points were counted.

    A skipped envelope is one record without a body. Its type is `damaged` or `malformed`, and
    `skipped` says why it has no effect.
    """

    position: int
    offset: int
    type: str
    version: int
    stream: str
    recorded_ms: int
    recorded: int
    body: dict[str, Any]
    replica: str
    index: int
    session: str
    cause: str | None = None
    known: bool = True
    arrived_ms: int | None = None
    recorded_here: bool = True
    effective: int = 0
    skipped: str | None = None
    reason: str | None = None
    said: Said | None = None

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return (field for field in super().__iter__() if field[0] != "said")

    @property
    def address(self) -> str:
        """`position.offset`, which names the event in this store."""
        return f"{self.position}.{self.offset}"

    @property
    def order(self) -> tuple[int, str, int]:
        """The key by which the later of two events that set one fact is decided."""
        return self.effective, self.replica, self.offset

    def to_dictionary(self) -> dict[str, Any]:
        """The record as plain values, with its address."""
        return {"address": self.address, **super().to_dictionary()}


class EventQueries:
    """Reads of the events of a store, in order of their positions."""

    def __init__(self, source: LiveSource) -> None:
        self._source = source

    def head(self) -> int:
        """The position of the newest envelope, 0 for an empty log."""
        self._source.flush()
        return self._source.log.head()

    def read(
        self,
        after: int = 0,
        *,
        stream: str | None = None,
        types: Iterable[str] | None = None,
        session: str | None = None,
        limit: int | None = None,
    ) -> Iterator[EventRecord]:
        """Events with positions above `after`, in order, filtered.

        Args:
            stream: For example `run/<run id>`. An index has the events of a stream, so only those
                are read.
            types: Type names, for example `run.metric_logged`.
            session: A session id in hex.
            limit: The most events to give.
        """
        self._source.flush()
        wanted = None if types is None else set(types)
        left = limit
        for envelope in self._envelopes(after, stream):
            if session is not None and envelope.header.session.hex() != session:
                continue
            for event in self.records(envelope):
                if wanted is not None and event.type not in wanted:
                    continue
                if left is not None:
                    if not left:
                        return
                    left -= 1
                yield event

    def envelopes(self, after: int, limit: int) -> list[Envelope]:
        """At most `limit` envelopes with positions above `after`, as the log keeps them."""
        self._source.flush()
        return self._source.log.read(after, limit)

    def get(self, address: str) -> list[EventRecord]:
        """The event at `position.offset`, or all events of the envelope at `position`.

        Raises:
            InvalidValueError: The text is no address.
            NotFoundError: There is no such event.
        """
        position, offset = parse_address(address)
        envelope = self._source.log.get(position) if position <= self.head() else None
        records = [] if envelope is None else self.records(envelope)
        if offset is not None:
            records = [event for event in records if event.offset == offset]
        if not records:
            raise NotFoundError(
                f"there is no event {address}: the log ends at {self.head()}",
                hint="`eventtrack log --limit 20` shows addresses",
            )
        return records

    def follow(self, after: int, *, stop: threading.Event | None = None) -> Iterator[EventRecord]:
        """Events above `after`, then new events as they are recorded, until `stop` is set.

        To wait, it looks at the log's transaction number and at the journals every 50 ms.
        """
        stop = stop or threading.Event()
        seen = -1
        while not stop.is_set():
            self._source.gather()
            change = self._source.log.change_count()
            if change == seen:
                stop.wait(0.05)
                continue
            seen = change
            for event in self.read(after):
                yield event
                after = event.position

    def of_positions(
        self, positions: Iterable[int], *, counted: bool = False
    ) -> Iterator[EventRecord]:
        """The events of the envelopes at these positions; for `counted` see `records`."""
        for position in positions:
            envelope = self._source.log.get(position)
            if envelope is not None:
                yield from self.records(envelope, counted=counted)

    def records(self, envelope: Envelope, *, counted: bool = False) -> list[EventRecord]:
        """The events of an envelope as records.

        Args:
            counted: Neighbouring events that log points make one record, that of the last of them.
                Its body has only `points`: the number of points of each metric, and of items of
                each other series (`text.console`). That takes a tenth of the time.
        """
        header = envelope.header
        cause = None
        reading = read(envelope)
        if header.cause is not None and header_flaw(header) is None:
            cause = f"{self._place_of(header.cause)}.{header.cause.offset}"
        arrived_ms = self._source.log.arrived_ms(envelope.position)
        is_own = header.replica == self._source.log.replica or not envelope.position
        records: list[EventRecord] = []
        reason = reason_of(reading)
        stop = 0
        for kind, version, body, known, events, event in _bodies(reading, counted=counted):
            stop += events
            if kind in (EXPLAINED, RECEIVED) and len(reading.parts) > 1:
                continue
            records.append(
                EventRecord(
                    position=envelope.position,
                    offset=stop - 1,
                    type=kind,
                    version=version,
                    stream=header.stream,
                    recorded_ms=recorded_ms(header.recorded),
                    recorded=header.recorded,
                    effective=envelope.effective,
                    body=body,
                    replica=header.replica.hex(),
                    index=header.index,
                    session=header.session.hex(),
                    cause=cause,
                    known=known,
                    arrived_ms=arrived_ms,
                    recorded_here=is_own,
                    skipped=None if reading.fault is None else reading.fault.what,
                    reason=getattr(event, "reason", None) if reason is None else reason,
                    said=None if event is None else Said(event, stamp_of(envelope, stop - 1)),
                )
            )
        return records

    def _place_of(self, cause: Cause) -> str:
        """The position of the envelope that a cause names; its name if it is not here."""
        replica, mark = split_name(cause.replica)
        for position in self._source.log.locate_all(replica, cause.index):
            envelope = self._source.log.get(position)
            if envelope is not None and mark in (b"", envelope.mark):
                return str(position)
        return f"{replica.hex()}/{cause.index}"

    def preview(self, draft: Draft, like: EventRecord) -> list[EventRecord]:
        """The records that a draft's events would make: without place, caused by `like`."""
        nobody = bytes(16)
        data, _ = seal(
            draft, replica=nobody, index=0, recorded=0, session=nobody, salt=bytes(SALT_BYTES)
        )
        records = self.records(Envelope(data))
        for event in records:
            event.cause = like.address
        return records

    def _envelopes(self, after: int, stream: str | None) -> Iterator[Envelope]:
        if stream is not None:
            with self._source.read() as reader:
                positions = reader.timeline(stream)
            for position in positions:
                if position > after and (envelope := self._source.log.get(position)):
                    yield envelope
            return
        after = max(after, 0)
        while after < INT64_MAX and (envelopes := self._source.log.read(after, _PAGE)):
            yield from envelopes
            after = envelopes[-1].position


def parse_address(address: str) -> tuple[int, int | None]:
    """`position.offset` or `position` as numbers.

    Raises:
        InvalidValueError: The text is no address.
    """
    position, dot, offset = address.partition(".")
    short = len(address) <= _ADDRESS_LENGTH_MAX
    numbers = all(part.isascii() and part.isdecimal() for part in (position, offset or "0"))
    if not short or not numbers or address.endswith("."):
        raise InvalidValueError(
            f"{address[:40]!r} is no address of an event",
            hint="addresses look like 17.0: `eventtrack log` shows them",
        )
    return int(position), int(offset) if dot else None


def _bodies(
    reading: Reading, *, counted: bool
) -> Iterator[tuple[str, int, dict[str, Any], bool, int, Event | None]]:
    """For each record: type, version, body, whether it is known, number of events, the event."""
    if reading.fault is not None:
        yield reading.fault.kind, 0, {}, False, 1, None
    points: list[Event] = []
    for part, following in zip_longest(reading.parts, reading.parts[1:]):
        kind, version = part.type, part.version
        if part.events is None:
            for fields in _fields_of(part):
                yield kind, version, {"fields": fields}, False, 1, None
        elif counted and kind in POINTS:
            # Programs log points and items in turn: a stretch of all kinds is one record.
            points += part.events
            goes_on = following and following.events is not None and following.type in POINTS
            if points and not goes_on:
                yield kind, version, {"points": _count(points)}, True, len(points), None
                points = []
        else:
            for event in part.events:
                body = _readable(msgspec.structs.asdict(event))
                yield kind, version, body, True, 1, event


def _fields_of(part: Part) -> Iterator[Any]:
    """The fields of events of an unknown type; None for an event that cannot be shown."""
    try:
        yield from [_readable(body) for body in msgspec.msgpack.decode(part.bodies)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, TypeError):
        # The body has a later codec, is nested too deep, or has lists as keys of maps.
        yield from [None] * part.size


def _count(events: list[Event]) -> dict[str, int]:
    """The number of points that some events log, by metric, and of items, by series."""
    counts: Counter[str] = Counter()
    for event in events:
        if isinstance(event, MetricLogged):
            counts[event.key] += 1
        elif isinstance(event, MetricsLogged):
            counts.update(event.keys)
        elif isinstance(event, ItemsLogged):
            counts[ITEM_FACTS[type(event)].called(event.key)] += len(event.items)
    return dict(counts)


def _readable(value: Any) -> Any:
    """Plain values: hashes become hex, structs dictionaries, other odd values texts."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, msgspec.Struct):
        return _readable(msgspec.structs.asdict(value))
    if isinstance(value, dict):
        return {str(_readable(key)): _readable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(item) for item in value]
    return str(value)
