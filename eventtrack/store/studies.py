"""Studies: the entries of Optuna's journal, as this store has them.

The store keeps the entries and their order. Their meaning is Optuna's; docs/format.md, "Studies",
says which of them have an effect.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from eventtrack.errors import InvalidValueError
from eventtrack.events.envelope import Draft, Envelope
from eventtrack.events.reading import events_of
from eventtrack.events.studies import StudyEntry, StudyRecorded
from eventtrack.limits import STUDY_FIELDS_LENGTH_MAX
from eventtrack.projections.state import Stamp, stamp_of
from eventtrack.store.context import StoreContext

STREAM = "study/optuna"
# Envelopes of one read of the log.
_PAGE = 512


class RecordedEntry(NamedTuple):
    """An entry, and the stamp that orders it among those of all machines."""

    stamp: Stamp
    entry: StudyEntry


class Studies:
    """The entries of all studies of a store."""

    def __init__(self, context: StoreContext) -> None:
        self._engine = context.engine

    def new_id(self) -> str:
        """An id for a study or a trial, and for the run that shows it."""
        return self._engine.ids.id128().hex()

    def record(self, entries: Sequence[StudyEntry]) -> None:
        """Record entries durably, in one event.

        Raises:
            InvalidValueError: The fields of an entry are too long; nothing was recorded.
        """
        for entry in entries:
            if len(entry.fields) > STUDY_FIELDS_LENGTH_MAX:
                raise InvalidValueError(
                    f"cannot record {len(entry.fields):,} characters on a study: at most "
                    f"{STUDY_FIELDS_LENGTH_MAX:,} are allowed",
                    hint="log a file to the trial's run, and keep its path as the attribute",
                )
        draft = Draft.of(STREAM, StudyRecorded(list(entries)))
        self._engine.execute(lambda reader: (None, [draft]))

    def entries(self, after: int = 0) -> tuple[list[RecordedEntry], int]:
        """The entries behind a position of the log in the order of their arrival here, and its end.

        Costs a look at the header of each envelope behind `after`; for 0, an index has the stream.
        """
        if after:
            entries: list[RecordedEntry] = []
            while envelopes := self._engine.log.read(after, _PAGE):
                entries += _entries(envelopes)
                after = envelopes[-1].position
            return entries, after
        head = self._engine.log.head()
        with self._engine.read() as reader:
            positions = [position for position in reader.timeline(STREAM) if position <= head]
        stored = (self._engine.log.get(position) for position in positions)
        return list(_entries(envelope for envelope in stored if envelope is not None)), head


def _entries(envelopes: Iterable[Envelope]) -> Iterator[RecordedEntry]:
    for envelope in envelopes:
        if envelope.header.stream == STREAM:
            for offset, event in enumerate(events_of(envelope)):
                if isinstance(event, StudyRecorded):
                    stamp = stamp_of(envelope, offset)
                    yield from (RecordedEntry(stamp, entry) for entry in event.entries)
