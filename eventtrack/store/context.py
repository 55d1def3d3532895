"""The context that the nouns of a store share: the engine, its recorder and its sinks."""

import weakref
from typing import TYPE_CHECKING, Protocol

from eventtrack.lazy import lazy
from eventtrack.store.engine import Engine
from eventtrack.store.locations import Locations
from eventtrack.views.context import ReadContext

if TYPE_CHECKING:
    from eventtrack.store import recorder as recorders
else:
    recorders = lazy("eventtrack.store.recorder")


class Revocable(Protocol):
    """Writes points of a run without a decision for each."""

    def revoke(self) -> None:
        """Note that the run may have been deleted, so the next point needs a decision."""
        ...


class StoreContext(ReadContext):
    """The engine, and what its commands share beside the reads."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.engine = engine
        self._recorder: recorders.Recorder | None = None
        self.locations = Locations(engine)
        # By id(). Changed by single, atomic calls, without a lock: a forked child might find it
        # taken for ever.
        self._sinks: dict[int, weakref.ref[Revocable]] = {}

    @property
    def recorder(self) -> "recorders.Recorder":
        """The recorder of durable points, made on first use.

        Threads that ask first at once may get two; each asks the views before its first points.
        """
        if self._recorder is None:
            self._recorder = recorders.Recorder(self.engine)
        return self._recorder

    def note_sink(self, sink: Revocable) -> None:
        """Note a sink, which writes without decisions, for as long as it lives."""
        sinks, key = self._sinks, id(sink)
        sinks[key] = weakref.ref(sink, lambda _: sinks.pop(key, None))

    def revoke_sinks(self) -> None:
        """Make every sink ask before its next point, after a deletion."""
        for reference in list(self._sinks.values()):
            sink = reference()
            if sink is not None:
                sink.revoke()
