"""Partial sync: of which runs the payloads come; of all others the headers only.

The headers are what a feed's hashes are made of, so a partial copy is verified like a whole one,
and can be filled later. What belongs to no run, model or trace comes in any case: it is small.
"""

from pathlib import Path

import msgspec

from eventtrack.errors import CorruptionError
from eventtrack.events.envelope import Envelope
from eventtrack.events.reading import events_of
from eventtrack.events.redaction import is_redaction
from eventtrack.ids import experiment_id
from eventtrack.log.checked import UNREADABLE, decode_checked
from eventtrack.store.replication import Replication
from eventtrack.views.records import Record

# How many experiments may have been born under one name before the one that is meant.
_BIRTHS_MAX = 16
# How many envelopes of a stream are searched for the experiment that it belongs to.
_BEGINNING = 64


class Selection(Record):
    """Experiments, by name or id, and runs, by id, that are wanted; without any, all are."""

    experiments: list[str] = msgspec.field(default_factory=list)
    runs: list[str] = msgspec.field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.experiments or self.runs)


def leaves_out(store: Replication) -> bool:
    """Whether a store itself chose to be a part, by what it last pulled from some remote."""
    return any(map(_noted, sorted(store.folder.glob("*.wanted"))))


def _noted(note: Path) -> Selection:
    try:
        return decode_checked(note.read_bytes(), Selection)
    except UNREADABLE as error:
        raise CorruptionError(
            f"cannot read {note}, which says what was last pulled: {error}",
            hint="delete it, and pull with --experiment or --run again if only a part is wanted",
        ) from error


class Chooser:
    """Decides of each envelope whether its payload is wanted; callable with it.

    A stream belongs to the experiment that the first event says which names one. Nothing is known
    of one whose beginning came from elsewhere and was left out: that it was is seen in the log.
    """

    def __init__(self, target: Replication, selection: Selection) -> None:
        self._target = target
        self._runs = set(selection.runs)
        self._experiments = {
            candidate
            for name in selection.experiments
            for candidate in (name, *(experiment_id(name, born) for born in range(_BIRTHS_MAX)))
        }
        self._wanted: dict[str, bool] = {}

    def __call__(self, envelope: Envelope) -> bool:
        """Whether the payload is wanted."""
        stream = envelope.header.stream
        known = self._wanted.get(stream)
        if known is None:
            known = self._decide(envelope)
            if known is None:
                # Said of a run that nobody has told us of yet: kept, but asked again.
                return True
            self._wanted[stream] = known
        return known or is_redaction(envelope)

    def _decide(self, envelope: Envelope) -> bool | None:
        kind, _, name = envelope.header.stream.partition("/")
        if kind not in ("run", "model", "trace"):
            return True
        if kind == "run" and name in self._runs:
            return True
        said = self._says(envelope)
        return self._from_the_stream(envelope.header.stream) if said is None else said

    def _says(self, envelope: Envelope) -> bool | None:
        """What the envelope's own events say; None when they name no experiment."""
        for event in events_of(envelope):
            if getattr(event, "source_run_id", None) in self._runs:
                return True
            experiment = getattr(event, "experiment_id", None)
            if experiment is not None:
                return experiment in self._experiments
        return None

    def _from_the_stream(self, stream: str) -> bool | None:
        return self._target.begins_whole(stream)


class SendersChooser(Chooser):
    """Decides for somebody else, who lacks payloads: by what this log holds of each stream."""

    def _from_the_stream(self, stream: str) -> bool | None:
        for envelope in self._target.beginning(stream, _BEGINNING):
            if (said := self._says(envelope)) is not None:
                return said
        return None
