"""`eventtrack runs best`: the runs with the greatest or the least value of a metric."""

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.resolve import EXPERIMENT
from eventtrack.cli.run_search import print_runs


@command(
    "best",
    "eventtrack runs best accuracy",
    "eventtrack runs best val_loss --min -e iris -n 10",
)
@click.argument("metric")
@click.option("--max/--min", "greatest", default=None, help="Greatest (default) or least first.")
@click.option("--filter", "filter_string", default="", help="As FILTER of `runs search`.")
@click.option(
    "-e",
    "--experiment",
    "experiments",
    type=EXPERIMENT,
    multiple=True,
    help="Only this experiment (id or name); may be repeated.",
)
@click.option(
    "-n", "--limit", type=click.IntRange(1, 50_000), default=5, show_default=True, help="Most rows."
)
@pass_invocation
def best(
    call: Invocation,
    metric: str,
    greatest: bool | None,
    filter_string: str,
    experiments: tuple[str, ...],
    limit: int,
) -> None:
    """List the best runs by the last value of a metric, and only runs that have it.

    The greatest value is best; --min turns that round, as for a loss.

    JSON: a list of runs, as in `runs list`.
    """
    name = metric.removeprefix("metrics.")
    has_it = f"metrics.`{name}` IS NOT NULL"
    wanted = f"{has_it} AND ({filter_string})" if filter_string else has_it
    direction = "ASC" if greatest is False else "DESC"
    print_runs(call, experiments, wanted, [f"{name} {direction}"], limit, None)
    if greatest is None:
        call.out.note(f"The greatest {text.clean(name)} stands first; --min shows the least first.")
