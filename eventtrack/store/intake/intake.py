"""The one way by which foreign histories enter: only what the store does not hold yet.

A decision, as the only writer, compares everything with the views and appends only the news. So a
fact that is offered twice is recorded once, an interrupted import goes on where it stopped, and a
source that has grown adds its news. Facts that were changed here after their import stay as they
are: `kept` names them.
"""

import hashlib
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from eventtrack import validate
from eventtrack.errors import EventtrackError, NotFoundError
from eventtrack.events import types
from eventtrack.events.envelope import Draft
from eventtrack.events.types import Event
from eventtrack.projections.points import Points
from eventtrack.projections.tables import Reader
from eventtrack.store.engine import Decision
from eventtrack.store.intake.entities import (
    check_model,
    check_run,
    experiment_events,
    model_events,
    run_events,
)
from eventtrack.store.intake.forms import (
    IncomingExperiment,
    IncomingFile,
    IncomingItems,
    IncomingModel,
    IncomingRun,
    Taken,
)
from eventtrack.store.intake.items import item_events, new_rows, rows_of
from eventtrack.store.intake.points import EVENT_POINTS, metric_events, new_points
from eventtrack.store.intake.rules import Imports, News
from eventtrack.store.store import Store
from eventtrack.views.places import outside_root

# Decisions wait until they are worth a commit. Bounded, because other writers wait for the commit.
_WAITING_WEIGHT_MAX = 250_000
# The weight of a decision besides its points.
_DECISION_WEIGHT = 200
# The most events of an envelope: each holds up to 4,096 points, 1,000 params or 500 files.
_ENVELOPE_EVENTS = 8
_EVENT_FILES = 500
_KEPT_MAX = 1000

# A path and the reason why it could not be taken.
Failure = tuple[str, str]


