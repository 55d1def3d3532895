"""The differences between two moments, subject by subject, and who made them."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing

from eventtrack.projections import registered_state, scorer_state
from eventtrack.projections.past import touched
from eventtrack.projections.registered_state import numbers
from eventtrack.projections.tables import Reader
from eventtrack.views.context import ReadContext
from eventtrack.views.history.blame import in_order, set_last_by
from eventtrack.views.history.density import streams_of_experiment
from eventtrack.views.history.events import EventQueries, EventRecord
from eventtrack.views.history.facts import Change, compare, facts_of
from eventtrack.views.moments import MomentSource, Progress
from eventtrack.views.queries.sessions import Sessions

_RUN, _EXPERIMENT = "run/", "experiment/"
# Positions of envelopes that only one of the moments holds, by stream.
Touched = dict[str, Sequence[int]]


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
        """The changes of one subject after the other, in order of their names; see `History`."""
        with closing(before), closing(after), before.read() as old, after.read() as new:
            touched_by_stream = self._touched(before, after, subject, (old, new))
            decided = self._deciding(touched_by_stream, old, new, subject)
            subjects = sorted({*touched_by_stream, *decided} if subject is None else {subject})
            past, present = self._context.over(old), self._context.over(new)
            for done, stream in enumerate(subjects):
                known, now = facts_of(past, old, stream), facts_of(present, new, stream)
                changes = compare(stream, known, now)
                if changes:
                    events = list(self._events.of_positions(touched_by_stream.get(stream, ())))
                    self._attribute(changes, events, _numbers(new, stream))
                if stream in decided:
                    self._attribute_lifecycle(
                        changes, touched_by_stream.get(stream, ()), decided[stream]
                    )
                yield changes
                if progress is not None:
                    progress(done, len(subjects))

    def _touched(
        self,
        before: MomentSource,
        after: MomentSource,
        subject: str | None,
        moments: tuple[Reader, Reader],
    ) -> Touched:
        with self._source.read() as live:
            streams = [subject] if subject is not None else []
            if subject is not None and subject.startswith(_RUN):
                runs = (reader.run(subject.removeprefix(_RUN)) for reader in moments)
                streams += {_EXPERIMENT + run.experiment for run in runs if run is not None}
            only = [number for name in streams if (number := live.number(name)) is not None]
            groups = touched(
                live, before.bounds, after.bounds, only if subject is not None else None
            )
        first = ((self._source.log.get(group[0]), group) for group in groups)
        return {envelope.header.stream: group for envelope, group in first if envelope is not None}

    def _deciding(
        self, touched_by_stream: Touched, old: Reader, new: Reader, subject: str | None
    ) -> dict[str, Sequence[int]]:
        """The runs whose experiment was deleted or restored in between, with the positions."""
        decided: dict[str, Sequence[int]] = {}
        for stream, positions in touched_by_stream.items():
            if not stream.startswith(_EXPERIMENT):
                continue
            experiment_id = stream.removeprefix(_EXPERIMENT)
            states = [reader.experiment(experiment_id) for reader in (old, new)]
            stages = {"active" if state is None else state.lifecycle[0] for state in states}
            if len(stages) == 1:
                continue
            if subject is not None:
                decided[subject] = positions
                continue
            for reader, state in zip((old, new), states, strict=True):
                if state is not None:
                    decided.update(dict.fromkeys(_runs_of(reader, state.number), positions))
        return decided

    def _attribute(
        self, changes: list[Change], events: list[EventRecord], numbers: Mapping[str, int]
    ) -> None:
        """Name the event of each change: the last event that set its fact, or else the newest."""
        setters, newest = set_last_by(events, numbers), in_order(events)[-1:]
        for change in changes:
            event = setters.get(change.fact) or (newest[0] if newest else None)
            if event is not None:
                self._name(change, event)

    def _attribute_lifecycle(
        self, changes: list[Change], own: Sequence[int], of_experiment: Sequence[int]
    ) -> None:
        """Name the later event: of those about a run's stage and those about its experiment's."""
        for change in changes:
            if change.fact == "lifecycle" and change.kind == "changed":
                events = [
                    *self._events.of_positions(own),
                    *self._events.of_positions(of_experiment),
                ]
                self._name(change, set_last_by(events)["lifecycle"])

    def _name(self, change: Change, event: EventRecord) -> None:
        change.address = event.address
        change.recorded_ms, change.arrived_ms = event.recorded_ms, event.arrived_ms
        change.recorded_here = event.recorded_here
        change.session = self._sessions.find(event.session)
        change.reason = event.reason


def _runs_of(reader: Reader, experiment: int) -> Iterator[str]:
    for number in streams_of_experiment(reader, experiment):
        run = reader.run_by_number(number)
        if run is not None:
            yield _RUN + run.run_id


def _numbers(reader: Reader, stream: str) -> dict[str, int]:
    if stream.startswith(scorer_state.PREFIX):
        scorer = scorer_state.scorer(reader, stream.removeprefix(scorer_state.PREFIX))
        return {} if scorer is None else numbers(scorer.claims)
    if not stream.startswith(registered_state.PREFIX):
        return {}
    model = registered_state.model(reader, stream.removeprefix(registered_state.PREFIX))
    return {} if model is None else numbers(model.claims)
