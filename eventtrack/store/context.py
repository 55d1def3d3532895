"""The context that the nouns of a store share: the engine, and readers of its views."""

import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from urllib.parse import quote

from eventtrack.projections.tables import Reader
from eventtrack.store.engine import Engine
from eventtrack.store.locations import Locations
from eventtrack.store.recorder import Recorder
from eventtrack.views.entities import EntityReader


class Revocable(Protocol):
    """Writes points of a run without a decision for each."""

    def revoke(self) -> None:
        """Note that the run may have been deleted, so the next point needs a decision."""
        ...


class StoreContext:
    """The engine, and readers that build records."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.recorder = Recorder(engine)
        # Quoted, as `resolve_path` unquotes it: a folder may be called `50%`, `#1` or `what?`.
        self.artifact_root = f"eventtrack://{quote(str(engine.path))}"
        self.locations = Locations(engine)
        # By id(). Changed by single, atomic calls, without a lock: a forked child might find it
        # taken for ever.
        self._sinks: dict[int, weakref.ref[Revocable]] = {}

    @contextmanager
    def entities(self) -> Iterator[EntityReader]:
        """A reader of the present views that builds records."""
        with self.engine.read() as reader:
            yield self.over(reader)

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

    def over(self, reader: Reader) -> EntityReader:
        """A builder of records over an open reader."""
        return EntityReader(reader, self.artifact_root, self.locations.given)
