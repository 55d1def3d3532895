"""`eventtrack import`: histories of other trackers, taken with their ids, times and nesting."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Group, Invocation, examples, pass_invocation
from eventtrack.cli.exits import exit_code
from eventtrack.cli.transfer_report import show_preview, show_report
from eventtrack.errors import InvalidValueError, NotFoundError

if TYPE_CHECKING:
    from eventtrack.transfer.source import Source

# Points of each metric that a dry run shows.
_POINTS_SHOWN = 3


@click.group(
    "import",
    cls=Group,
    epilog=examples(
        "eventtrack import mlruns ./mlruns",
        "eventtrack import mlflow sqlite:///mlflow.db",
        "eventtrack --store ./runs import mlruns ./mlruns --json",
    ),
)
def imports() -> None:
    """Bring in histories of other trackers; all that this store already has stays as it is.

    An import may be repeated at any time: it adds what is new in the source, and nothing else. An
    interrupted import continues when it is repeated. The source is never changed. Runs get tags
    that name their source, and the log says who imported them.

    The exit code is 0 only when the store has everything of the source. It is 8 when something in
    the source was damaged, and 3 when something could not be read or has no place here, or the
    source was empty; all the rest was taken.

    JSON: an object with source, runs_seen, taken (experiments, runs, params, tags, points, inputs,
    files, models: counts of new ones; updates of runs that were here), experiments (source_id,
    experiment_id, name), damage (file, offset, place, problem), damage_count, unreadable (what,
    reason), unreadable_count, renamed, notes, kept, kept_count, not_taken, not_taken_places.
    """


@imports.command("mlruns", epilog=examples("eventtrack import mlruns ./mlruns"))
@click.argument("folder", type=click.Path(path_type=Path))
@pass_invocation
def mlruns(call: Invocation, folder: Path) -> None:
    """Import MLflow's file store: the folder with a folder for each experiment.

    JSON: the report, as `eventtrack import --help` says.
    """

    def source() -> "Source":
        from eventtrack.transfer.mlruns import FileStore

        return FileStore(folder)

    _import(call, source)


@imports.command(
    "mlflow",
    epilog=examples(
        "eventtrack import mlflow sqlite:///mlflow.db",
        "eventtrack import mlflow postgresql://user:password@host/mlflow",
        "eventtrack import mlflow http://mlflow.example.org:5000",
    ),
)
@click.argument("url")
@pass_invocation
def mlflow(call: Invocation, url: str) -> None:
    """Import MLflow's database or server, by its URL.

    SQLite and servers need nothing else; other databases need SQLAlchemy and a driver. A server may
    be any that speaks MLflow's REST API; MLFLOW_TRACKING_USERNAME, _PASSWORD and _TOKEN are used.

    JSON: the report, as `eventtrack import --help` says.
    """

    def source() -> "Source":
        from eventtrack.rest import is_server_uri

        if is_server_uri(url):
            from eventtrack.transfer.mlflow_server import ServerStore

            return ServerStore(url)
        from eventtrack.transfer.mlflow_database import SqlStore

        return SqlStore(url)

    _import(call, source)


_EXPERIMENT_OPTION = click.option(
    "-e", "--experiment", help="The experiment to import into.  [default: as the source names it]"
)


@imports.command(
    "tensorboard",
    epilog=examples(
        "eventtrack import tensorboard ./runs",
        "eventtrack import tensorboard ./lightning_logs -e mnist",
    ),
)
@click.argument("folder", type=click.Path(path_type=Path))
@_EXPERIMENT_OPTION
@pass_invocation
def tensorboard(call: Invocation, folder: Path, experiment: str | None) -> None:
    """Import TensorBoard's event files: each folder with such files is a run.

    JSON: the report, as `eventtrack import --help` says.
    """

    def source() -> "Source":
        from eventtrack.transfer.tensorboard import EventFolders

        return EventFolders(folder, experiment)

    _import(call, source)


@imports.command(
    "neptune",
    epilog=examples(
        "eventtrack import neptune ./exports/data --files ./exports/files",
        "eventtrack import neptune ./exports -e mnist",
    ),
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option(
    "--files",
    type=click.Path(path_type=Path),
    help="The folder of the exported files.  [default: files, beside the data]",
)
@_EXPERIMENT_OPTION
@pass_invocation
def neptune(call: Invocation, folder: Path, files: Path | None, experiment: str | None) -> None:
    """Import what neptune-exporter wrote: Parquet files, and the files that were logged.

    Needs pyarrow: `pip install 'eventtrack[parquet]'`.

    JSON: the report, as `eventtrack import --help` says.
    """

    def source() -> "Source":
        from eventtrack.transfer.neptune import Exports

        return Exports(folder, files, experiment)

    _import(call, source)


@imports.command(
    "wandb",
    epilog=examples("eventtrack import wandb ./wandb", "eventtrack import wandb ./wandb -e mnist"),
)
@click.argument("folder", type=click.Path(path_type=Path))
@_EXPERIMENT_OPTION
@pass_invocation
def wandb(call: Invocation, folder: Path, experiment: str | None) -> None:
    """Import runs of Weights & Biases from the folder `wandb` beside the program.

    JSON: the report, as `eventtrack import --help` says.
    """

    def source() -> "Source":
        from eventtrack.transfer.wandb import RunFolders

        return RunFolders(folder, experiment)

    _import(call, source)


@imports.command(
    "trackio", epilog=examples("eventtrack import trackio ~/.cache/huggingface/trackio")
)
@click.argument("place", type=click.Path(path_type=Path))
@_EXPERIMENT_OPTION
@pass_invocation
def trackio(call: Invocation, place: Path, experiment: str | None) -> None:
    """Import Trackio's database, or all databases in its folder.

    JSON: the report, as `eventtrack import --help` says.
    """

    def source() -> "Source":
        from eventtrack.transfer.trackio import Databases

        return Databases(place, experiment)

    _import(call, source)


_FILES_ARGUMENT = click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
_STEP_OPTION = click.option(
    "--step-column", metavar="NAME", help="The column with the steps.  [default: by its name]"
)
_TIME_OPTION = click.option(
    "--time-column", metavar="NAME", help="The column with the times.  [default: by its name]"
)
_MEDIA_OPTION = click.option(
    "--files",
    "media",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder of the bytes of media, as `export series --files` wrote it.",
)
_DRY_RUN_OPTION = click.option(
    "--dry-run", is_flag=True, help="Show how the files are read, and take nothing."
)


@imports.command(
    "csv",
    epilog=examples(
        "eventtrack import csv runs.csv metrics.csv",
        "eventtrack import csv lightning_logs/version_0/metrics.csv -e mnist",
        "eventtrack import csv training.log --delimiter ';' --step-column Batch --dry-run",
    ),
)
@_FILES_ARGUMENT
@_EXPERIMENT_OPTION
@_STEP_OPTION
@_TIME_OPTION
@_MEDIA_OPTION
@click.option(
    "--delimiter", metavar="SIGN", help="The sign between two cells, or `tab`.  [default: guessed]"
)
@_DRY_RUN_OPTION
@pass_invocation
def csv(
    call: Invocation,
    files: tuple[Path, ...],
    experiment: str | None,
    step_column: str | None,
    time_column: str | None,
    media: Path | None,
    delimiter: str | None,
    *,
    dry_run: bool,
) -> None:
    """Import tables: what `eventtrack export` wrote, or logs with a row for each step.

    Rows with the columns key and value are points (also run_id or run_name, step, timestamp). Rows
    with status, params.*, tags.* or metrics.* are runs. In all other rows each number is a metric,
    at the row's step (step, global_step, iteration, epoch, in any spelling; else the row's number)
    and its time (timestamp, wall_time, time, date: a date, or seconds to nanoseconds since 1970).
    Rows of `export series` are text, histograms and media. A folder means all .csv and .tsv files
    below it.

    JSON: the report, as `eventtrack import --help` says. With --dry-run: files (file, read_as,
    rows, columns: how each is taken), runs (name, experiment, status, start_time, params, tags,
    metrics: points, and the first as step, time, value; series: items), and damage, unreadable,
    notes as above.
    """

    def source() -> "Source":
        from eventtrack.transfer.moments import Choices
        from eventtrack.transfer.tables import CsvTables

        sign = {"tab": "\t", "\\t": "\t", "space": " "}.get(delimiter or "", delimiter)
        return CsvTables(files, experiment, Choices(step_column, time_column), media, sign or None)

    if delimiter is not None and len(delimiter) > 1 and delimiter not in ("tab", "\\t", "space"):
        raise InvalidValueError(
            f"cannot part cells by {delimiter!r}", hint="name one sign, or `tab`, or `space`"
        )
    _import(call, source, dry_run=dry_run)


@imports.command(
    "jsonl",
    epilog=examples(
        "eventtrack import jsonl runs.jsonl metrics.jsonl",
        "eventtrack import jsonl runs.jsonl series.jsonl --files media",
        "eventtrack import jsonl output/trainer_state.json --dry-run",
    ),
)
@_FILES_ARGUMENT
@_EXPERIMENT_OPTION
@_STEP_OPTION
@_TIME_OPTION
@_MEDIA_OPTION
@_DRY_RUN_OPTION
@pass_invocation
def jsonl(
    call: Invocation,
    files: tuple[Path, ...],
    experiment: str | None,
    step_column: str | None,
    time_column: str | None,
    media: Path | None,
    *,
    dry_run: bool,
) -> None:
    """Import JSON: an object on each line or otherwise laid out; names and rows as of `import csv`.

    A folder means all .jsonl, .ndjson and .json files below it.

    JSON: the report, as `eventtrack import --help` says; with --dry-run as of `import csv`.
    """

    def source() -> "Source":
        from eventtrack.transfer.moments import Choices
        from eventtrack.transfer.tables import JsonTables

        return JsonTables(files, experiment, Choices(step_column, time_column), media)

    _import(call, source, dry_run=dry_run)


def _import(call: Invocation, source_of: Callable[[], "Source"], *, dry_run: bool = False) -> None:
    from eventtrack.store.intake import IMPORT_SOURCE
    from eventtrack.transfer.importer import import_histories, opened

    source = opened(source_of)  # before the store is made: the source may not exist
    if dry_run:
        _preview(call, source)
        return
    store = call.open(create=True, source=IMPORT_SOURCE)
    started = text.now_ms()
    with call.out.progress("importing") as progress:
        report = import_histories(store, source, progress)
    if call.out.json:
        call.out.document(report.to_dictionary())
    else:
        show_report(call, report, text.duration(text.now_ms() - started))
    if report.exit_code:
        click.get_current_context().exit(report.exit_code)


def _preview(call: Invocation, source: "Source") -> None:
    """Show what an import would take, and exit with its code as far as it is known."""
    seen, report = source.preview(_POINTS_SHOWN), source.report.to_dictionary()
    problems = ("damage", "damage_count", "unreadable", "unreadable_count", "notes", "not_taken")
    if call.out.json:
        call.out.document(seen | {name: report[name] for name in problems})
    else:
        show_preview(call, seen, source.report)
    code = source.report.exit_code if seen["runs"] else exit_code(NotFoundError)
    if code:
        click.get_current_context().exit(code)
