"""`eventtrack salvage`: makes a new store of the whole parts of a damaged store."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.exits import exit_code
from eventtrack.cli.sync_report import progress_bars
from eventtrack.cli.tables import Column, Styled
from eventtrack.errors import CorruptionError

if TYPE_CHECKING:
    from eventtrack.cli.tables import Cell
    from eventtrack.rescue import Gap, Loss, SalvageReport

# Lines shown of each list; --json has more.
_LINES_SHOWN = 20
_path = click.Path(path_type=Path)


@command(
    "salvage",
    "eventtrack salvage .eventtrack saved",
    "eventtrack salvage /data/runs /data/saved --from ssh://lab/data/runs",
    "eventtrack salvage .eventtrack saved --json",
)
@click.argument("old", type=_path)
@click.argument("new", type=_path)
@click.option(
    "--from", "remotes", multiple=True, metavar="URL", help="Ask this remote for the rest."
)
@pass_invocation
def salvage(call: Invocation, old: Path, new: Path, remotes: tuple[str, ...]) -> None:
    """Make a store NEW of all that is whole in the damaged store OLD, and the rest from remotes.

    OLD is only read, page by page, however little of its file is left. NEW gets every envelope
    whose payload has its hash, every point in the journals, and every artifact whose bytes match
    its name. Then the remotes of --from and those that OLD knew are asked for the rest. NEW must be
    empty or not exist.

    The exit code is 0 when NEW has all that OLD ever held, and 8 when something is gone or the
    newest state of OLD cannot be known.

    JSON: an object with complete; counts of envelopes, events, moved, repaired, journal_events,
    artifacts, remote_envelopes and remote_artifacts; gaps, lost envelopes, each with
    replica, first, stop and streams (events by stream); losses, each with kind, stream, name, key,
    had, has and value; gap_count and loss_count (the lists may be cut); is_end_known; and notes.
    """
    from eventtrack.rescue import salvage as salvage_store

    with progress_bars(call.out) as progress:
        report = salvage_store(old, new, remotes, progress)
    if call.out.json:
        call.out.document({"complete": report.complete, **report.to_dictionary()})
    else:
        _show(call, report, new)
    if not report.complete:
        click.get_current_context().exit(exit_code(CorruptionError))


def _show(call: Invocation, report: "SalvageReport", new: Path) -> None:
    out = call.out
    out.wrapped(
        f"{text.clean(str(new))} holds {text.count(report.envelopes, 'envelope')} of the damaged "
        f"store with {text.count(report.events, 'event')}, "
        f"{text.count(report.journal_events, 'event')} of its journals and "
        f"{text.count(report.artifacts, 'artifact')}."
    )
    if report.remote_envelopes or report.remote_artifacts:
        out.wrapped(
            f"Remotes had {text.count(report.remote_envelopes, 'envelope')} more and "
            f"{text.count(report.remote_artifacts, 'artifact')}."
        )
    if report.repaired:
        out.wrapped(f"In {text.count(report.repaired, 'header')} a flipped bit was put right.")
    if report.moved:
        out.wrapped(f"Behind gaps stood {text.count(report.moved, 'envelope')}: now in new feeds.")
    if report.notes:
        out.title("Damaged")
        for note in report.notes[:_LINES_SHOWN]:
            out.wrapped(text.clean(note))
        _more(call, len(report.notes))
    if report.gap_count:
        out.title("Envelopes that are gone")
        out.table(
            [Column("feed"), Column("envelopes", right=True), Column("from"), Column("of")],
            [_gap_row(gap) for gap in report.gaps[:_LINES_SHOWN]],
        )
        _more(call, report.gap_count)
    if report.loss_count:
        out.title("What is gone, by name")
        columns = [Column("what"), Column("of"), Column("key"), Column("gone", right=True)]
        out.table([*columns, Column("value")], [_loss_row(x) for x in report.losses[:_LINES_SHOWN]])
        _more(call, report.loss_count)
    if report.complete:
        out.line(Styled("Nothing is gone.", "green"))
    elif not report.is_end_known:
        out.wrapped("Whether anything else was newer than what was found cannot be known.")


def _gap_row(gap: "Gap") -> "list[Cell]":
    parts = [f"{stream} ({text.count(n, 'event')})" for stream, n in sorted(gap.streams.items())]
    what = ", ".join(text.clean(part) for part in parts) or "unknown"
    return [gap.replica, f"{gap.stop - gap.first:,}", str(gap.first), what]


def _loss_row(loss: "Loss") -> "list[Cell]":
    gone = f"{loss.had - loss.has:,} of {loss.had:,}" if loss.kind == "metric" else "all"
    where = f"{loss.name} ({loss.stream})" if loss.name else loss.stream
    return [loss.kind, text.clean(where), text.clean(loss.key), gone, text.clean(loss.value)]


def _more(call: Invocation, count: int) -> None:
    if count > _LINES_SHOWN:
        call.out.note(f"and {count - _LINES_SHOWN:,} more; --json lists them")
