"""`eventtrack runs best`: the runs with the greatest or the least value of a metric."""

import re

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.resolve import EXPERIMENT
from eventtrack.cli.run_search import print_runs

_LEAST_IS_BEST = frozenset(
    {"err", "error", "mae", "mape", "mse", "nll", "perplexity", "ppl", "rmse", "wer"}
)


@command(
    "best",
    "eventtrack runs best accuracy",
    "eventtrack runs best val_loss -e iris -n 10",
)
@click.argument("metric")
@click.option(
    "--max/--min",
    "greatest",
    default=None,
    help="Greatest or least first.  [default: least for losses and errors]",
)
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

    The least value is best for a metric that is named as a loss or an error, and the greatest for
    all others; --max and --min say otherwise.

    JSON: a list of runs, as in `runs list`.
    """
    name = metric.removeprefix("metrics.")
    has_it = f"metrics.`{name}` IS NOT NULL"
    wanted = f"{has_it} AND ({filter_string})" if filter_string else has_it
    first = not _is_loss(name) if greatest is None else greatest
    direction = "DESC" if first else "ASC"
    print_runs(call, experiments, wanted, [f"{name} {direction}"], limit, None)
    if greatest is None:
        order, other = ("greatest", "min") if first else ("least", "max")
        call.out.note(f"The {order} {text.clean(name)} stands first; --{other} turns that round.")


def _is_loss(name: str) -> bool:
    words = re.split(r"[^a-z]+", name.lower())
    return any(word.endswith("loss") or word in _LEAST_IS_BEST for word in words)
