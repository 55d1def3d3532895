"""`eventtrack runs`: list, search, tree, show, compare, plot, tag, move, correct and so on."""

from collections.abc import Mapping
from typing import ClassVar

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, LazyNames, examples, pass_invocation, reason_option
from eventtrack.cli.resolve import (
    EXPERIMENT,
    RUN,
    all_experiments,
    find_experiment,
    find_run,
)
from eventtrack.cli.run_search import print_runs, say_nothing_found
from eventtrack.cli.run_table import draw_tree
from eventtrack.cli.tables import Styled
from eventtrack.tags import PARENT_TAG
from eventtrack.views.records import Run, ViewType

_EXPERIMENTS_OPTION = click.option(
    "-e",
    "--experiment",
    "experiments",
    type=EXPERIMENT,
    multiple=True,
    help="Only this experiment (id or name); may be repeated.",
)
_LIMIT_OPTION = click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, 50_000),
    default=50,
    show_default=True,
    help="Most rows.",
)
_SORT_OPTION = click.option(
    "-o",
    "--sort",
    "--order-by",
    "order_by",
    multiple=True,
    metavar="KEY [ASC|DESC]",
    help="Sort by a metric, param, tag or attribute; may be repeated.",
)
_DELETED_OPTION = click.option(
    "--deleted", "view", flag_value=ViewType.DELETED_ONLY, help="Only deleted runs."
)
_ALL_OPTION = click.option("--all", "view", flag_value=ViewType.ALL, help="Deleted runs too.")


class RunsGroup(LazyNames):
    """The group of commands about runs; its larger commands have modules of their own."""

    lazy_targets: ClassVar[Mapping[str, str]] = {
        "show": "eventtrack.cli.commands.runs_show:show",
        "compare": "eventtrack.cli.commands.runs_compare:compare",
        "plot": "eventtrack.cli.commands.runs_plot:plot",
        "best": "eventtrack.cli.commands.runs_best:best",
        "tag": "eventtrack.cli.commands.runs_edit:tag",
        "rename": "eventtrack.cli.commands.runs_edit:rename",
        "note": "eventtrack.cli.commands.runs_edit:note",
        "finish": "eventtrack.cli.commands.runs_edit:finish",
        "move": "eventtrack.cli.commands.runs_correct:move",
        "correct": "eventtrack.cli.commands.runs_correct:correct",
        "fork": "eventtrack.cli.commands.runs_fork:fork",
        "merge": "eventtrack.cli.commands.runs_fork:merge",
        "rewind": "eventtrack.cli.commands.runs_rewind:rewind",
        "withdraw": "eventtrack.cli.commands.runs_rewind:withdraw",
        "sign": "eventtrack.cli.commands.runs_correct:sign",
    }


@click.group(
    "runs",
    cls=RunsGroup,
    epilog=examples(
        "eventtrack runs list",
        "eventtrack runs show 3f2a",
        "eventtrack runs search 'metrics.loss < 0.1 AND params.lr = \"0.03\"'",
        "eventtrack runs plot 3f2a --metric loss",
    ),
)
def runs() -> None:
    """List, show, search, compare, plot, edit and correct runs.

    A run is named by its id, by the first characters of its id, or by its name.
    """


@runs.command(
    "list",
    epilog=examples(
        "eventtrack runs list",
        "eventtrack runs list -e iris -n 10 --json",
        "eventtrack runs list --sort 'accuracy DESC' --filter 'metrics.loss < 0.1'",
    ),
)
@_SORT_OPTION
@click.option("--filter", "filter_string", default="", help="As FILTER of `runs search`.")
@_EXPERIMENTS_OPTION
@_LIMIT_OPTION
@_DELETED_OPTION
@_ALL_OPTION
@pass_invocation
def list_runs(
    call: Invocation,
    order_by: tuple[str, ...],
    filter_string: str,
    experiments: tuple[str, ...],
    limit: int,
    view: int | None,
) -> None:
    """List runs, newest first.

    A KEY to sort by is `metrics.loss`, `params.lr`, `tags.stage`, `start_time` and so on; for
    metrics, params and tags the name is enough.

    JSON: a list of runs, each with info, data (metrics, params, tags), inputs and outputs.
    """
    print_runs(call, experiments, filter_string, order_by, limit, view)


