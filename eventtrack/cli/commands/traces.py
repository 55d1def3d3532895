"""`eventtrack traces`: list and show traces."""

from typing import TYPE_CHECKING, Any

import click

from eventtrack.cli import text
from eventtrack.cli.base import Group, Invocation, examples, pass_invocation
from eventtrack.cli.output import status_cell
from eventtrack.cli.resolve import EXPERIMENT, chosen_experiments, find_trace
from eventtrack.cli.tables import Cell, Column, Styled
from eventtrack.tags import TRACE_NAME_TAG
from eventtrack.views.records import ViewType

if TYPE_CHECKING:
    from eventtrack.views.traces.records import Span, Trace, TraceInfo

_NS_PER_MS = 1_000_000


@click.group(
    "traces",
    cls=Group,
    epilog=examples(
        "eventtrack traces list",
        "eventtrack traces list \"status = 'ERROR'\" -e shop",
        "eventtrack traces show tr-3f2a",
    ),
)
def traces() -> None:
    """List and show traces: the steps of a program for a request."""


@traces.command(
    "list",
    epilog=examples(
        "eventtrack traces list",
        "eventtrack traces list \"span.name = 'search' AND feedback.good = 'false'\" --json",
    ),
)
@click.argument("filter_string", metavar="[FILTER]", default="")
@click.option(
    "-e",
    "--experiment",
    "experiments",
    multiple=True,
    type=EXPERIMENT,
    help="Only this experiment; may be repeated.",
)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, 50_000),
    default=50,
    show_default=True,
    help="Most rows.",
)
@pass_invocation
def list_traces(
    call: Invocation, filter_string: str, experiments: tuple[str, ...], limit: int
) -> None:
    """List traces, newest first.

    JSON: a list of traces with trace_id, experiment_id, request_time, execution_duration, state,
    previews, trace_metadata, tags, assessments, run_ids, span_count.
    """
    store = call.look()
    chosen = chosen_experiments(store, experiments, view_type=ViewType.ALL)
    ids = [experiment.experiment_id for experiment in chosen]
    infos = list(store.traces.search(ids, filter_string, limit))
    if call.out.json:
        call.out.document(infos)
    elif not infos:
        call.out.note("No such traces." if filter_string else "No traces yet.")
    else:
        columns = [
            Column("trace", style="cyan"),
            Column("name", style="bold"),
            Column("state"),
            Column("began"),
            Column("took", right=True),
            Column("spans", right=True, rank=1),
            Column("request", rank=2),
        ]
        call.out.table(columns, [_row(info) for info in infos])


@traces.command(
    "show",
    epilog=examples("eventtrack traces show tr-3f2a", "eventtrack traces show tr-3f2a --json"),
)
@click.argument("trace")
@pass_invocation
def show(call: Invocation, trace: str) -> None:
    """Show a trace: its facts, its spans as a tree, and its assessments.

    JSON: the trace as in `traces list`, and spans, each as it is stored.
    """
    store = call.look()
    record = store.traces.read(find_trace(store, trace))
    if call.out.json:
        call.out.document(_as_json(record))
        return
    info, out = record.info, call.out
    out.line(Styled(_name(info), "bold"))
    facts: list[tuple[str, Cell]] = [
        ("trace id", Styled(info.trace_id, "cyan")),
        ("experiment", info.experiment_id),
        ("state", status_cell(info.state)),
        ("began", text.moment(info.request_time)),
        ("took", text.duration(info.execution_duration)),
        ("request", text.clean(info.request_preview or "")),
        ("response", text.clean(info.response_preview or "")),
        ("tags", text.summary(info.tags)),
        ("metadata", text.summary(info.trace_metadata)),
        ("runs", ", ".join(map(text.clean, info.run_ids))),
    ]
    out.fields([(name, cell) for name, cell in facts if cell])
    if record.spans:
        out.title(text.count(len(record.spans), "span"))
        columns = [Column("span"), Column("kind"), Column("status"), Column("took", right=True)]
        out.table(columns, _tree(record.spans))
    if info.assessments:
        out.title("assessments")
        columns = [Column("name", style="bold"), Column("value"), Column("by"), Column("because")]
        out.table(
            columns,
            [
                [
                    text.clean(assessment.name),
                    text.value(assessment.value)
                    if assessment.error is None
                    else text.clean(assessment.error.error_code),
                    text.clean(assessment.source_id or assessment.source_type),
                    text.clean(assessment.rationale or ""),
                ]
                for assessment in info.assessments
                if assessment.valid
            ],
        )


def _row(info: "TraceInfo") -> list[Cell]:
    return [
        text.clean(info.trace_id),
        _name(info),
        status_cell(info.state),
        text.moment(info.request_time),
        text.duration(info.execution_duration),
        text.count(info.span_count),
        text.clean(info.request_preview or ""),
    ]


def _name(info: "TraceInfo") -> str:
    return text.clean(info.tags.get(TRACE_NAME_TAG, "-"))


def _tree(spans: list["Span"]) -> list[list[Cell]]:
    """Each span below its parent, in the order of start; spans without a parent at the left."""
    known = {span.span_id for span in spans}
    below: dict[str | None, list[Span]] = {}
    for span in spans:
        below.setdefault(span.parent_id if span.parent_id in known else None, []).append(span)
    rows: list[list[Cell]] = []
    waiting = [(span, 0) for span in reversed(below.get(None, []))]
    while waiting:
        span, depth = waiting.pop()
        took = None if span.end_time_ns is None else span.end_time_ns - span.start_time_ns
        rows.append(
            [
                "  " * depth + text.clean(span.name),
                text.clean(span.kind),
                status_cell(span.status),
                text.duration(None if took is None else took // _NS_PER_MS),
            ]
        )
        waiting += [(child, depth + 1) for child in reversed(below.get(span.span_id, []))]
    return rows


def _as_json(trace: "Trace") -> dict[str, Any]:
    spans = [span.content() for span in trace.spans]
    return {**trace.info.to_dictionary(), "spans": spans}
