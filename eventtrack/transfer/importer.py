"""From a source to a store: every run through the same steps, whatever tracker it came from.

The law: everything in a source is either in the store with its value, or in the report with its
place. So an odd run, metric or file is reported, and the rest is taken. Only a store that cannot be
written, or a server that has gone away, ends an import; a repeated import goes on from there.
"""

import errno
from array import array
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from eventtrack import ids, validate
from eventtrack.errors import (
    CorruptionError,
    EventtrackError,
    InvalidValueError,
    RemoteUnavailableError,
    StoreError,
)
from eventtrack.projections.points import Points
from eventtrack.store import Store, inputs
from eventtrack.store.intake import (
    IncomingExperiment,
    IncomingFile,
    IncomingItems,
    IncomingRun,
    Intake,
)
from eventtrack.transfer.clean import Names, Texts, clean_experiment_name, clean_key, clean_text
from eventtrack.transfer.report import ExperimentTaken, Report, error_text
from eventtrack.transfer.source import NO_TIME, Source, SourceModel, SourceRun, run_id_of

SOURCE_TAG = "eventtrack.import.source"
SOURCE_ID_TAG = "eventtrack.import.id"
LONG_VALUES_FILE = "imported/long-values.json"

_EXPERIMENT_TAG_LENGTH_MAX = 20_000
_NAME_LENGTH_MAX = 250
# Errors that would hit every other run too: the store cannot be written, or the server has gone.
_FATAL = (StoreError, CorruptionError, RemoteUnavailableError)
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)

Progress = Callable[[int, int], None]
Item = TypeVar("Item")


def import_histories(store: Store, source: Source, progress: Progress) -> Report:
    """Take everything of a source that the store does not hold yet; the report says what was taken.

    An import may be interrupted at any instant and repeated: recorded facts stay, and only missing
    facts are added.

    Raises:
        StoreError: The store cannot be written.
        RemoteUnavailableError: The server that is read has gone away.
    """
    taking = _Taking(Intake(store), source)
    try:
        taking.everything(progress)
    finally:
        source.close()
    return source.report


def opened(make: Callable[[], Source]) -> Source:
    """The source that a call makes.

    Raises:
        EventtrackError: There is nothing to import, or nothing can be read.
    """
    try:
        return make()
    except EventtrackError:
        raise
    except Exception as error:
        raise CorruptionError(
            f"cannot read the source: {error_text(error)}",
            hint="nothing was imported; check that it is whole, and of the kind that was named",
        ) from error


