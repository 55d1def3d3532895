"""`eventtrack runs rewind` and `withdraw`: points that no longer count."""

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation, reason_option
from eventtrack.cli.resolve import RUN, find_run
from eventtrack.cli.tables import Styled
from eventtrack.views.records import Run

_METRICS_OPTION = click.option(
    "-m", "--metric", "metrics", multiple=True, help="Only this metric; may be repeated."
)


@command(
    "rewind",
    "eventtrack runs rewind 3f2a --step 4000",
    'eventtrack runs rewind 3f2a --step 4000 --metric loss --reason "resumed there"',
)
@click.argument("run", type=RUN)
@click.option("--step", type=int, required=True, help="The last step that stays.")
@_METRICS_OPTION
@reason_option
@pass_invocation
def rewind(call: Invocation, run: str, step: int, metrics: tuple[str, ...]) -> None:
    """Take a run back to a step.

    Points with a greater step no longer count; new ones may follow. The log keeps all of them, and
    `undo` brings them back.

    JSON: the run, as in `runs list`.
    """
    store = call.open()
    run_id = find_run(store, run).info.run_id
    withdrawn = store.metrics.rewind(run_id, step, list(metrics) or None)
    _answer(call, store.runs.get(run_id), f"Rewound to step {step}:" if withdrawn else "")


@command(
    "withdraw",
    "eventtrack runs withdraw 3f2a --metric loss",
    "eventtrack runs withdraw 3f2a --metric loss --from 100 --to 120 --reason spikes",
)
@click.argument("run", type=RUN)
@_METRICS_OPTION
@click.option("--from", "first", type=int, help="The first step; by default the least.")
@click.option("--to", "last", type=int, help="The last step; by default the greatest.")
@reason_option
@pass_invocation
def withdraw(
    call: Invocation, run: str, metrics: tuple[str, ...], first: int | None, last: int | None
) -> None:
    """Withdraw points of metrics.

    They no longer count: in lists, curves and searches. The log keeps them, and `undo` brings them
    back. Without --metric, points of all metrics are withdrawn.

    JSON: the run, as in `runs list`.
    """
    store = call.open()
    run_id = find_run(store, run).info.run_id
    withdrawn = store.metrics.withdraw(run_id, list(metrics) or None, first, last)
    _answer(call, store.runs.get(run_id), "Withdrew points of" if withdrawn else "")


def _answer(call: Invocation, run: Run, done: str) -> None:
    """Say what was done; "" for nothing."""
    if call.out.json:
        call.out.document(run)
        return
    name = Styled(text.clean(run.info.run_name), "bold")
    call.out.line(f"{done or 'No such points in'} run ", name, f" ({run.info.run_id})")
    if done:
        call.out.note(f"`eventtrack log --run {run.info.run_id[:8]}` shows the event, for `undo`")
