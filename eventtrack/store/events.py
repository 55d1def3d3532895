"""The log as records: read, filtered, followed."""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from eventtrack.clock import recorded_ms
from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.events.envelope import SALT_BYTES, Cause, Draft, Envelope, seal, split_name
from eventtrack.events.registry import REGISTRY
from eventtrack.events.types import Event
from eventtrack.limits import INT64_MAX
from eventtrack.projections.state import Stamp, stamp_of
from eventtrack.store.context import StoreContext
from eventtrack.views.records import Record

# Envelopes read at a time: no transaction is held while the caller looks at them.
_PAGE = 512
# Events that log points, and all that has to be read of one to tell of which metrics.
POINTS = ("run.metric_logged", "run.metrics_logged")
# Two numbers of 64 bits with room to spare; positions are numbers of 63 bits.
_ADDRESS_LENGTH_MAX = 40


class _Named(msgspec.Struct, array_like=True, gc=False):
    keys: str | list[str]


_decode_named = msgspec.msgpack.Decoder(list[_Named]).decode


class Said(NamedTuple):
    """An event as its type, and its stamp (`projections/state.py`)."""

    event: Event
    stamp: Stamp


class EventRecord(Record):
    """One event with its header.

    `recorded_ms` is when it was recorded, in milliseconds since 1970, by the clock of the machine
    that did; `arrived_ms` when it came here from there, by the clock here: None for what was
    `recorded_here`, and where it is not known, for arrivals were not always noted. The times in
    `body` are what the caller claimed. `known` is False for a type that this eventtrack cannot
    read: `body` then holds its fields as a list. `cause` is the address of the event that this one
    answers. `said` is the event itself with its stamp, which is in no dictionary; None where it
    cannot be read, and where points were counted.
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
    said: Said | None = None

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return (field for field in super().__iter__() if field[0] != "said")

    @property
    def address(self) -> str:
        """`position.offset`, which names the event in this store."""
        return f"{self.position}.{self.offset}"

    def to_dictionary(self) -> dict[str, Any]:
        """The record as plain values, with its address."""
        return {"address": self.address, **super().to_dictionary()}


class Events:
    """The events of a store, in order of their positions."""

    def __init__(self, context: StoreContext) -> None:
        self._engine = context.engine

    def head(self) -> int:
        """The position of the newest envelope, 0 for an empty log."""
        self._engine.flush()
        return self._engine.log.head()

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
            stream: For example `run/<run id>`; asked of an index, so it costs only what it finds.
            types: Type names, for example `run.metric_logged`.
            session: A session id in hex.
            limit: How many events at most.
        """
        self._engine.flush()
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
        self._engine.flush()
        return self._engine.log.read(after, limit)

    def append(self, draft: Draft) -> None:
        """Record events as they are, durably, without asking whether they change anything.

        For a store whose runs have their truth elsewhere: an outbox. The caller has checked them.
        """
        self._engine.execute(lambda reader: (None, [draft]))

    def get(self, address: str) -> list[EventRecord]:
        """The event at `position.offset`, or all events of the envelope at `position`.

        Raises:
            InvalidValueError: That is no address.
            NotFoundError: There is no such event.
        """
        position, offset = parse_address(address)
        envelope = self._engine.log.get(position) if position <= self.head() else None
        found = [] if envelope is None else self.records(envelope)
        if offset is not None:
            found = [event for event in found if event.offset == offset]
        if not found:
            raise NotFoundError(
                f"there is no event {address}: the log ends at {self.head()}",
                hint="`eventtrack log --limit 20` shows addresses",
            )
        return found

    def follow(self, after: int, *, stop: threading.Event | None = None) -> Iterator[EventRecord]:
        """Events above `after`, then new ones as they are recorded, until `stop` is set.

        Waits by looking at the log's transaction number, a microsecond each 50 ms.
        """
        stop = stop or threading.Event()
        seen = -1
        while not stop.is_set():
            change = self._engine.log.change_count()
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
        """The events of the envelopes at these positions; `counted` as of `records`."""
        for position in positions:
            envelope = self._engine.log.get(position)
            if envelope is not None:
                yield from self.records(envelope, counted=counted)

    def records(self, envelope: Envelope, *, counted: bool = False) -> list[EventRecord]:
        """The events of an envelope as records.

        Args:
            counted: Neighbours that log points are one record, that of the last of them, whose
                body has but `points`: how many there were of each metric. That takes a twentieth
                of the time.
        """
        header = envelope.header
        cause = None
        if header.cause is not None:
            cause = f"{self._place_of(header.cause)}.{header.cause.offset}"
        arrived_ms = self._engine.log.arrived_ms(envelope.position)
        is_own = header.replica == self._engine.log.replica or not envelope.position
        found: list[EventRecord] = []
        stop = 0
        for kind, version, body, known, events, event in _bodies(envelope, counted=counted):
            stop += events
            found.append(
                EventRecord(
                    position=envelope.position,
                    offset=stop - 1,
                    type=kind,
                    version=version,
                    stream=header.stream,
                    recorded_ms=recorded_ms(header.recorded),
                    recorded=header.recorded,
                    body=body,
                    replica=header.replica.hex(),
                    index=header.index,
                    session=header.session.hex(),
                    cause=cause,
                    known=known,
                    arrived_ms=arrived_ms,
                    recorded_here=is_own,
                    said=None if event is None else Said(event, stamp_of(header, stop - 1)),
                )
            )
        return found

    def _place_of(self, cause: Cause) -> str:
        """The position of the envelope that a cause names, or its name where it is not here."""
        replica, mark = split_name(cause.replica)
        for position in self._engine.log.locate_all(replica, cause.index):
            envelope = self._engine.log.get(position)
            if envelope is not None and mark in (b"", envelope.mark):
                return str(position)
        return f"{replica.hex()}/{cause.index}"

    def preview(self, draft: Draft, like: EventRecord) -> list[EventRecord]:
        """What a draft's events would look like: no position, no replica, caused by `like`."""
        nobody = bytes(16)
        data, _ = seal(
            draft, replica=nobody, index=0, recorded=0, session=nobody, salt=bytes(SALT_BYTES)
        )
        found = self.records(Envelope(data))
        for event in found:
            event.cause = like.address
        return found

    def _envelopes(self, after: int, stream: str | None) -> Iterator[Envelope]:
        if stream is not None:
            with self._engine.read() as reader:
                positions = reader.timeline(stream)
            for position in positions:
                if position > after and (envelope := self._engine.log.get(position)):
                    yield envelope
            return
        after = max(after, 0)
        while after < INT64_MAX and (envelopes := self._engine.log.read(after, _PAGE)):
            yield from envelopes
            after = envelopes[-1].position


