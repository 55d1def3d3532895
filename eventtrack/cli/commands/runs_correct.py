"""`eventtrack runs move`, `correct` and `sign`: put right what is wrong, vouch for the rest."""

import click

from eventtrack.cli import text
from eventtrack.cli.base import Command, Invocation, examples, pass_invocation, reason_option
from eventtrack.cli.resolve import EXPERIMENT, RUN, find_experiment, find_run
from eventtrack.cli.tables import Styled


@click.command(
    "move",
    cls=Command,
    epilog=examples(
        "eventtrack runs move 3f2a 91bc --to digits",
        'eventtrack runs move 3f2a --to archive --children --reason "the project ended"',
    ),
)
@click.argument("run", nargs=-1, required=True, type=RUN)
@click.option("--to", "target", required=True, type=EXPERIMENT, help="Experiment (id or name).")
@click.option("--children", is_flag=True, help="Runs nested in them go along, at any depth.")
@reason_option
@pass_invocation
def move(call: Invocation, run: tuple[str, ...], target: str, children: bool) -> None:
    """Move runs into another experiment.

    Their histories go with them; files stay where they lie. `undo` takes a move back.

    JSON: a list of the runs that moved, as in `runs list`.
    """
    store = call.open()
    run_ids = [find_run(store, typed).info.run_id for typed in run]
    experiment = find_experiment(store, target)
    moved = store.corrections.move(run_ids, experiment.experiment_id, children=children)
    runs = [store.runs.get(run_id) for run_id in moved]
    if call.out.json:
        call.out.document(runs)
        return
    for changed in runs:
        name = Styled(text.clean(changed.info.run_name), "bold")
        call.out.line("Moved run ", name, f" ({changed.info.run_id})")
    stayed = len(set(run_ids) - set(moved))
    if stayed:
        where = text.clean(experiment.name)
        call.out.note(f"{text.count(stayed, 'run')} in {where} already: nothing to move")


@click.command(
    "correct",
    cls=Command,
    epilog=examples('eventtrack runs correct 3f2a lr 0.01 --reason "the log had the old default"'),
)
@click.argument("run", type=RUN)
@click.argument("key")
@click.argument("value")
@click.option("--reason", required=True, metavar="TEXT", help="What was wrong; stays on record.")
@pass_invocation
def correct(call: Invocation, run: str, key: str, value: str, reason: str) -> None:
    """Give a param of a run another value.

    The value that was logged stays in the log. Logging a param again goes on being refused.

    JSON: the run, as in `runs list`.
    """
    store = call.open()
    run_id = find_run(store, run).info.run_id
    before = store.runs.get(run_id).data.params.get(key)
    store.corrections.correct_param(run_id, key, value, reason)
    changed = store.runs.get(run_id)
    if call.out.json:
        call.out.document(changed)
        return
    after = changed.data.params[key]
    if before == after:
        call.out.note(f"{text.clean(key)} is {text.value(after)} already: nothing to correct")
        return
    call.out.line(
        Styled(text.clean(key), "bold"),
        "  ",
        Styled(text.value(before), "dim"),
        f" \u2192 {text.value(after)}",
    )


@click.command(
    "sign",
    cls=Command,
    epilog=examples(
        'eventtrack runs sign 3f2a --as reviewed --reason "curves and data checked"',
    ),
)
@click.argument("run", type=RUN)
@click.option("--as", "meaning", required=True, metavar="MEANING", help="As reviewed, approved.")
@click.option("--reason", required=True, metavar="TEXT", help="Why; it stays on record.")
@pass_invocation
def sign(call: Invocation, run: str, meaning: str, reason: str) -> None:
    """Record that you vouch for a run in exactly its present state.

    `runs show` says when facts have changed since. A signature cannot be undone: sign again, with
    another meaning.

    JSON: the signature with meaning, by, reason, signed_ms, digest and holds.
    """
    store = call.open()
    record = find_run(store, run)
    signed = store.signatures.sign(record.info.run_id, meaning, reason)
    if call.out.json:
        call.out.document(signed)
        return
    name = Styled(text.clean(record.info.run_name), "bold")
    by = text.clean(f"{signed.meaning} by {signed.by}")
    call.out.line("Signed run ", name, f" as {by}: digest {signed.digest}")
