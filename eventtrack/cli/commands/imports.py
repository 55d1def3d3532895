"""`eventtrack import`: histories of other trackers, taken with their ids, times and nesting."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Group, Invocation, examples, pass_invocation
from eventtrack.cli.transfer_report import show_report

if TYPE_CHECKING:
    from eventtrack.transfer.source import Source


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
    """Bring in histories of other trackers; what this store has already is left alone.

    An import may be repeated at any time: it adds what is new in the source, and nothing else. One
    that was interrupted goes on when it is repeated. Nothing of the source is changed. Runs are
    tagged with where they came from, and the log says who imported them.

    The exit code is 0 only when the store has everything of the source. It is 8 when something in
    the source was damaged, and 3 when something could not be read, has no place here, or when there
    was nothing to take; all the rest was taken.

    JSON: an object with source, runs_seen, taken (experiments, runs, params, tags, points, inputs,
    files, models: how many were new; updates of runs that were here), experiments (source_id,
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


@imports.command(
    "csv",
    epilog=examples(
        "eventtrack import csv runs.csv metrics.csv",
        "eventtrack import csv lightning_logs/version_0/metrics.csv -e mnist",
    ),
)
@_FILES_ARGUMENT
@_EXPERIMENT_OPTION
@pass_invocation
def csv(call: Invocation, files: tuple[Path, ...], experiment: str | None) -> None:
    """Import CSV files: what `eventtrack export` wrote, or logs with a row for each step.

    Rows with the columns key and value are points (also run_id or run_name, step, timestamp). Rows
    with status, params.*, tags.* or metrics.* are runs. In all other rows each number is a metric,
    at the row's step (or _step, global_step, epoch; else the row's number) and its timestamp
    (milliseconds; or time, wall_time, _timestamp: seconds; or an ISO time).

    JSON: the report, as `eventtrack import --help` says.
    """

    def source() -> "Source":
        from eventtrack.transfer.tables import CsvTables

        return CsvTables(files, experiment)

    _import(call, source)


@imports.command("jsonl", epilog=examples("eventtrack import jsonl runs.jsonl metrics.jsonl"))
@_FILES_ARGUMENT
@_EXPERIMENT_OPTION
@pass_invocation
def jsonl(call: Invocation, files: tuple[Path, ...], experiment: str | None) -> None:
    """Import files with a JSON object on each line; names and rows as of `import csv`.

    JSON: the report, as `eventtrack import --help` says.
    """

    def source() -> "Source":
        from eventtrack.transfer.tables import JsonTables

        return JsonTables(files, experiment)

    _import(call, source)


def _import(call: Invocation, source_of: Callable[[], "Source"]) -> None:
    from eventtrack.store.intake import IMPORT_SOURCE
    from eventtrack.transfer.importer import import_histories, opened

    source = opened(source_of)  # before a store is made: there may be nothing to import
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
