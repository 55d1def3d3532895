"""The report of an import or an export, as people read it."""

from typing import TYPE_CHECKING

from eventtrack.cli import text
from eventtrack.cli.base import Invocation
from eventtrack.cli.tables import Cell, Column, Styled

if TYPE_CHECKING:
    from eventtrack.transfer.report import Damage, Report

# Lines of each list that are shown; --json has more.
_LINES_SHOWN = 20


def show_report(
    call: Invocation,
    report: "Report",
    took: str,
    *,
    verb: str = "Read",
    owner: str = "The store",
    columns: tuple[str, str] = ("id there", "id here"),
) -> None:
    """Print a report: what was new, and all that was not taken.

    Args:
        took: How long it took, as a text.
        owner: Who has everything when nothing was new.
        columns: Titles of the experiments' ids, those of where they come from first.
    """
    out, taken = call.out, vars(report.taken)
    seen = text.count(report.runs_seen, "run")
    out.line(f"{verb} {seen} of {text.clean(report.source)} in {took}.")
    if report.taken.total():
        out.fields([(f"new {name}", f"{count:,}") for name, count in taken.items() if count])
    elif report.exit_code:
        out.line(Styled("Nothing new was taken.", "yellow"))
    else:
        out.line(Styled(f"{owner} had everything already.", "green"))
    if report.taken.experiments:
        rows: list[list[Cell]] = [
            [one.source_id, one.experiment_id, text.clean(one.name)] for one in report.experiments
        ]
        out.title("Experiments")
        titles = [Column(title) for title in (*columns, "name")]
        out.table(titles, rows[:_LINES_SHOWN])
        _more(call, len(rows))
    for title, lines, count in _lists(report):
        if lines:
            out.title(title)
            for line in lines[:_LINES_SHOWN]:
                out.wrapped(text.clean(line))
            _more(call, count)


def _lists(report: "Report") -> list[tuple[str, list[str], int]]:
    damage = [_damage_line(damage) for damage in report.damage]
    unreadable = [f"{what}: {reason}" for what, reason in report.unreadable]
    renamed = [f"{old} is {new}" for old, new in report.renamed.items()]
    places = report.not_taken_places
    left = [
        f"{count:,} {what}{f' (first in {places[what]})' if what in places else ''}"
        for what, count in report.not_taken.items()
    ]
    return [
        ("Damaged in the source (the rest was taken)", damage, report.damage_count),
        ("Not readable from here", unreadable, report.unreadable_count),
        ("How it was read", report.notes, len(report.notes)),
        ("Names that are not allowed here", renamed, len(renamed)),
        ("Different on the other side, and kept", report.kept, report.kept_count),
        ("Not taken: there is no place for it here", left, len(left)),
    ]


def _damage_line(damage: "Damage") -> str:
    byte = "" if damage.offset is None else f"byte {damage.offset}"
    return f"{', '.join(filter(None, (damage.file, damage.place, byte)))}: {damage.problem}"


def _more(call: Invocation, count: int) -> None:
    if count > _LINES_SHOWN:
        call.out.note(f"and {count - _LINES_SHOWN:,} more; --json lists them")