@runs.command(
    "search",
    epilog=examples(
        "eventtrack runs search 'metrics.loss < 0.1'",
        "eventtrack runs search \"params.lr IN ('0.1', '0.01') OR tags.stage = 'final'\"",
        "eventtrack runs search \"attributes.status = 'FAILED'\" -e iris",
        "eventtrack runs search --sort 'accuracy DESC' -n 5",
    ),
)
@click.argument("filter_string", metavar="[FILTER]", default="")
@_SORT_OPTION
@_EXPERIMENTS_OPTION
@_LIMIT_OPTION
@_DELETED_OPTION
@_ALL_OPTION
@pass_invocation
def search(
    call: Invocation,
    filter_string: str,
    order_by: tuple[str, ...],
    experiments: tuple[str, ...],
    limit: int,
    view: int | None,
) -> None:
    """Search runs by a filter.

    FILTER is MLflow's language, and beyond it OR, NOT, IN, BETWEEN and parentheses. Without it all
    runs match. The KEY of --sort is as in `runs list`.

    JSON: a list of runs, as in `runs list`.
    """
    print_runs(call, experiments, filter_string, order_by, limit, view)


@runs.command("tree", epilog=examples("eventtrack runs tree", "eventtrack runs tree iris --json"))
@click.argument("experiment", type=EXPERIMENT, required=False)
@pass_invocation
def tree(call: Invocation, experiment: str | None) -> None:
    """Show runs under their parents, newest root first.

    Columns and their widths are those of the first 1,000 runs; --json has everything.

    JSON: a list of runs, depth first, each as in `runs list` with its depth and parent_run_id.
    """
    store = call.look()
    chosen = (
        [find_experiment(store, experiment)]
        if experiment
        else all_experiments(store, view_type=ViewType.ACTIVE_ONLY)
    )
    if call.out.json:
        trees = (store.runs.tree(record.experiment_id) for record in chosen)
        call.out.documents(_tree_json(*row) for tree in trees for row in tree)
        return
    drawn = 0
    for record in chosen:
        rows = store.runs.tree(record.experiment_id)
        if not len(rows):
            continue
        if drawn:
            call.out.line("")
        drawn += 1
        call.out.line(Styled(text.clean(record.name), "bold"))
        draw_tree(call.out, rows, store.liveness)
    if not drawn:
        say_nothing_found(call, chosen, filtered=False)


@runs.command("delete", epilog=examples("eventtrack runs delete 3f2a 91bc"))
@click.argument("run", nargs=-1, required=True, type=RUN)
@reason_option
@pass_invocation
def delete(call: Invocation, run: tuple[str, ...]) -> None:
    """Delete runs.

    `restore` brings them back. The log keeps both events.

    JSON: a list of runs, as in `runs list`.
    """
    store = call.open()
    targets = [find_run(store, typed) for typed in run]
    for target in targets:
        store.runs.delete(target.info.run_id)
    _answer(call, [store.runs.get(target.info.run_id) for target in targets], "Deleted")


@runs.command("restore", epilog=examples("eventtrack runs restore 3f2a"))
@click.argument("run", nargs=-1, required=True, type=RUN)
@reason_option
@pass_invocation
def restore(call: Invocation, run: tuple[str, ...]) -> None:
    """Make deleted runs active again.

    JSON: a list of runs, as in `runs list`.
    """
    store = call.open()
    targets = [find_run(store, typed) for typed in run]
    for target in targets:
        store.runs.restore(target.info.run_id)
    _answer(call, [store.runs.get(target.info.run_id) for target in targets], "Restored")


def _tree_json(run: Run, depth: int) -> dict[str, object]:
    parent = run.data.tags.get(PARENT_TAG) if depth else None
    return {"depth": depth, "parent_run_id": parent, **run.to_dictionary()}


def _answer(call: Invocation, changed: list[Run], verb: str) -> None:
    if call.out.json:
        call.out.document(changed)
        return
    for run in changed:
        name = Styled(text.clean(run.info.run_name), "bold")
        call.out.line(f"{verb} run ", name, f" ({run.info.run_id})")
