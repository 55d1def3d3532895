"""What the nouns of a store share: the engine, and records from its views."""

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
        """The run may have been deleted: ask before the next point."""
        ...


class StoreContext:
    """The engine, and readers that build records."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.recorder = Recorder(engine)
        # Quoted as `resolve_path` unquotes: a folder may be called `50%`, `#1` or `what?`.
        self.artifact_root = f"eventtrack://{quote(str(engine.path))}"
        self.locations = Locations(engine)
        # By id(). Changed by single, atomic calls: a forked child might find a lock taken for ever.
        self._sinks: dict[int, weakref.ref[Revocable]] = {}

    @contextmanager
    def entities(self) -> Iterator[EntityReader]:
        """A reader of the views as of now that builds records."""
        with self.engine.read() as reader:
            yield self.over(reader)

    def note_sink(self, sink: Revocable) -> None:
        """A way around the decisions exists, for as long as somebody keeps it."""
        sinks, key = self._sinks, id(sink)
        sinks[key] = weakref.ref(sink, lambda _: sinks.pop(key, None))

    def revoke_sinks(self) -> None:
        """After something was deleted: every sink asks before its next point."""
        for reference in list(self._sinks.values()):
            sink = reference()
            if sink is not None:
                sink.revoke()

    def over(self, reader: Reader) -> EntityReader:
        """A builder of records over a reader that is open already."""
        return EntityReader(reader, self.artifact_root, self.locations.given)
