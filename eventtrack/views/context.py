"""The context that the queries of one source share."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from urllib.parse import quote

from eventtrack.projections.tables import Reader
from eventtrack.views.entities import EntityReader
from eventtrack.views.given import GivenFolders
from eventtrack.views.source import Source


class ReadContext:
    """The source of some queries, and readers of it that build records."""

    def __init__(self, source: Source) -> None:
        self.source = source
        # Quoted, as `resolve_path` unquotes it: a folder may be called `50%`, `#1` or `what?`.
        self.artifact_root = f"eventtrack://{quote(str(source.path))}"
        self._given = GivenFolders(source)

    def read(self) -> AbstractContextManager[Reader]:
        """A stable view of the tables, for the length of a block."""
        return self.source.read()

    @contextmanager
    def entities(self) -> Iterator[EntityReader]:
        """A reader that builds records."""
        with self.source.read() as reader:
            yield self.over(reader)

    def over(self, reader: Reader) -> EntityReader:
        """A builder of records over an open reader."""
        return EntityReader(reader, self.artifact_root, self._given.of)
