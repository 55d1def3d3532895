"""History: timelines, blame, differences between moments and runs, undo."""

from collections.abc import Generator, Sequence

from eventtrack.errors import InvalidStateError
from eventtrack.events.envelope import Cause, Draft
from eventtrack.events.types import Event
from eventtrack.facts.run import RUN
from eventtrack.projections.tables import Reader
from eventtrack.store import density, subjects
from eventtrack.store.blame import BlameLine, blame_lines
from eventtrack.store.context import StoreContext
from eventtrack.store.decide import beside, existing_run
from eventtrack.store.density import Density
from eventtrack.store.differences import Differences
from eventtrack.store.events import EventRecord, Events
from eventtrack.store.experiments import existing_experiment
from eventtrack.store.facts import Change, compare, run_facts
from eventtrack.store.sessions import Sessions
from eventtrack.store.snapshot import Moment, Progress, SnapshotEngine
from eventtrack.store.subjects import Subject
from eventtrack.store.undo import inverse
from eventtrack.views.records import Record


class UndoPlan(Record):
    """The events that would undo an event: type and body of each.

    `stays` has the facts that the event set, but that would stay as they are, with the reasons.
    """

    events: list[EventRecord]
    stays: dict[str, str]


class History:
    """The past of a store."""

    def __init__(self, context: StoreContext, events: Events, sessions: Sessions) -> None:
        self._context = context
        self._engine = context.engine
        self._events = events
        self._sessions = sessions
        self._differences = Differences(context, events, sessions)

    def timeline(self, subject: str, *, counted: bool = False) -> list[EventRecord]:
        """Every event of a run or of another subject, in the order of this machine's log.

        Args:
            counted: Whether to count points instead of listing them; see `Events.records`.
            subject: A run's id, or the name of anything else that has a history: `experiment/ID`,
                `model/ID`, `trace/ID`, and MLflow's `models:/NAME` and `models:/NAME/3`.

        Raises:
            NotFoundError: There is no such thing.
        """
        return self._timeline(self.subject(subject), counted=counted)

    def blame(self, subject: str, key: str | None = None) -> list[BlameLine]:
        """For each fact of a subject, every event that touched it, with its author, oldest first.

        Args:
            subject: See `timeline`. A registered model has the facts of its versions, as
                `version.3.stage`. If the subject is a version, the fact is `stage`.
            key: A fact such as `param.lr`, or a name such as `lr`; all facts by default.

        Raises:
            NotFoundError: There is no such thing.
        """
        about = self.subject(subject)
        sessions = {session.session_id: session for session in self._sessions.list()}
        events = self._of_stream(about.stream)
        if about.noun is RUN:
            events += self._of_experiment(about.stream)
        return blame_lines(
            about.noun, events, sessions, key, numbers=about.numbers, prefix=about.prefix
        )

    def subject(self, text: str) -> Subject:
        """The subject of a name; see `timeline`.

        Raises:
            NotFoundError: There is no such thing.
        """
        with self._engine.read() as reader:
            return subjects.find(reader, text)

    def diff(
        self, older: Moment | str, newer: Moment | str, progress: Progress | None = None
    ) -> list[Change]:
        """The differences between two moments, run by run and experiment by experiment.

        Each names its author. Costs a look at the things that were touched in between, and at their
        later events.
        """
        return [
            change for group in self.changes(older, newer, progress=progress) for change in group
        ]

    def changes(
        self,
        older: Moment | str,
        newer: Moment | str,
        *,
        subject: str | None = None,
        progress: Progress | None = None,
    ) -> Generator[list[Change]]:
        """The differences between two moments, one subject after the other, in order of names.

        Costs a look at the things that were touched in between, or at `subject` alone. Read it to
        its end soon, or close it: it holds transactions.

        Args:
            subject: Only this subject; for its name see `timeline`.
        """
        stream = None if subject is None else self.subject(subject).stream
        before = SnapshotEngine(self._engine, Moment.of(older))
        after = SnapshotEngine(self._engine, Moment.of(newer))
        yield from self._differences.between(before, after, stream, progress)

    def density(
        self,
        by: str = "position",
        buckets: int = 200,
        *,
        low: int | None = None,
        high: int | None = None,
        experiment_id: str | None = None,
        run_id: str | None = None,
    ) -> Density:
        """The present number of events in each stretch of the log, or of time.

        Args:
            by: `position`, or `time`: the recorded time in milliseconds since 1970, by the writer's
                clock.
            buckets: The most stretches to give, all of one width.
            low: The beginning of the first stretch; by default the first event.
            high: The end of the last stretch; by default behind the last event.
            experiment_id: Only the events of an experiment and its runs.
            run_id: Only the events of a run.

        Raises:
            NotFoundError: There is no such experiment or run.
            InvalidValueError: `by` or `buckets` is not allowed.
        """
        asked = density.Asked(by, buckets, low, high)
        with self._engine.read() as reader:
            if run_id is not None:
                run = existing_run(reader, run_id)
                return density.of_streams(reader, [run.number], asked)
            if experiment_id is not None:
                experiment = existing_experiment(reader, experiment_id)
                numbers = density.streams_of_experiment(reader, experiment.number)
                return density.of_streams(reader, numbers, asked)
            return density.of_log(reader, self._engine.log, asked)

    def diff_runs(self, run_a: str, run_b: str) -> list[Change]:
        """The differences between two runs as they are now."""
        with self._context.entities() as entities:
            before = run_facts(entities, existing_run(entities.reader, run_a))
            after = run_facts(entities, existing_run(entities.reader, run_b))
        return compare(f"run/{run_b}", before, after)

    def plan(self, address: str) -> UndoPlan:
        """The plan of an `undo`, without doing it.

        Raises:
            NotFoundError: There is no such event.
            InvalidStateError: No fact of the event can be undone; the message says why.
        """
        event = self._one(address)
        earlier = self._earlier(event)
        with self._engine.read() as reader:
            undoing = inverse(reader, event, earlier, self._engine.clock.now_ms())
        events = self._events.preview(self._draft(event, undoing.events), like=event)
        return UndoPlan(events=events, stays=undoing.stays)

    def inverse(self, address: str) -> list[EventRecord]:
        """The events of `plan`: type and body of each event that `undo` would append."""
        return self.plan(address).events

    def undo(self, address: str) -> list[EventRecord]:
        """Append the inverse of an event, with the event as its cause; both stay on record.

        Raises:
            NotFoundError: There is no such event.
            InvalidStateError: The event cannot be undone, or a later event has overtaken it; the
                message says why.
        """
        event = self._one(address)
        earlier = self._earlier(event)

        def decide(reader: Reader) -> tuple[None, list[Draft]]:
            undoing = inverse(reader, event, earlier, now_ms)
            others = beside(reader, event.stream, now_ms)
            return None, [self._draft(event, undoing.events, others)]

        now_ms = self._engine.clock.now_ms()
        head = self._events.head()
        self._engine.execute(decide)
        self._context.revoke_sinks()  # the inverse of a birth or a restoration is a deletion
        undone = self._events.read(head, stream=event.stream)
        return [record for record in undone if record.cause == event.address]

    def _draft(
        self, event: EventRecord, events: Sequence[Event], others: Sequence[str] = ()
    ) -> Draft:
        envelope = self._engine.log.get(event.position)
        assert envelope is not None  # the record comes from this envelope
        cause = Cause(envelope.name, event.index, event.offset)
        return Draft.of(event.stream, *events, cause=cause, beside=others)

    def _one(self, address: str) -> EventRecord:
        events = self._events.get(address)
        if len(events) > 1:
            raise InvalidStateError(
                f"position {address} holds {len(events)} events",
                hint=f"name one of them, for example {events[0].address}",
            )
        return events[0]

    def _earlier(self, event: EventRecord) -> list[EventRecord]:
        """The stream's events that count before an event, in the order in which they count."""
        stream = self._of_stream(event.stream, counted=True)
        earlier = (other for other in stream if other.order < event.order)
        return sorted(earlier, key=lambda other: other.order)

    def _timeline(self, subject: Subject, *, counted: bool = False) -> list[EventRecord]:
        events = self._of_stream(subject.stream, counted=counted)
        if subject.version_id is None:
            return events
        return [event for event in events if event.body.get("version_id") == subject.version_id]

    def _of_experiment(self, run_stream: str) -> list[EventRecord]:
        """The events of a run's experiment, whose deletion deletes the run."""
        with self._engine.read() as reader:
            run = existing_run(reader, run_stream.partition("/")[2])
        return self._of_stream(f"experiment/{run.experiment_id}")

    def _of_stream(self, stream: str, *, counted: bool = False) -> list[EventRecord]:
        with self._engine.read() as reader:
            positions = reader.timeline(stream)
        return list(self._events.of_positions(positions, counted=counted))
