"""The subjects that may differ between two moments, in order of their names.

A candidate is the stream of a subject with an envelope that only one of the moments includes, or a
run whose experiment was deleted or restored in between. Few candidates are sorted by their names.
Many are met in order by walking the table of streams, with a byte of memory for each stream of the
store.
"""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from eventtrack.log.protocol import EventLog
from eventtrack.projections import keys, timeline
from eventtrack.projections.past import PastReader, touched
from eventtrack.projections.standing import Bounds
from eventtrack.projections.tables import Reader
from eventtrack.views.history.density import streams_of_experiment

RUN, EXPERIMENT = "run/", "experiment/"
# So many candidates are sorted by their names: each costs a look into the log. It is worth a walk
# over some 100,000 streams.
SORTED_MAX = 4096


class Pair(NamedTuple):
    """Two moments of a store, while both are read."""

    before: Bounds
    after: Bounds
    old: PastReader
    new: PastReader

    @property
    def live(self) -> Reader:
        """The live views, in the transaction of the newer moment."""
        return self.new.live

    def between(self, number: int) -> list[int]:
        """The positions of a stream's envelopes that only one of the moments includes."""
        return [
            place.position
            for place in timeline.envelopes_of(self.live.rows, number)
            if self.before.include(place.position, place.recorded)
            != self.after.include(place.position, place.recorded)
        ]


class Candidate(NamedTuple):
    """A subject that may differ; `key` is the key of its row in the table of streams."""

    key: bytes
    stream: str
    number: int | None


class Candidates:
    """The candidates between two moments, by their numbers in one build of the views.

    Args:
        subject: The only candidate; None for all.
    """

    def __init__(self, log: EventLog, pair: Pair, subject: str | None) -> None:
        self._log = log
        # The positions of what deleted or restored an experiment in between, by its id.
        self._deciding: dict[str, list[int]] = {}
        self._sorted: list[Candidate] | None = None
        self._marks = bytearray()  # by number, 1 for a candidate; if they are too many to sort
        if subject is not None:
            self._sorted = [_candidate(subject, pair.live.number(subject))]
            self._find_deciding(pair, _experiments_of(pair, subject))
            self.total = 1
            return
        numbers = array("I", touched(pair.live, pair.before, pair.after))
        numbers.extend(self._find_deciding(pair, numbers))
        if len(numbers) <= SORTED_MAX:
            named = ((self._name(pair.live, number), number) for number in set(numbers))
            self._sorted = sorted(_candidate(name, number) for name, number in named if name)
            self.total = len(self._sorted)
            return
        self._marks = bytearray(max(numbers) + 1)
        for number in numbers:
            self._marks[number] = 1
        self.total = sum(self._marks)

    def behind(self, key: bytes, live: Reader) -> Iterator[Candidate]:
        """The candidates behind a key of the table of streams, in order of these keys."""
        if self._sorted is not None:
            yield from self._sorted[bisect_right(self._sorted, key, key=_key_of) :]
            return
        for row, value in live.rows.scan("streams", key + b"\0" if key else b""):
            number = int.from_bytes(value, "big")
            if number >= len(self._marks) or not self._marks[number]:
                continue
            is_whole = len(row) <= keys.TEXT_BYTES_MAX
            name = row.decode() if is_whole else self._name(live, number)
            if name:
                yield Candidate(row, name, number)

    def deciding(self, pair: Pair, stream: str) -> Sequence[int]:
        """The positions of what deleted or restored the experiment of a run in between."""
        if not self._deciding or not stream.startswith(RUN):
            return ()
        names = (name.removeprefix(EXPERIMENT) for name in _experiments_of(pair, stream))
        return [position for name in names for position in self._deciding.get(name, ())]

    def _find_deciding(self, pair: Pair, subjects: Iterable[int | str]) -> "array[int]":
        """Learn which of some experiments were deleted or restored; returns all their runs."""
        runs = array("I")
        for subject in subjects:
            number = pair.live.number(subject) if isinstance(subject, str) else subject
            known = None if number is None else pair.live.experiment_by_number(number)
            if number is None or known is None:
                continue
            states = [reader.experiment(known.experiment_id) for reader in (pair.old, pair.new)]
            if len({"active" if state is None else state.lifecycle[0] for state in states}) == 1:
                continue
            self._deciding[known.experiment_id] = pair.between(number)
            for reader in (pair.old, pair.new):
                of_experiment = streams_of_experiment(reader, number)
                runs.extend(run for run in of_experiment if run != number)
        return runs

    def _name(self, live: Reader, number: int) -> str | None:
        """The name of a stream, as the header of its first envelope has it."""
        first = next(timeline.envelopes_of(live.rows, number), None)
        envelope = None if first is None else self._log.get(first.position)
        return None if envelope is None else envelope.header.stream


def _candidate(stream: str, number: int | None) -> Candidate:
    return Candidate(keys.name(stream), stream, number)


def _key_of(candidate: Candidate) -> bytes:
    return candidate.key


def _experiments_of(pair: Pair, stream: str) -> set[str]:
    """The streams of the experiments that a run was in at the moments; none of another subject."""
    if not stream.startswith(RUN):
        return set()
    runs = (reader.run(stream.removeprefix(RUN)) for reader in (pair.old, pair.new))
    return {EXPERIMENT + run.experiment for run in runs if run is not None}
