"""When a fact from elsewhere replaces one that is here."""

from collections.abc import Mapping
from typing import TypeVar

from eventtrack.projections.state import NEVER, Stamp, stamp_of
from eventtrack.projections.tables import Reader
from eventtrack.store.engine import Engine

# The source of sessions that import; facts of any other session are somebody's own decisions.
IMPORT_SOURCE = "import"
_NAME_BYTES = 14  # of a stamp: recorded time and replica, which name an envelope
_NAMES_KEPT_MAX = 100_000
_KEPT_MAX = 1000

Fact = TypeVar("Fact", str, int, str | None, int | None)


class Rules:
    """Decides fact by fact, and notes what differs and stays."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._imported: dict[bytes, bool] = {}
        self.kept: list[str] = []  # the first of them
        self.kept_count = 0

    def replaces(
        self, reader: Reader, stream: str, fact: str, known: tuple[Fact, Stamp], value: Fact
    ) -> bool:
        """Whether a value is news: it differs, and nobody here has decided otherwise."""
        if known[0] == value:
            return False
        if known[1] == NEVER or self._was_imported(reader, stream, known[1]):
            return True
        self.keep(f"{stream} {fact}")
        return False

    def keep(self, fact: str) -> None:
        """Note that a fact stays as it is here."""
        self.kept_count += 1
        if self.kept_count <= _KEPT_MAX:
            self.kept.append(fact)

    def new_tags(
        self,
        reader: Reader,
        stream: str,
        known: Mapping[str, tuple[str | None, Stamp]],
        tags: Mapping[str, str],
    ) -> dict[str, str]:
        """The tags that are news."""
        return {
            key: value
            for key, value in tags.items()
            if self.replaces(reader, stream, f"tag.{key}", known.get(key, (None, NEVER)), value)
        }

    def _was_imported(self, reader: Reader, stream: str, stamp: Stamp) -> bool:
        name = stamp[:_NAME_BYTES]
        if name not in self._imported:
            if len(self._imported) > _NAMES_KEPT_MAX:
                self._imported.clear()
            for position in reader.timeline(stream):
                envelope = self._engine.log.get(position)
                if envelope is not None:  # None within the batch that writes it
                    session = reader.session(envelope.header.session)
                    ours = session is not None and session.source == IMPORT_SOURCE
                    self._imported[stamp_of(envelope.header, 0)[:_NAME_BYTES]] = ours
        return self._imported.get(name, False)
