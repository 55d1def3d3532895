"""What the nouns of a store share: the engine, and records from its views."""

from collections.abc import Iterator
from contextlib import contextmanager

from eventtrack.projections.tables import Reader
from eventtrack.store.engine import Engine
from eventtrack.views.entities import EntityReader


class StoreContext:
    """The engine, and readers that build records."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.artifact_root = f"eventtrack://{engine.path}"

    @contextmanager
    def entities(self) -> Iterator[EntityReader]:
        """A reader of the views as of now that builds records."""
        with self.engine.read() as reader:
            yield self.over(reader)

    def over(self, reader: Reader) -> EntityReader:
        """A builder of records over a reader that is open already."""
        return EntityReader(reader, self.artifact_root)