class _Taking:
    """One import."""

    def __init__(self, intake: Intake, source: Source) -> None:
        self._intake, self._source, self._report = intake, source, source.report
        self._report.taken = intake.taken
        self._chosen: dict[str, str] = {}  # our experiments, by the source's ids
        self._places: dict[str, str] = {}  # of every run that was taken, by its id

    def everything(self, progress: Progress) -> None:
        """Experiments, models and runs, in this order."""
        report, source = self._report, self._source
        with self._guarded(source.place, "its experiments"):
            for source_id, experiment in source.experiments().items():
                self._take_experiment(source_id, experiment)
        models = 0
        for model in self._each(source.models(), "its logged models"):
            models += 1
            with self._guarded(source.place, f"model {model.model.model_id}"):
                self._take_model(model)
        total = source.count()
        for source_run in self._each(source.runs(), "its runs"):
            progress(report.runs_seen, total)
            report.runs_seen += 1
            with self._guarded(source.place, f"run {source_run.source_id}"):
                self._take_run(source_run)
        progress(report.runs_seen, report.runs_seen)
        self._intake.flush()
        if not report.runs_seen and not models:
            report.missing(source.place, "there is no run in it: nothing was taken")
        report.kept, report.kept_count = self._intake.kept, self._intake.kept_count

    @contextmanager
    def _guarded(self, file: str, place: str) -> Iterator[None]:
        """Report an error in the block and go on after the block."""
        try:
            yield
        except _FATAL:
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in _DISK:
                raise
            self._report.failed(file, error, place=place)

    def _each(self, items: Iterable[Item], what: str) -> Iterator[Item]:
        """The items; an error between two items is reported and ends them."""
        with self._guarded(self._source.place, what):
            yield from items

    def _take_experiment(self, source_id: str, experiment: IncomingExperiment) -> str:
        original = experiment.name
        experiment.name = clean_experiment_name(original)
        tags = {}
        for key, text in experiment.tags.items():
            tags[clean_key(key)] = clean_text(text)[:_EXPERIMENT_TAG_LENGTH_MAX]
            if len(text) > _EXPERIMENT_TAG_LENGTH_MAX:
                self._report.missing(
                    f"the end of tag {key} of experiment {original}",
                    f"texts of experiments have up to {_EXPERIMENT_TAG_LENGTH_MAX:,} characters",
                )
        experiment.tags = tags
        experiment_id = self._chosen[source_id] = self._intake.experiment(experiment)
        self._report.experiments.append(
            ExperimentTaken(source_id=source_id, experiment_id=experiment_id, name=experiment.name)
        )
        return experiment_id

    def _experiment_of(self, source_id: str, owner: str) -> str:
        if source_id not in self._chosen:
            self._report.damaged(
                self._source.place,
                None,
                f"nothing is known of experiment {source_id}; one is named by its id",
                place=owner,
            )
            self._take_experiment(source_id, IncomingExperiment(source_id))
        return self._chosen[source_id]

    def _take_run(self, source_run: SourceRun) -> None:
        run, report, source = source_run.run, self._report, self._source
        run.experiment_id = self._experiment_of(run.experiment_id, f"run {source_run.source_id}")
        run.origin = {
            SOURCE_TAG: clean_text(f"{source.kind} {source.place}")[:8000],
            SOURCE_ID_TAG: clean_text(source_run.source_id)[:8000],
        }
        run.run_id = self._run_id(run.run_id)
        texts = Texts(report.renamed)
        run.name = texts.name(run.name) or ids.name_from_bytes(run.run_id.encode()[:16])
        run.user = clean_text(run.user)
        run.params, run.tags = texts.params(run.params), texts.tags(run.tags)
        if run.run_id in self._places:
            # Facts of both would replace each other each time the import is repeated.
            first = self._places[run.run_id]
            problem = f"the run is there already, as {first}; only points and files were added"
            report.damaged(source.place, None, problem, place=f"run {source_run.source_id}")
        else:
            self._places[run.run_id] = source_run.source_id
            self._check_datasets(run)
            self._intake.run(run)
        names = Names(report.renamed)
        for key, points in self._each(source_run.series, f"metrics of run {source_run.source_id}"):
            with self._guarded(source.place, f"metric {key} of run {source_run.source_id}"):
                self._timed(run, key, points)
                self._intake.series(run.run_id, names(key), points)
        for items in self._each(source_run.items, f"series of run {source_run.source_id}"):
            with self._guarded(source.place, f"series {items.key} of run {source_run.source_id}"):
                items.key = names(items.key)
                self._take_items(run, items)
        files = self._each(source_run.files, f"files of run {source_run.source_id}")
        for path, reason in self._intake.run_files(run, _with_texts(files, texts)):
            report.missing(f"artifact {path} of run {run.run_id}", reason)

    def _take_items(self, run: IncomingRun, items: IncomingItems) -> None:
        """Take items with a time each: those without one get the run's start from the store."""
        if NO_TIME in items.timestamps:
            start_ms = self._intake.started_ms(run.run_id)
            start_ms = max(0, run.start_ms if start_ms is None else start_ms)
            items.timestamps = [start_ms if at == NO_TIME else at for at in items.timestamps]
        self._intake.items(run.run_id, items)

    def _run_id(self, run_id: str) -> str:
        """The id; a new id if ours never have that form."""
        try:
            return validate.run_id(run_id)
        except InvalidValueError:
            new = run_id_of(self._source.kind, run_id)
            self._report.renamed[run_id] = new
            return new

    def _check_datasets(self, run: IncomingRun) -> None:
        """Leave out the datasets that cannot be recorded."""
        good = []
        for dataset in run.datasets:
            try:
                inputs.inputs_events([dataset], [])
                good.append(dataset)
            except InvalidValueError as error:
                what = f"dataset {dataset.dataset.name[:100]} of run {run.run_id}"
                self._report.missing(what, error_text(error))
        run.datasets = good

    def _timed(self, run: IncomingRun, key: str, points: Points) -> None:
        """Give every point a time: points without a time get the run's start from the store."""
        if not len(points) or min(points.timestamps) >= 0:
            return
        if NO_TIME in points.timestamps:
            start_ms = self._intake.started_ms(run.run_id)
            start_ms = max(0, run.start_ms if start_ms is None else start_ms)
            points.timestamps = array(
                "q", [start_ms if time == NO_TIME else time for time in points.timestamps]
            )
        early = sum(time < 0 for time in points.timestamps)
        self._report.left_out(
            "times before 1970 (their points are here, at 1970)",
            early,
            place=f"metric {key} of run {run.run_id}",
        )
        points.timestamps = array("q", [max(0, time) for time in points.timestamps])

    def _take_model(self, source_model: SourceModel) -> None:
        model, report = source_model.model, self._report
        model.experiment_id = self._experiment_of(model.experiment_id, f"model {model.model_id}")
        texts = Texts(report.renamed)
        model.params, model.tags = texts.params(model.params), texts.tags(model.tags)
        self._intake.model(model)
        files = self._each(source_model.files, f"files of model {model.model_id}")
        for path, reason in self._intake.model_files(model, _with_texts(files, texts)):
            report.missing(f"artifact {path} of model {model.model_id}", reason)


def _with_texts(files: Iterable[IncomingFile], texts: Texts) -> Iterator[IncomingFile]:
    """The files, and after them a file with the uncut texts of values that were cut."""
    yield from files
    long_values = texts.long_values()
    if long_values is not None:
        yield IncomingFile(LONG_VALUES_FILE, long_values)