class Intake:
    """Takes histories into a store. Call `flush` at the end, or the last of them are not recorded.

    Args:
        store: Opened with the source `import`, which the sessions of the events then name.
    """

    def __init__(self, store: Store) -> None:
        self._context = store._context  # noqa: SLF001 - this room's own
        self._engine = self._context.engine
        self._imports = Imports(self._engine)
        self._artifacts = {"run": store.artifacts, "model": store.models.artifacts}
        self._waiting: list[Decision[News]] = []
        self._weight = 0
        self.taken = Taken()
        # The first facts that differ from the source's and stay, because they were changed here.
        self.kept: list[str] = []
        self.kept_count = 0

    def experiment(self, incoming: IncomingExperiment) -> str:
        """The id of the experiment of that name; makes one if there is none."""

        def decide(reader: Reader) -> tuple[tuple[str, News], list[Draft]]:
            news = News(self._imports, reader)
            experiment_id, events = experiment_events(news, reader, incoming, now_ms)
            return (experiment_id, news), _drafts(f"experiment/{experiment_id}", events)

        now_ms = self._engine.clock.now_ms()
        experiment_id, news = self._engine.execute(decide)
        self._note([news])
        return experiment_id

    def run(self, run: IncomingRun) -> None:
        """Take a run: its birth, params, tags, inputs and end.

        Raises:
            InvalidValueError: A part cannot be recorded, so nothing is.
        """
        check_run(run)

        def decide(reader: Reader) -> tuple[News, list[Draft]]:
            news = News(self._imports, reader)
            events = run_events(news, reader, run)
            return news, _drafts(f"run/{run.run_id}", events)

        self._put_off(decide)

    def series(self, run_id: str, key: str, points: Points) -> None:
        """Take a metric's points. Points that the run already has change nothing."""
        key = validate.metric_key(key)
        last = self._waiting[-1] if self._waiting else None
        if not len(points):
            return
        if isinstance(last, _Series) and last.take(run_id, key, points):
            self._weigh(len(points))
        else:
            self._put_off(_Series(self._imports, run_id, key, points), len(points))

    def items(self, run_id: str, items: IncomingItems) -> None:
        """Take items of a series that is no metric. Items that the run already has change nothing.

        The bytes of media are copied and synced before this returns.
        """
        key = validate.metric_key(items.key)
        rows = rows_of(items, self._artifacts["run"].blobs.keep)

        def decide(reader: Reader) -> tuple[News, list[Draft]]:
            news = News(self._imports, reader)
            new = new_rows(reader, run_id, key, rows)
            news.taken.items = len(new)
            return news, _drafts(f"run/{run_id}", list(item_events(key, new)))

        if rows:
            self._put_off(decide, len(rows))

    def started_ms(self, run_id: str) -> int | None:
        """The start time of a run in the store; None if the store does not have the run yet."""
        with self._engine.read() as reader:
            state = reader.run(run_id)
        return None if state is None or not state.experiment_id else state.start_ms

    def run_files(self, run: IncomingRun, files: Iterable[IncomingFile]) -> list[Failure]:
        """Take a run's files; returns those that could not be read, each with the reason.

        The bytes are copied, hashed and synced before this returns. The record waits, as the run's
        facts do.
        """
        place = f"{run.run_id}/artifacts"
        return self._files(f"run/{run.run_id}", run.experiment_id, place, files)

    def model(self, model: IncomingModel) -> None:
        """Take a logged model.

        Raises:
            InvalidValueError: A part cannot be recorded, so nothing is.
        """
        check_model(model)

        def decide(reader: Reader) -> tuple[News, list[Draft]]:
            news = News(self._imports, reader)
            events = model_events(news, reader, model)
            return news, _drafts(f"model/{model.model_id}", events)

        self._put_off(decide)

    def model_files(self, model: IncomingModel, files: Iterable[IncomingFile]) -> list[Failure]:
        """Take a model's files; see `run_files`."""
        place = f"models/{model.model_id}/artifacts"
        return self._files(f"model/{model.model_id}", model.experiment_id, place, files)

    def flush(self) -> None:
        """Record all waiting decisions, in one durable commit."""
        waiting, self._waiting, self._weight = self._waiting, [], 0
        if waiting:
            with self._engine.batch():
                recorded = [self._engine.execute(decide) for decide in waiting]
            self._note(recorded)

    def _note(self, recorded: Iterable[News]) -> None:
        """Count the news of decisions, once they are in the log."""
        for news in recorded:
            self.taken.add(news.taken)
            self.kept_count += len(news.kept)
            self.kept += news.kept[: _KEPT_MAX - len(self.kept)]
            if news.deletes:
                self._context.revoke_sinks()

    def _put_off(self, decide: Decision[News], points: int = 0) -> None:
        self._waiting.append(decide)
        self._weigh(_DECISION_WEIGHT + points)

    def _weigh(self, weight: int) -> None:
        self._weight += weight
        if self._weight >= _WAITING_WEIGHT_MAX:
            self.flush()

    def _files(
        self, stream: str, experiment_id: str, place: str, files: Iterable[IncomingFile]
    ) -> list[Failure]:
        failures: list[Failure] = []
        stored: list[types.ArtifactStored] = []
        with self._context.entities() as entities:
            location = entities.location(experiment_id) or ""
            uri = f"{location.rstrip('/')}/{place}"
            root = outside_root(entities, experiment_id, uri)
        with tempfile.TemporaryDirectory(prefix="eventtrack-import-") as folder:
            for file in files:
                try:
                    path = validate.artifact_path(file.path)
                    if self._wanted(stream, path, file):
                        source = _at_hand(file, Path(folder))
                        kept = self._artifacts[stream.partition("/")[0]].keep(path, source, root)
                        stored.append(kept)
                except (OSError, EventtrackError) as error:
                    reason = error.message if isinstance(error, EventtrackError) else str(error)
                    failures.append((file.path, reason))
        for start in range(0, len(stored), _EVENT_FILES):
            self._put_off(self._recording(stream, stored[start : start + _EVENT_FILES]))
        return failures

    def _wanted(self, stream: str, path: str, file: IncomingFile) -> bool:
        """Whether a file's bytes are news: the owner has no file there, or another imported one."""
        with self._engine.read() as reader:
            number = reader.number(stream)
            known = None if number is None else reader.artifact(number, path)
            if known is None:
                return True
            digest = known.sha256 if file.fetch is not None else _digest(file)
            content = (known.size, known.sha256)
            same = (known.size if file.size is None else file.size, digest)
            fact = ("" if known.deleted else repr(content), known.stamp)
            news = News(self._imports, reader)
            wanted = news.replaces(stream, f"artifact.{path}", fact, repr(same))
        self._note([news])
        return wanted

    def _recording(self, stream: str, stored: Sequence[types.ArtifactStored]) -> Decision[News]:
        kind = types.ArtifactsLogged if stream.startswith("run/") else types.ModelArtifactsLogged

        def decide(reader: Reader) -> tuple[News, list[Draft]]:
            news = News(self._imports, reader)
            news.taken.files = len(stored)
            return news, _drafts(stream, [kind(list(stored))])

        return decide


class _Series:
    """A decision about a series of a run, which short ones that follow may join.

    A table of 100,000 columns would be as many decisions and envelopes else.
    """

    def __init__(self, imports: Imports, run_id: str, key: str, points: Points) -> None:
        self._imports = imports
        self._run_id = run_id
        self._series = {key: points}
        self._points = len(points)

    def take(self, run_id: str, key: str, points: Points) -> bool:
        """Let a series join, if all still fit into one event; returns whether it did."""
        together = self._points + len(points)
        if run_id != self._run_id or key in self._series or together > EVENT_POINTS:
            return False
        self._series[key], self._points = points, together
        return True

    def __call__(self, reader: Reader) -> tuple[News, list[Draft]]:
        """Decide."""
        news, state = News(self._imports, reader), reader.run(self._run_id)
        new = [(key, new_points(reader, state, key, it)) for key, it in self._series.items()]
        news.taken.points = sum(len(points) for _, points in new)
        return news, _drafts(f"run/{self._run_id}", list(metric_events(new)))


def _drafts(stream: str, events: Sequence[Event]) -> list[Draft]:
    return [
        Draft.of(stream, *events[start : start + _ENVELOPE_EVENTS])
        for start in range(0, len(events), _ENVELOPE_EVENTS)
    ]


def _digest(file: IncomingFile) -> bytes:
    if isinstance(file.content, Path):
        with file.content.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    return hashlib.sha256(file.content or b"").digest()


def _at_hand(file: IncomingFile, folder: Path) -> Path | bytes:
    if file.fetch is not None:
        target = folder / "fetched"
        file.fetch(target)
        return target
    if file.content is None:
        raise NotFoundError(f"{file.path} has no content")
    return file.content
