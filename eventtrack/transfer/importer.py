"""From a source to a store: every run through the same steps, whatever tracker it came from."""

from array import array
from collections.abc import Callable, Iterable, Iterator

from eventtrack import ids
from eventtrack.store import Store
from eventtrack.store.intake import IncomingFile, Intake
from eventtrack.transfer.clean import Names, Texts, clean_experiment_name, clean_key, clean_text
from eventtrack.transfer.report import ExperimentTaken, Report
from eventtrack.transfer.source import Source, SourceModel, SourceRun

SOURCE_TAG = "eventtrack.import.source"
SOURCE_ID_TAG = "eventtrack.import.id"
LONG_VALUES_FILE = "imported/long-values.json"

Progress = Callable[[int, int], None]


def import_histories(store: Store, source: Source, progress: Progress) -> Report:
    """Take everything of a source that the store does not hold yet; says what was taken.

    May be repeated, and interrupted at any instant and repeated: what is recorded stays, and only
    what is missing is added.
    """
    report, intake = source.report, Intake(store)
    report.taken = intake.taken
    try:
        chosen = {}
        for source_id, one in source.experiments().items():
            one.name = clean_experiment_name(one.name)
            one.tags = {clean_key(key): clean_text(text)[:20_000] for key, text in one.tags.items()}
            chosen[source_id] = intake.experiment(one)
            report.experiments.append(
                ExperimentTaken(source_id=source_id, experiment_id=chosen[source_id], name=one.name)
            )
        for model in source.models():
            _take_model(intake, model, chosen, report)
        total = source.count()
        for found in source.runs():
            progress(report.runs_seen, total)
            report.runs_seen += 1
            _take_run(intake, found, chosen, source)
        progress(report.runs_seen, report.runs_seen)
        intake.flush()
    finally:
        source.close()
    report.kept, report.kept_count = intake.kept, intake.kept_count
    return report


def _take_run(intake: Intake, found: SourceRun, chosen: dict[str, str], source: Source) -> None:
    run, report = found.run, source.report
    run.experiment_id = chosen[run.experiment_id]
    run.name = clean_text(run.name)[:250] or ids.name_from_bytes(run.run_id.encode()[:16])
    run.user = clean_text(run.user)
    run.origin = {
        SOURCE_TAG: clean_text(f"{source.kind} {source.place}")[:8000],
        SOURCE_ID_TAG: clean_text(found.source_id)[:8000],
    }
    texts = Texts(report.renamed)
    run.params, run.tags = texts.params(run.params), texts.tags(run.tags)
    intake.run(run)
    names = Names(report.renamed)
    for key, points in found.series:
        if len(points) and min(points.timestamps) < 0:
            early = sum(one < 0 for one in points.timestamps)
            report.left_out("times before 1970 (their points are here, at 1970)", early)
            points.timestamps = array("q", [max(0, one) for one in points.timestamps])
        intake.series(run.run_id, names(key), points)
    for path, reason in intake.run_files(run, _files(found.files, texts)):
        report.missing(f"artifact {path} of run {run.run_id}", reason)


def _take_model(intake: Intake, found: SourceModel, chosen: dict[str, str], report: Report) -> None:
    model = found.model
    model.experiment_id = chosen[model.experiment_id]
    texts = Texts(report.renamed)
    model.params, model.tags = texts.params(model.params), texts.tags(model.tags)
    intake.model(model)
    for path, reason in intake.model_files(model, _files(found.files, texts)):
        report.missing(f"artifact {path} of model {model.model_id}", reason)


def _files(files: Iterable[IncomingFile], texts: Texts) -> Iterator[IncomingFile]:
    yield from files
    long_values = texts.long_values()
    if long_values is not None:
        yield IncomingFile(LONG_VALUES_FILE, long_values)
