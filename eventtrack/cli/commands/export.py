"""`eventtrack export`: runs, points or items as CSV, JSON lines or Parquet, or to a server."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.export_formats import (
    METRIC_COLUMNS,
    WRITERS,
    columns_of_runs,
    metric_rows,
    run_rows,
)
from eventtrack.cli.export_series import SERIES_COLUMNS, series_rows
from eventtrack.cli.output import is_terminal
from eventtrack.cli.resolve import EXPERIMENT, chosen_experiments
from eventtrack.views.records import Experiment, Run, ViewType

if TYPE_CHECKING:
    from eventtrack.store import Store

# A run may have thousands of metrics: few of them are held at once.
_PAGE = 250
_SUFFIXES = {".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


@command(
    "export",
    "eventtrack export > runs.csv",
    "eventtrack export metrics -e iris -o metrics.parquet",
    "eventtrack export series -e iris -o series.jsonl --files media",
    "eventtrack export runs --filter \"params.lr = '0.03'\" --format jsonl",
    "eventtrack export mlflow http://mlflow.example.org:5000 -e iris",
)
@click.argument("what", type=click.Choice(["runs", "metrics", "series", "mlflow"]), default="runs")
@click.argument("url", required=False)
@click.option(
    "--format", "form", type=click.Choice(list(WRITERS)), help="[default: by suffix, or csv]"
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File; default: standard output."
)
@click.option(
    "--files",
    type=click.Path(path_type=Path, file_okay=False),
    help="With `series`: folder for the bytes of media, each named by its SHA-256.",
)
@click.option(
    "-e",
    "--experiment",
    "experiments",
    type=EXPERIMENT,
    multiple=True,
    help="Only this experiment (id or name); may be repeated.",
)
@click.option(
    "--filter", "filter_string", default="", help="Only runs that match, as in `runs search`."
)
@click.option("--all", "everything", is_flag=True, help="Deleted runs too.")
@pass_invocation
def export(
    call: Invocation,
    what: str,
    url: str | None,
    form: str | None,
    output: Path | None,
    files: Path | None,
    experiments: tuple[str, ...],
    filter_string: str,
    everything: bool,
) -> None:
    """Write runs, points of metrics or items of series (a row each) to a file, or all to a server.

    Columns of runs: run_id, run_name, experiment_id, experiment, status, lifecycle_stage, user_id,
    start_time, end_time, then params.*, metrics.*, tags.*. Columns of metrics: run_id, key, step,
    timestamp, value. Columns of series, which are text, histograms and media: run_id, kind, key,
    step, timestamp, then text, source, or edges, counts (lists as JSON), or media_type, size,
    sha256, name, caption. Times are milliseconds since 1970. A file is written whole or not at all.

    `mlflow URL` brings runs with params, tags, every point, datasets, files and nesting to a server
    that speaks MLflow's REST API. Repeating it adds only what is new.

    Values of CSV are as they were logged, for programs and `import csv`. A spreadsheet may run a
    text that begins with =, +, - or @: open what others logged as text, or save it from the pages.

    JSON: --json is --format jsonl: one row a line, an object by column; a run has only the columns
    with a value. For `mlflow`: a report, as of `eventtrack import`.
    """
    if (what == "mlflow") != (url is not None):
        raise click.UsageError("A server's URL goes with `mlflow`, and with nothing else.")
    if url is not None:
        if form or output or files:
            raise click.UsageError("--format, --output and --files are for files.")
        _to_server(call, url, experiments, filter_string, everything)
        return
    if files is not None and what != "series":
        raise click.UsageError("--files goes with `series`.")
    form = form or ("jsonl" if call.out.json else None) or _by_suffix(output)
    if form == "parquet" and output is None and is_terminal(sys.stdout):
        raise click.UsageError("Parquet is no text: give --output FILE.")
    store = call.open()
    view = ViewType.ALL if everything else ViewType.ACTIVE_ONLY
    chosen = chosen_experiments(store, experiments, view_type=ViewType.ALL)
    names = {experiment.experiment_id: experiment.name for experiment in chosen}

    def runs() -> Iterator[Run]:
        return all_runs(store, list(names), filter_string, view)

    rows: Iterator[dict[str, Any]]
    if what == "runs":
        # JSON lines name their own columns; the other formats need all names before the first row.
        columns = columns_of_runs(runs()) if form != "jsonl" else []
        rows = run_rows(runs(), names)
    elif what == "metrics":
        columns = list(METRIC_COLUMNS)
        rows = metric_rows(store, runs())
    else:
        columns = list(SERIES_COLUMNS)
        rows = series_rows(store, runs(), flat=form != "jsonl", files=files)
    with _target(output) as stream:
        written = WRITERS[form](stream, columns, rows)
    if output is not None:
        noun = {"runs": "run", "metrics": "point", "series": "item"}[what]
        print(f"Wrote {text.count(written, noun)} to {output}", file=sys.stderr)


def _to_server(
    call: Invocation,
    url: str,
    names: tuple[str, ...],
    filter_string: str,
    everything: bool,
) -> None:
    from eventtrack.cli.transfer_report import show_report
    from eventtrack.rest import TrackingServer, address_of
    from eventtrack.transfer.mlflow_export import Export

    server = TrackingServer(address_of(url))
    store = call.open()
    view = ViewType.ALL if everything else ViewType.ACTIVE_ONLY
    chosen = chosen_experiments(store, names, view_type=ViewType.ALL)

    def runs_of(experiment: Experiment) -> Iterator[Run]:
        return all_runs(store, [experiment.experiment_id], filter_string, view)

    started = text.now_ms()
    with call.out.progress("exporting") as progress:
        report = Export(store, server).run(chosen, runs_of, progress)
    server.close()
    if call.out.json:
        call.out.document(report.to_dictionary())
    else:
        took = text.duration(text.now_ms() - started)
        columns = ("id here", "id there")
        show_report(call, report, took, verb="Compared", owner="The server", columns=columns)
    if report.exit_code:
        click.get_current_context().exit(report.exit_code)


def all_runs(store: "Store", ids: list[str], filter_string: str, view: int) -> Iterator[Run]:
    """Every matching run, page by page."""
    token: str | None = None
    while ids:
        page = store.runs.search(
            ids,
            filter_string=filter_string,
            view_type=view,
            max_results=_PAGE,
            page_token=token,
        )
        yield from page
        token = page.token
        if token is None:
            return


def _by_suffix(output: Path | None) -> str:
    return _SUFFIXES.get(output.suffix.lower(), "csv") if output else "csv"


@contextmanager
def _target(output: Path | None) -> Iterator[IO[bytes]]:
    """Standard output, or a file that appears under its name only once it is complete."""
    if output is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if output.is_dir():
        raise click.BadParameter(f"{str(output)!r} is a folder.", param_hint="--output")
    partial = output.with_name(f".{output.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as stream:
            yield stream
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
