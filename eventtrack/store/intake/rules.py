"""Decides, fact by fact, whether an imported value replaces the value that is here."""

from collections.abc import Mapping
from typing import Any

from eventtrack.facts.fact import Fact
from eventtrack.projections.merging import claimed
from eventtrack.projections.state import NEVER, Stamp, stamp_of
from eventtrack.projections.tables import Reader
from eventtrack.store.engine import Engine
from eventtrack.store.intake.forms import Taken

# The source of sessions that import. Facts of any other session were decided here.
IMPORT_SOURCE = "import"
_NAME_BYTES = 14  # the part of a stamp that names an envelope: recorded time and replica
_NAMES_KEPT_MAX = 100_000

# Values of facts, by fact and key ("" for a fact without keys).
Values = Mapping[tuple[Fact, str], Any]


class Imports:
    """Tells which envelopes were imported, and remembers the answers."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._imported: dict[bytes, bool] = {}

    def include(self, reader: Reader, stream: str, stamp: Stamp) -> bool:
        """Whether the event of a stream with this stamp was imported."""
        name = stamp[:_NAME_BYTES]
        if name not in self._imported:
            if len(self._imported) > _NAMES_KEPT_MAX:
                self._imported.clear()
            waiting = False
            for position in reader.timeline(stream):
                envelope = self._engine.log.get(position)
                if envelope is None:
                    waiting = True  # the envelope is in the batch that this import is writing
                    continue
                session = reader.session(envelope.header.session)
                ours = session is not None and session.source == IMPORT_SOURCE
                self._imported[stamp_of(envelope, 0)[:_NAME_BYTES]] = ours
            self._imported.setdefault(name, waiting)
        return self._imported[name]


class News:
    """One decision about one stream: judges each fact, and counts new facts and those that stay.

    Made anew whenever the decision runs, so that a decision that runs twice counts once.
    """

    def __init__(self, imports: Imports, reader: Reader) -> None:
        self._imports = imports
        self._reader = reader
        self.taken = Taken()
        self.kept: list[str] = []
        self.deletes = False

    def replaces(self, stream: str, fact: str, known: tuple[Any, Stamp], value: object) -> bool:
        """Whether a value is new: it differs, and the present value was not decided here."""
        if known[0] == value:
            return False
        if known[1] == NEVER or self._imports.include(self._reader, stream, known[1]):
            return True
        self.kept.append(f"{stream} {fact}")
        return False

    def changed(self, stream: str, state: object, wanted: Values) -> Values:
        """The wanted values of a thing's facts that are new, by fact and key.

        Args:
            state: The thing as it is here.
        """
        return {
            (fact, key): value
            for (fact, key), value in wanted.items()
            if self.replaces(stream, fact.called(key), claimed(fact, state, key), value)
        }
