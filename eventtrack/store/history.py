"""Undo: appends the inverse of an event; the reads of history stand in `views.history`."""

from collections.abc import Sequence

from eventtrack.errors import InvalidStateError
from eventtrack.events.envelope import Cause, Draft
from eventtrack.events.types import Event
from eventtrack.projections.tables import Reader
from eventtrack.store.context import StoreContext
from eventtrack.store.decide import beside
from eventtrack.store.events import Events
from eventtrack.store.undo import inverse
from eventtrack.views.history.events import EventRecord
from eventtrack.views.history.queries import HistoryQueries
from eventtrack.views.queries.sessions import Sessions
from eventtrack.views.records import Record


class UndoPlan(Record):
    """The events that would undo an event: type and body of each.

    `stays` has the facts that the event set, but that would stay as they are, with the reasons.
    """

    events: list[EventRecord]
    stays: dict[str, str]


class History(HistoryQueries):
    """The past of a store, and `undo`."""

    def __init__(self, context: StoreContext, events: Events, sessions: Sessions) -> None:
        super().__init__(context.engine, events, sessions)
        self._engine = context.engine
        self._revoke_sinks = context.revoke_sinks

    def plan(self, address: str) -> UndoPlan:
        """The plan of an `undo`, without doing it.

        Raises:
            NotFoundError: There is no such event.
            InvalidStateError: No fact of the event can be undone; the message says why.
        """
        event = self._one(address)
        earlier = self._earlier(event)
        with self._engine.read() as reader:
            undoing = inverse(reader, event, earlier, self._engine.clock.now_ms())
        events = self._events.preview(self._draft(event, undoing.events), like=event)
        return UndoPlan(events=events, stays=undoing.stays)

    def inverse(self, address: str) -> list[EventRecord]:
        """The events of `plan`: type and body of each event that `undo` would append."""
        return self.plan(address).events

    def undo(self, address: str) -> list[EventRecord]:
        """Append the inverse of an event, with the event as its cause; both stay on record.

        Raises:
            NotFoundError: There is no such event.
            InvalidStateError: The event cannot be undone, or a later event has overtaken it; the
                message says why.
        """
        event = self._one(address)
        earlier = self._earlier(event)

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            undoing = inverse(reader, event, earlier, now_ms)
            others = beside(reader, event.stream, now_ms)
            return None, [self._draft(event, undoing.events, others)]

        now_ms = self._engine.clock.now_ms()
        _, envelopes = self._engine.append(decide)
        self._revoke_sinks()  # the inverse of a birth or a restoration is a deletion
        undone = (record for envelope in envelopes for record in self._events.records(envelope))
        return [record for record in undone if record.cause == event.address]

    def _draft(
        self, event: EventRecord, events: Sequence[Event], others: Sequence[str] = ()
    ) -> Draft:
        envelope = self._engine.log.get(event.position)
        assert envelope is not None  # the record comes from this envelope
        cause = Cause(envelope.name, event.index, event.offset)
        return Draft.of(event.stream, *events, cause=cause, beside=others)

    def _one(self, address: str) -> EventRecord:
        events = self._events.get(address)
        if len(events) > 1:
            raise InvalidStateError(
                f"position {address} holds {len(events)} events",
                hint=f"name one of them, for example {events[0].address}",
            )
        return events[0]

    def _earlier(self, event: EventRecord) -> list[EventRecord]:
        """The stream's events that count before an event, in the order in which they count."""
        stream = self._of_stream(event.stream, counted=True)
        earlier = (other for other in stream if other.order < event.order)
        return sorted(earlier, key=lambda other: other.order)