def parse_address(address: str) -> tuple[int, int | None]:
    """`position.offset` or `position` as numbers.

    Raises:
        InvalidValueError: That is no address.
    """
    position, dot, offset = address.partition(".")
    short = len(address) <= _ADDRESS_LENGTH_MAX
    if not short or not position.isdecimal() or (dot and not offset.isdecimal()):
        raise InvalidValueError(
            f"{address[:40]!r} is no address of an event",
            hint="addresses look like 17.0: `eventtrack log` shows them",
        )
    return int(position), int(offset) if dot else None


def _bodies(
    envelope: Envelope, *, counted: bool
) -> Iterator[tuple[str, int, dict[str, Any], bool, int, Event | None]]:
    """Type, version, body, whether it is known, for how many events it stands, the event itself."""
    for group in envelope.groups():
        entry = REGISTRY.find(group.type)
        if counted and group.type in POINTS and entry and group.version == entry.version:
            named = _decode_named(group.bodies)
            if named:
                body = {"points": _count(named)}
                yield group.type, group.version, body, True, len(named), None
            continue
        events = entry.decode_many(group.version, group.bodies) if entry else None
        if events is None:
            for body in msgspec.msgpack.decode(group.bodies):
                yield group.type, group.version, {"fields": _readable(body)}, False, 1, None
        else:
            for event in events:
                body = _readable(msgspec.structs.asdict(event))
                yield group.type, group.version, body, True, 1, event


def _count(named: list[_Named]) -> dict[str, int]:
    singles = [one.keys for one in named if isinstance(one.keys, str)]
    rows = (one.keys for one in named if not isinstance(one.keys, str))
    return dict(Counter(chain(singles, chain.from_iterable(rows))))


def _readable(value: Any) -> Any:
    """Plain values: hashes in hex, structs as dictionaries."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, msgspec.Struct):
        return _readable(msgspec.structs.asdict(value))
    if isinstance(value, dict):
        return {key: _readable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_readable(item) for item in value]
    return value
