"""`eventtrack runs show`: a run on one page."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.output import Output
from eventtrack.cli.resolve import RUN, find_run
from eventtrack.cli.run_table import LOAD, draw_runs, life_of, run_status
from eventtrack.cli.tables import Cell, Column, Styled
from eventtrack.store.items import CONSOLE
from eventtrack.tags import (
    END_TAG,
    FORKED_TAG,
    NOTE_TAG,
    OWN_PREFIXES,
    PARENT_TAG,
    PREEMPTED_TAG,
    TRACEBACK_TAG,
)
from eventtrack.views.records import Run

if TYPE_CHECKING:
    from eventtrack.store import Store
    from eventtrack.views.queries.artifacts import ArtifactEntry

_METRICS_SHOWN_MAX = 40
_CHILDREN_SHOWN_MAX = 20
_FILES_SHOWN_MAX = 20
_COURSE_WIDTH = 16
_LINES_SHOWN_MAX = 10


@command("show", "eventtrack runs show 3f2a", "eventtrack runs show brisk-otter-417 --json")
@click.argument("run", type=RUN)
@pass_invocation
def show(call: Invocation, run: str) -> None:
    """Show a run on one page.

    The page has its state, note, params, metrics with their course, other series, tags, files,
    signatures and child runs. Below a signature of another state stand the facts that have changed
    since.

    JSON: one run, as in `runs list`, and series: those that are no metrics (kind, key, count; step,
    timestamp: the greatest step and the latest time).
    """
    store = call.look()
    record = find_run(store, run)
    if call.out.json:
        series = store.items.list(record.info.run_id)
        call.out.document(record.to_dictionary() | {"series": series})
        return
    draw_run(call.out, store, record)


def draw_run(out: Output, store: "Store", run: Run) -> None:
    """Draw the facts of a run, as far as they fit on a page."""
    out.line(Styled(text.clean(run.info.run_name) or run.info.run_id, "bold"))
    out.fields(_facts(store, run))
    _draw_note(out, run)
    _draw_params(out, run)
    _draw_metrics(out, store, run)
    _draw_series(out, store, run)
    _draw_tags(out, run)
    _draw_files(out, store.artifacts.entries(run.info.run_id))
    _draw_signatures(out, store, run.info.run_id)
    _draw_console(out, store, run)
    children = store.runs.children(run.info.run_id)
    if children:
        out.title(text.count(len(children), "child run"))
        draw_runs(out, children[:_CHILDREN_SHOWN_MAX], liveness=store.liveness)
        if len(children) > _CHILDREN_SHOWN_MAX:
            out.note(f"{len(children) - _CHILDREN_SHOWN_MAX:,} more: eventtrack runs tree")


def _facts(store: "Store", run: Run) -> list[tuple[str, Cell]]:
    info = run.info
    experiment = store.experiments.get(info.experiment_id)
    end, life = info.end_time, life_of(run, store.liveness)
    length = text.took(info.start_time, end or text.now_ms())
    facts: list[tuple[str, Cell]] = [
        ("run id", Styled(info.run_id, "cyan")),
        ("experiment", text.clean(experiment.name)),
        ("status", run_status(run, life)),
        ("started", text.moment(info.start_time)),
        ("duration" if end else "running for", length),
    ]
    if life is not None and life.state == "gone":
        last = text.moment(life.last_ms)
        facts.append(("process", f"pid {life.pid} is gone; it wrote last {last}"))
    if END_TAG in run.data.tags:
        facts.append(("ended", text.clean(run.data.tags[END_TAG])))
    if PREEMPTED_TAG in run.data.tags:
        facts.append(("preempted", text.clean(run.data.tags[PREEMPTED_TAG])))
    if info.user_id:
        facts.append(("user", text.clean(info.user_id)))
    parent = run.data.tags.get(PARENT_TAG)
    if parent:
        facts.append(("parent", Styled(text.clean(parent), "cyan")))
    forked, _, step = run.data.tags.get(FORKED_TAG, "").partition("@")
    if forked:
        at = f" at step {step}" if step else ""
        facts.append(("forked from", Styled(text.clean(forked + at), "cyan")))
    facts += [("merged in", Styled(it, "cyan")) for it in store.runs.merged_of(info.run_id)]
    datasets = [used.dataset for used in run.inputs.dataset_inputs]
    return [
        *facts,
        *(("dataset", text.clean(f"{dataset.name} ({dataset.digest})")) for dataset in datasets),
    ]


def _draw_params(out: Output, run: Run) -> None:
    if run.data.params:
        out.title("params")
        out.fields(
            [(text.clean(key), text.clean(run.data.params[key])) for key in sorted(run.data.params)]
        )


def _draw_metrics(out: Output, store: "Store", run: Run) -> None:
    keys = sorted(run.data.metrics, key=lambda key: (key.startswith(LOAD), key))
    if not keys:
        return
    columns = [
        Column("metric"),
        Column("last", right=True, style="bold"),
        Column("least", right=True, rank=2),
        Column("greatest", right=True, rank=2),
        Column("points", right=True, rank=1),
        Column("course", rank=3, style="cyan"),
    ]
    rows: list[list[Cell]] = []
    for key in keys[:_METRICS_SHOWN_MAX]:
        values = list(store.metrics.arrays(run.info.run_id, key).values)
        finite = [value for value in values if not math.isnan(value)]
        rows.append(
            [
                text.clean(key),
                text.number(run.data.metrics[key]),
                text.number(min(finite, default=None)),
                text.number(max(finite, default=None)),
                f"{len(values):,}",
                text.sparkline(values, _COURSE_WIDTH) if len(values) > 1 else "",
            ]
        )
    out.title("metrics")
    out.table(columns, rows)
    if len(keys) > _METRICS_SHOWN_MAX:
        out.note(f"{len(keys) - _METRICS_SHOWN_MAX:,} more metrics; all of them with --json")


def _draw_series(out: Output, store: "Store", run: Run) -> None:
    series = store.items.list(run.info.run_id)
    if not series:
        return
    columns = [
        Column("series", width_max=30),
        Column("kind"),
        Column("items", right=True),
        Column("greatest step", right=True, rank=1),
        Column("latest", rank=2),
    ]
    rows: list[list[Cell]] = [
        [text.clean(it.key), it.kind, f"{it.count:,}", f"{it.step:,}", text.moment(it.timestamp)]
        for it in series[:_METRICS_SHOWN_MAX]
    ]
    out.title("text, histograms and media")
    out.table(columns, rows)
    if len(series) > _METRICS_SHOWN_MAX:
        out.note(f"{len(series) - _METRICS_SHOWN_MAX:,} more series: eventtrack export series")


def _draw_note(out: Output, run: Run) -> None:
    if words := run.data.tags.get(NOTE_TAG):
        out.title("note")
        for line in words.splitlines():
            out.wrapped(line)


def _draw_tags(out: Output, run: Run) -> None:
    own = {key: tag for key, tag in run.data.tags.items() if not key.startswith(OWN_PREFIXES)}
    if own:
        out.title("tags")
        out.fields([(text.clean(key), text.clean(own[key])) for key in sorted(own)])


def _draw_files(out: Output, files: "Sequence[ArtifactEntry]") -> None:
    if not files:
        return
    out.title("artifacts")
    out.fields([(text.clean(file.path), text.size(file.size)) for file in files[:_FILES_SHOWN_MAX]])
    if len(files) > _FILES_SHOWN_MAX:
        out.note(f"{len(files) - _FILES_SHOWN_MAX:,} more: eventtrack artifacts list RUN")


def _draw_signatures(out: Output, store: "Store", run_id: str) -> None:
    signatures = store.runs.signatures(run_id)
    if not signatures:
        return
    out.title("signatures")
    for signed in signatures:
        state = Styled("holds", "green") if signed.holds else Styled("changed since", "red")
        who = text.clean(f"{signed.meaning} by {signed.by}")
        when = text.moment(signed.signed_ms)
        out.wrapped(Styled(who, "bold"), f", {when}, ", state, f": {text.clean(signed.reason)}")
        if not signed.holds:
            facts = store.history.changed_since(run_id, signed)
            changed = ", ".join(facts) or "a series, or an event that came later"
            out.note(f"  changed since: {text.clean(changed)}")


def _draw_console(out: Output, store: "Store", run: Run) -> None:
    """Draw the traceback of a run that failed, else the last lines that its program printed."""
    if traceback := run.data.tags.get(TRACEBACK_TAG):
        out.title("traceback")
        lines = traceback.splitlines()
    else:
        from eventtrack.views.items import TextItem

        run_id = run.info.run_id
        series = [entry for entry in store.items.list(run_id) if entry.key == CONSOLE]
        if not series:
            return
        out.title("last lines of output")
        items = store.items.read(run_id, CONSOLE, "text", start=-_LINES_SHOWN_MAX)
        lines = [item.text for item in items if isinstance(item, TextItem)]
    for line in lines:
        out.line(text.clean(line.rstrip()))
