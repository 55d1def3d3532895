"""History, read: timelines, blame, differences between moments and runs, density."""

from collections.abc import Generator
from contextlib import closing

from eventtrack.events.signatures import RunSigned
from eventtrack.facts.run import RUN, SIGNATURE
from eventtrack.views.context import ReadContext
from eventtrack.views.history import density, subjects
from eventtrack.views.history.blame import BlameLine, blame_lines
from eventtrack.views.history.density import Density
from eventtrack.views.history.differences import Differences
from eventtrack.views.history.events import EventQueries, EventRecord
from eventtrack.views.history.facts import Change, compare, run_facts
from eventtrack.views.history.subjects import Subject
from eventtrack.views.moments import Moment, MomentSource, Progress
from eventtrack.views.queries.experiments import existing_experiment
from eventtrack.views.queries.runs import Signature, existing_run
from eventtrack.views.queries.sessions import Sessions
from eventtrack.views.source import LiveSource


class HistoryQueries:
    """Reads of the past of a store."""

    def __init__(self, live: LiveSource, events: EventQueries, sessions: Sessions) -> None:
        self._live = live
        self._context = ReadContext(live)
        self._events = events
        self._sessions = sessions
        self._differences = Differences(self._context, events, sessions)

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
        events = self._of_stream(about.stream)
        if about.noun is RUN:
            events += self._of_experiments(about.stream)
        sessions = self._sessions.of(event.session for event in events)
        return blame_lines(
            about.noun, events, sessions, key, numbers=about.numbers, prefix=about.prefix
        )

    def subject(self, text: str) -> Subject:
        """The subject of a name; see `timeline`.

        Raises:
            NotFoundError: There is no such thing.
        """
        with self._context.read() as reader:
            return subjects.find(reader, text)

    def diff(
        self, older: Moment | str, newer: Moment | str, progress: Progress | None = None
    ) -> list[Change]:
        """The differences between two moments, run by run and experiment by experiment.

        Each names its author. Costs a look at the things that were touched in between, and at their
        later events. The list has all of them: `changes` gives those of one subject at a time.
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

        Costs a look at the things that were touched in between, or at `subject` alone. Memory holds
        the changes of a few subjects, and a byte for each stream of the store. Close it if you do
        not read it to its end: it may have a temporary folder.

        Args:
            subject: Only this subject; for its name see `timeline`.
        """
        stream = None if subject is None else self.subject(subject).stream
        before = MomentSource(self._live, Moment.of(older))
        after = MomentSource(self._live, Moment.of(newer))
        yield from self._differences.between(before, after, stream, progress)

    def changed_since(self, run_id: str, signature: Signature) -> list[str]:
        """The names of the facts of a run that differ from the moment of a signature here."""
        stream = f"run/{run_id}"
        wanted = (signature.meaning, signature.by, signature.digest)
        positions = [
            event.position
            for event in self._of_stream(stream, counted=True)
            if event.said is not None
            and isinstance(signed := event.said.event, RunSigned)
            and (signed.meaning, signed.by, signed.digest.hex()) == wanted
        ]
        if not positions:
            return []
        with closing(self.changes(str(positions[-1]), "now", subject=stream)) as groups:
            facts = [change.fact for group in groups for change in group]
        return [fact for fact in facts if not fact.startswith(f"{SIGNATURE.name}.")]

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
        with self._context.read() as reader:
            if run_id is not None:
                run = existing_run(reader, run_id)
                return density.of_streams(reader, [run.number], asked)
            if experiment_id is not None:
                experiment = existing_experiment(reader, experiment_id)
                numbers = density.streams_of_experiment(reader, experiment.number)
                return density.of_streams(reader, numbers, asked)
            return density.of_log(reader, self._live.log, asked)

    def diff_runs(self, run_a: str, run_b: str) -> list[Change]:
        """The differences between two runs as they are now."""
        with self._context.entities() as entities:
            before = run_facts(entities, existing_run(entities.reader, run_a))
            after = run_facts(entities, existing_run(entities.reader, run_b))
        return compare(f"run/{run_b}", before, after)

    def _timeline(self, subject: Subject, *, counted: bool = False) -> list[EventRecord]:
        events = self._of_stream(subject.stream, counted=counted)
        if subject.version_id is None:
            return events
        return [event for event in events if event.body.get("version_id") == subject.version_id]

    def _of_experiments(self, run_stream: str) -> list[EventRecord]:
        """The events of each experiment that a run was in: its deletion deletes the run."""
        with self._context.read() as reader:
            run = existing_run(reader, run_stream.partition("/")[2])
        names = dict.fromkeys((run.experiment_id, *run.moves))
        return [event for name in names for event in self._of_stream(f"experiment/{name}")]

    def _of_stream(self, stream: str, *, counted: bool = False) -> list[EventRecord]:
        with self._context.read() as reader:
            positions = reader.timeline(stream)
        return list(self._events.of_positions(positions, counted=counted))
