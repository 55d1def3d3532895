"""The events of a store: reads of them, and events that are recorded as they are."""

from eventtrack.events.envelope import Draft
from eventtrack.store.engine import Engine
from eventtrack.views.history.events import EventQueries


class Events(EventQueries):
    """The events of a store, in order of their positions."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self._engine = engine

    def append(self, draft: Draft) -> None:
        """Record events as they are, durably, even if they change nothing.

        For an outbox, whose runs have their truth in another store. The caller has checked them.
        """
        self._engine.execute(lambda reader: (None, [draft]))
