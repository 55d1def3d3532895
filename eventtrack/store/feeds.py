"""The feeds of a store: reads of them, and events about them."""

from eventtrack.events.envelope import Draft
from eventtrack.events.types import Event
from eventtrack.store.engine import Engine
from eventtrack.views.history.feeds import FeedQueries


class Feeds(FeedQueries):
    """Every feed that has reached this store, by its id in hex: a replica's, or a branch's."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._engine = engine

    def record(self, *events: Event) -> None:
        """Append events about feeds to the stream of this replica, durably."""
        draft = Draft.of(f"replica/{self.own}", *events)
        self._engine.execute(lambda reader: (None, [draft]))
