"""`eventtrack runs fork` and `merge`: runs for which the points of others count."""

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation, reason_option
from eventtrack.cli.resolve import EXPERIMENT, RUN, find_experiment, find_run
from eventtrack.cli.tables import Styled


@command(
    "fork",
    "eventtrack runs fork 3f2a --step 4000",
    "eventtrack runs fork 3f2a --step 4000 --name smaller-rate --no-params",
)
@click.argument("run", type=RUN)
@click.option("--step", type=int, help="The last step to begin with; by default all.")
@click.option("--name", help="The name of the fork; by default a random one.")
@click.option("--to", "target", type=EXPERIMENT, help="Another experiment (id or name).")
@click.option("--params/--no-params", default=True, help="Whether the fork gets the params.")
@click.option("--tags/--no-tags", default=True, help="Whether the fork gets the tags.")
@reason_option
@pass_invocation
def fork(
    call: Invocation,
    run: str,
    step: int | None,
    name: str | None,
    target: str | None,
    params: bool,
    tags: bool,
) -> None:
    """Start a run that begins with the points of another.

    No point is copied. Resume the fork with start_run(run_id=...), or fork and start at once with
    start_run(fork_from=...).

    JSON: the fork, as in `runs list`.
    """
    store = call.open()
    parent = find_run(store, run)
    experiment = None if target is None else find_experiment(store, target).experiment_id
    forked = store.forks.fork(
        parent.info.run_id,
        step,
        params=params,
        tags=tags,
        run_name=name,
        experiment_id=experiment,
    )
    made = store.runs.get(forked)
    if call.out.json:
        call.out.document(made)
        return
    old = Styled(text.clean(parent.info.run_name), "bold")
    new = Styled(text.clean(made.info.run_name), "bold")
    call.out.line("Forked run ", old, ": ", new, f" ({forked})")


@command("merge", "eventtrack runs merge 3f2a 91bc --reason 'a crash split them'")
@click.argument("run", type=RUN)
@click.argument("other", type=RUN)
@reason_option
@pass_invocation
def merge(call: Invocation, run: str, other: str) -> None:
    """Let the points and files of OTHER count for RUN, too.

    Those that OTHER gets later count as well. OTHER stays as it is; delete it if you like. `undo`
    takes the merge back.

    JSON: the run, as in `runs list`.
    """
    store = call.open()
    whole, part = find_run(store, run), find_run(store, other)
    is_news = store.forks.merge(whole.info.run_id, part.info.run_id)
    if call.out.json:
        call.out.document(store.runs.get(whole.info.run_id))
        return
    name = Styled(text.clean(part.info.run_name), "bold")
    done = "Merged run " if is_news else "Merged already: run "
    call.out.line(done, name, f" into run {text.clean(whole.info.run_name)}")
