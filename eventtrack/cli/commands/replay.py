"""`eventtrack replay`: the state at a moment, and the views folded anew."""

from contextlib import ExitStack
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.exits import exit_code
from eventtrack.cli.run_table import draw_runs, draw_tree
from eventtrack.cli.tables import Styled
from eventtrack.errors import CorruptionError
from eventtrack.projections.skipped import FAILED
from eventtrack.views.records import ViewType

if TYPE_CHECKING:
    from eventtrack.store import Snapshot

_RUNS_SHOWN_MAX = 50
_DAMAGE_SHOWN_MAX = 20


@command(
    "replay",
    "eventtrack replay --at 120",
    "eventtrack replay --at 2026-05-03T12:00 --json",
    "eventtrack replay --at yesterday",
    "eventtrack replay --rebuild",
    "eventtrack replay --verify",
)
@click.option("--at", "moment", metavar="POSITION|TIME", help="Show the state at that moment.")
@click.option("--rebuild", is_flag=True, help="Fold the whole log into new views.")
@click.option("--verify", is_flag=True, help="Fold the log anew and compare with the live views.")
@pass_invocation
def replay(call: Invocation, moment: str | None, rebuild: bool, verify: bool) -> None:
    """Fold the log again: up to a moment, to rebuild the views, or to verify them.

    A moment is a position of the log, `now`, an ISO time (local unless it names a zone), or a time
    such as `yesterday`, `7d`, `1 week ago` or `2026-05-03 14:00`. A position covers all events that
    had arrived here. A time covers all events recorded by then, by the clocks of their writers,
    whenever they arrived. The exit code is 8 when --verify finds a
    difference, and when --verify or --rebuild meets a damaged envelope: it is named and left out.
    Both hold every header against the Merkle tree of its feed.

    JSON: --at: an object with position, digest, experiments and runs (50,000 at most) at that
    moment. --rebuild: an object with digest and skipped. --verify: an object with equal, live and
    rebuilt (digests), skipped and damage (texts). skipped are envelopes without an effect, as of
    `eventtrack check`.
    """
    if (moment is not None) + rebuild + verify != 1:
        raise click.UsageError("Give one of --at, --rebuild and --verify.")
    if moment is not None:
        _show_at(call, moment)
    elif rebuild:
        _rebuild(call)
    else:
        _verify(call)


def _show_at(call: Invocation, moment: str) -> None:
    store = call.open()
    with ExitStack() as stack:
        with call.out.progress("folding") as progress:
            then = stack.enter_context(store.at(moment, progress))
        if call.out.json:
            _print_json(call, then)
        else:
            _draw(call, then)


def _print_json(call: Invocation, then: "Snapshot") -> None:
    experiments = then.experiments.search(view_type=ViewType.ALL, max_results=50_000)
    ids = [experiment.experiment_id for experiment in experiments]
    runs = then.runs.search(ids, view_type=ViewType.ALL, max_results=50_000) if ids else []
    call.out.document(
        {
            "position": then.position,
            "digest": then.digest(),
            "experiments": list(experiments),
            "runs": list(runs),
        }
    )


def _draw(call: Invocation, then: "Snapshot") -> None:
    out = call.out
    out.fields([("position", Styled(f"{then.position:,}", "cyan"))])
    experiments = then.experiments.search(view_type=ViewType.ACTIVE_ONLY, max_results=50_000)
    empty = []
    for experiment in experiments:
        # A tree needs every run; if there are too many, show the newest as a list.
        newest = then.runs.search([experiment.experiment_id], max_results=_RUNS_SHOWN_MAX)
        if not newest:
            empty.append(text.clean(experiment.name))
            continue
        out.title(text.clean(experiment.name))
        if newest.token:
            draw_runs(out, newest)
            out.note(f"the newest {_RUNS_SHOWN_MAX} runs; all with --json")
        else:
            rows = then.runs.tree(experiment.experiment_id)
            draw_tree(out, rows)
    if empty:
        out.line("")
        out.wrapped(Styled(f"without runs: {', '.join(empty)}", "dim"))
    elif not experiments:
        out.note("There was nothing yet.")


def _rebuild(call: Invocation) -> None:
    store = call.open()
    started = text.now_ms()
    with call.out.progress("folding") as progress:
        digest = store.maintenance.rebuild(progress)
        report = store.maintenance.check_log(progress)
    took = text.duration(text.now_ms() - started)
    skipped = store.maintenance.skipped()
    damage = [f"{problem.where}: {problem.what}" for problem in report.problems]
    damage += [str(envelope) for envelope in skipped if envelope.kind == FAILED]
    if call.out.json:
        call.out.document({"digest": digest, "skipped": skipped})
    else:
        envelopes = text.count(store.events.head(), "envelope")
        call.out.line(f"Folded {envelopes} into new views in {took}.")
        call.out.fields([("digest", digest)])
        _tell(call, damage)
    if damage:
        click.get_current_context().exit(exit_code(CorruptionError))


def _tell(call: Invocation, damage: list[str]) -> None:
    for problem in damage[:_DAMAGE_SHOWN_MAX]:
        call.out.wrapped(Styled(f"damage: {text.clean(problem)}", "bold red"))
    if damage:
        call.out.wrapped(
            Styled("hint: `eventtrack check` says all about it and what to do", "cyan")
        )


def _verify(call: Invocation) -> None:
    store = call.open()
    with call.out.progress("folding") as progress:
        equal, live, rebuilt = store.maintenance.verify(progress)
        report = store.maintenance.check_log(progress)
    skipped = store.maintenance.skipped()
    damage = [f"{problem.where}: {problem.what}" for problem in report.problems]
    damage += [str(envelope) for envelope in skipped if envelope.kind == FAILED]
    if call.out.json:
        facts = {"equal": equal, "live": live, "rebuilt": rebuilt}
        call.out.document({**facts, "skipped": skipped, "damage": damage})
    else:
        call.out.fields([("live", live), ("rebuilt", rebuilt)])
        _tell(call, damage)
        if damage and equal:
            call.out.line(Styled("The views are what is left of the log.", "bold red"))
        elif equal:
            call.out.line(Styled("The views are what the log says.", "green"))
            for fork in store.feeds.forks():
                call.out.wrapped(
                    f"That is what two copies wrote of feed {fork.replica[:8]} from envelope "
                    f"{fork.index} on: `eventtrack inspect feed/{fork.replica[:8]}`"
                )
        else:
            call.out.line(Styled("The views differ from what the log says.", "bold red"))
            call.out.line(Styled("hint: `eventtrack replay --rebuild` makes them anew", "cyan"))
    if damage or not equal:
        click.get_current_context().exit(exit_code(CorruptionError))
