"""The differences between two moments, subject by subject, and who made them."""

from collections.abc import Generator, Iterable, Mapping
from contextlib import closing
from itertools import chain

from eventtrack.projections import registered_state, scorer_state
from eventtrack.projections.registered_state import numbers
from eventtrack.projections.tables import Reader
from eventtrack.views.context import ReadContext
from eventtrack.views.history.blame import set_last_by
from eventtrack.views.history.candidates import Candidate, Candidates, Pair
from eventtrack.views.history.events import EventQueries, EventRecord
from eventtrack.views.history.facts import Change, compare, facts_of
from eventtrack.views.moments import MomentSource, Progress
from eventtrack.views.queries.sessions import Sessions

# A stretch of subjects, which are compared in one transaction, ends behind so many of them, or
# behind the subject that brings so many changes.
_STRETCH_SUBJECTS, _STRETCH_CHANGES = 256, 256


class Differences:
    """Two moments of a store, compared."""

    def __init__(self, context: ReadContext, events: EventQueries, sessions: Sessions) -> None:
        self._context = context
        self._source = context.source
        self._events = events
        self._sessions = sessions

    def between(
        self,
        before: MomentSource,
        after: MomentSource,
        subject: str | None,
        progress: Progress | None,
    ) -> Generator[list[Change]]:
        """The changes of one subject after the other, in order of their names; see `History`.

        Subjects are compared a stretch at a time, each in transactions of its own. Somebody who
        reads slowly so holds none open.
        """
        build, candidates, key, done = None, None, b"", 0
        with closing(before), closing(after):
            while True:
                with before.read() as old, after.read() as new:
                    pair = Pair(before.bounds, after.bounds, old, new)
                    if candidates is None or build is not after.build:
                        # Views that were made anew know the streams by other numbers.
                        build = after.build
                        candidates = Candidates(self._source.log, pair, subject)
                    stretch: list[list[Change]] = []
                    changes = 0
                    for candidate in candidates.behind(key, pair.live):
                        key = candidate.key
                        stretch.append(self._of(pair, candidate, candidates))
                        changes += len(stretch[-1])
                        if progress is not None:
                            progress(done + len(stretch), candidates.total)
                        if changes >= _STRETCH_CHANGES or len(stretch) >= _STRETCH_SUBJECTS:
                            break
                if not stretch:
                    return
                yield from stretch
                done += len(stretch)

    def _of(self, pair: Pair, candidate: Candidate, candidates: Candidates) -> list[Change]:
        """The changes of one subject."""
        stream, number = candidate.stream, candidate.number
        past, present = self._context.over(pair.old), self._context.over(pair.new)
        known, now = facts_of(past, pair.old, stream), facts_of(present, pair.new, stream)
        changes = compare(stream, known, now)
        if not changes:
            return changes
        own = [] if number is None else pair.between(number)
        named = self._attribute(changes, own, _numbers(pair.new, stream))
        decided = candidates.deciding(pair, stream)
        if decided:
            named += self._attribute_lifecycle(changes, chain(own, decided))
        sessions = self._sessions.of(event.session for _, event in named)
        for change, event in named:
            change.session = sessions.get(event.session)
        return changes

    def _attribute(
        self, changes: list[Change], positions: Iterable[int], numbers: Mapping[str, int]
    ) -> list[tuple[Change, EventRecord]]:
        """Name the event of each change: the last event that set its fact, or else the newest."""
        setters, newest = set_last_by(self._events.of_positions(positions), numbers)
        named = ((change, setters.get(change.fact, newest)) for change in changes)
        return [(change, _name(change, event)) for change, event in named if event is not None]

    def _attribute_lifecycle(
        self, changes: list[Change], positions: Iterable[int]
    ) -> list[tuple[Change, EventRecord]]:
        """Name the later event: of those about a run's stage and those about its experiment's."""
        setters, _ = set_last_by(self._events.of_positions(positions))
        return [
            (change, _name(change, setters["lifecycle"]))
            for change in changes
            if change.fact == "lifecycle" and change.kind == "changed"
        ]


def _name(change: Change, event: EventRecord) -> EventRecord:
    change.address = event.address
    change.recorded_ms, change.arrived_ms = event.recorded_ms, event.arrived_ms
    change.recorded_here = event.recorded_here
    change.reason = event.reason
    return event


def _numbers(reader: Reader, stream: str) -> dict[str, int]:
    if stream.startswith(scorer_state.PREFIX):
        scorer = scorer_state.scorer(reader, stream.removeprefix(scorer_state.PREFIX))
        return {} if scorer is None else numbers(scorer.claims)
    if not stream.startswith(registered_state.PREFIX):
        return {}
    model = registered_state.model(reader, stream.removeprefix(registered_state.PREFIX))
    return {} if model is None else numbers(model.claims)
