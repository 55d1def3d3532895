"""The record of access to the servers of a shared log, as this store has it.

The store keeps what was recorded, and judges nothing: `cluster.tokens` knows whose signature
counts.
"""

from collections.abc import Iterable, Iterator, Sequence

from eventtrack.events.access import STREAM, AccessGranted, AccessRevoked
from eventtrack.events.envelope import Draft, Envelope
from eventtrack.events.reading import events_of
from eventtrack.store.context import StoreContext
from eventtrack.store.reasons import without_reason

AccessEvent = AccessGranted | AccessRevoked
# Envelopes of one read of the log.
_PAGE = 512


class Grants:
    """The events of access in a store."""

    def __init__(self, context: StoreContext) -> None:
        self._engine = context.engine

    def record(self, events: Sequence[AccessEvent]) -> None:
        """Record events durably, in one commit.

        No reason goes along: an envelope with other events beside these could be erased.
        """
        draft = Draft.of(STREAM, *events)
        with without_reason():
            self._engine.execute(lambda reader: (None, [draft]))

    def events(self, after: int = 0) -> tuple[list[AccessEvent], int]:
        """The events behind a position of the log, and its end.

        Costs a look at the header of each envelope behind `after`; for 0, an index has the stream.
        """
        log = self._engine.log
        if after:
            events: list[AccessEvent] = []
            while envelopes := log.read(after, _PAGE):
                events += _events(envelopes)
                after = envelopes[-1].position
            return events, after
        head = log.head()
        with self._engine.read() as reader:
            positions = [position for position in reader.timeline(STREAM) if position <= head]
        stored = (log.get(position) for position in positions)
        return list(_events(envelope for envelope in stored if envelope is not None)), head


def _events(envelopes: Iterable[Envelope]) -> Iterator[AccessEvent]:
    for envelope in envelopes:
        if envelope.header.stream == STREAM:
            events = [
                event
                for event in events_of(envelope)
                if isinstance(event, AccessGranted | AccessRevoked)
            ]
            # A server pays a check of a signature for each event, the writer an envelope.
            if len({(type(event), event.sha256) for event in events}) == len(events):
                yield from events
