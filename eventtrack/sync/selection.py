"""Partial sync: the payloads of chosen runs come, and only the headers of all others.

A feed's hashes are made of headers, so a partial copy is verified like a whole copy, and can be
filled later. Events that belong to no run, model or trace always come: they are small.
"""

from pathlib import Path

import msgspec

from eventtrack.errors import CorruptionError
from eventtrack.events.envelope import Envelope
from eventtrack.events.histories import RunForked, RunMerged
from eventtrack.events.reading import events_of
from eventtrack.events.redaction import is_redaction
from eventtrack.events.types import RunMoved
from eventtrack.ids import experiment_id
from eventtrack.log.checked import UNREADABLE, decode_checked
from eventtrack.store.replication import Replication
from eventtrack.views.records import Record

# The name of the type of moves, as it stands in a payload.
_MOVED = b"run.moved"
# The names of the types that refer to another run.
_REFERRING = (b"run.forked", b"run.merged")
# The most experiments that may have been born under one name before the chosen experiment.
_BIRTHS_MAX = 16
# The number of envelopes searched for the experiment that a stream belongs to.
_BEGINNING = 64


class Selection(Record):
    """The wanted experiments, by name or id, and runs, by id; an empty selection wants all."""

    experiments: list[str] = msgspec.field(default_factory=list)
    runs: list[str] = msgspec.field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.experiments or self.runs)


def leaves_out(store: Replication) -> bool:
    """Whether a store is a partial copy by choice: its last pull from a remote had a selection."""
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
    """Decides for each envelope whether its payload is wanted; callable with the envelope.

    The first event of a stream that names an experiment decides where the stream belongs, and a run
    belongs also to each experiment that it was moved to. If the beginning of a stream came without
    payloads, nothing is known about it; the log shows that.

    Where points of other runs count for a wanted run, as for forks, those are wanted too.

    `joined` says whether a move into a wanted experiment, or such a run, was met: earlier payloads
    of that run may have been left out. Each is met once: set it back, read again until it stays so.
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
        self._runs |= target.related(self._runs, self._experiments)
        self._met: set[str] = set()  # streams that became wanted on the way
        self.joined = False

    def __call__(self, envelope: Envelope) -> bool:
        """Whether the payload is wanted."""
        stream = envelope.header.stream
        known = self._wanted.get(stream)
        if known is None:
            known = self._decide(envelope)
            if known is None:
                # The run's beginning has not come yet: keep the payload, and decide again later.
                return True
            self._wanted[stream] = known
        if envelope.may_hold(_MOVED) and stream not in self._met and self._joins(envelope):
            self._met.add(stream)
            known = self._wanted[stream] = self.joined = True
        if known and envelope.may_hold(*_REFERRING):
            self._follow(envelope)
        return known or is_redaction(envelope)

    def _decide(self, envelope: Envelope) -> bool | None:
        kind, _, name = envelope.header.stream.partition("/")
        if kind not in ("run", "model", "trace"):
            return True
        if kind == "run" and name in self._runs:
            return True
        said, stream = self._says(envelope), envelope.header.stream
        if not said and self._target.moves_of(stream) & self._experiments:
            return True
        return self._from_the_stream(stream) if said is None else said

    def _follow(self, envelope: Envelope) -> None:
        """Want the runs too whose points count for the run of an envelope."""
        for event in events_of(envelope):
            run_id = ""
            if isinstance(event, RunForked):
                run_id = event.fork.run_id
            elif isinstance(event, RunMerged):
                run_id = event.run_id
            if run_id and f"run/{run_id}" not in self._met:
                self._runs.add(run_id)
                self._met.add(f"run/{run_id}")
                self._wanted[f"run/{run_id}"] = self.joined = True

    def _joins(self, envelope: Envelope) -> bool:
        moves = (event for event in events_of(envelope) if isinstance(event, RunMoved))
        return any(move.experiment_id in self._experiments for move in moves)

    def _says(self, envelope: Envelope) -> bool | None:
        """The decision by the envelope's own events; None if they name no experiment."""
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
    """Decides for another store, which lacks payloads, by the beginning of each stream here."""

    def _from_the_stream(self, stream: str) -> bool | None:
        for envelope in self._target.beginning(stream, _BEGINNING):
            if (said := self._says(envelope)) is not None:
                return said
        return None
