"""Prints the report of an import or an export for people."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from eventtrack.cli import text
from eventtrack.cli.base import Invocation
from eventtrack.cli.tables import Cell, Column, Styled

if TYPE_CHECKING:
    from eventtrack.transfer.report import Damage, Report

# Lines shown of each list; --json has more.
_LINES_SHOWN = 20
# Characters shown of a name in a table.
_TEXT_SHOWN = 60


def show_report(
    call: Invocation,
    report: "Report",
    took: str,
    *,
    verb: str = "Read",
    owner: str = "The store",
    columns: tuple[str, str] = ("id there", "id here"),
) -> None:
    """Print a report: everything new, and everything not taken.

    Args:
        took: The duration as a text.
        owner: The side that has everything if nothing was new.
        columns: Titles of the experiments' ids: in the source, then in the target.
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
            [pair.source_id, pair.experiment_id, text.clean(pair.name)]
            for pair in report.experiments
        ]
        out.title("Experiments")
        titles = [Column(title) for title in (*columns, "name")]
        out.table(titles, rows[:_LINES_SHOWN])
        _more(call, len(rows))
    _show_lists(call, report)


def show_preview(call: Invocation, seen: Mapping[str, Any], report: "Report") -> None:
    """Print a preview of files: their columns, and the runs with their first points."""
    out = call.out
    for file in seen["files"]:
        rows = text.count(file["rows"], "row")
        out.title(f"{text.clean(file['file'])}: {rows}, {file['read_as']}")
        names = [Column("column"), Column("taken as")]
        cells = [[_short(name) or "(no name)", role] for name, role in file["columns"].items()]
        out.table(names, cells[:_LINES_SHOWN])
        _more(call, len(cells))
    for run in seen["runs"][:_LINES_SHOWN]:
        out.title(f"Run {_short(run['name'])} of the experiment {_short(run['experiment'])}")
        out.fields([(_short(name), _short(value)) for name, value in run["params"].items()])
        points: list[list[Cell]] = [
            [_short(key), f"{metric['points']:,}", _points(metric["first"])]
            for key, metric in run["metrics"].items()
        ]
        out.table([Column("metric"), Column("points"), Column("first")], points[:_LINES_SHOWN])
        _more(call, len(points))
        series: list[list[Cell]] = [
            [_short(key), f"{items:,}"] for key, items in run["series"].items()
        ]
        if series:
            out.table([Column("series"), Column("items")], series[:_LINES_SHOWN])
            _more(call, len(series))
    _more(call, len(seen["runs"]))
    _show_lists(call, report)
    out.line(Styled("This was a dry run: nothing was taken.", "yellow"))


def _points(first: Sequence[Sequence[Any]]) -> str:
    return ", ".join(f"{value:g} at step {step}" for step, _, value in first)


def _short(value: object) -> str:
    shown = text.clean(str(value))
    return shown if len(shown) <= _TEXT_SHOWN else f"{shown[:_TEXT_SHOWN]}…"


def _show_lists(call: Invocation, report: "Report") -> None:
    out = call.out
    for title, lines, count in _lists(report):
        if lines:
            out.title(title)
            for line in lines[:_LINES_SHOWN]:
                out.wrapped(text.clean(line))
            _more(call, count)


def _lists(report: "Report") -> list[tuple[str, list[str], int]]:
    damage = [_damage_line(damage) for damage in report.damage]
    unreadable = [f"{what}: {reason}" for what, reason in report.unreadable]
    renamed = [f"{_short(old)} is {new}" for old, new in report.renamed.items()]
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
