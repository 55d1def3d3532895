"""What docs/imports.md says of tables is what the importer does."""

import re

import pytest

from eventtrack.transfer import cells, moments
from eventtrack.transfer.table_runs import MOMENT_COLUMNS
from tests.tidy.tree import ROOT
from tests.transfer import test_logs
from tests.transfer.logs import Logs

TEXT = (ROOT / "eventtrack/docs/imports.md").read_text(encoding="utf-8")
SECTION = TEXT[TEXT.index("## Tables:") : TEXT.index("# Taking histories out")]


def table(first_title: str) -> list[list[str]]:
    """The rows of the table whose first column has this title."""
    [found] = re.findall(
        rf"^\| {first_title} \|.*\n\|[-|]+\|\n((?:\|.*\n)+)", SECTION, re.MULTILINE
    )
    return [[cell.strip() for cell in re.split(r"\|", row)[1:-1]] for row in found.splitlines()]


def code(cell: str) -> list[str]:
    """What stands in a cell as code."""
    return re.findall(r"`([^`]+)`", cell)


def test_the_names_of_columns_are_those_that_are_known() -> None:
    *steps, times, rows, run, experiment, params = [code(names) for _, names in table("column")]
    assert steps == [list(family) for family in moments._STEPS]
    assert times == list(moments._TIMES)
    assert ["", *rows] == list(moments._ROW_NUMBERS)
    assert {*run, *experiment[:2]} == set(MOMENT_COLUMNS)
    for name in params:
        match = moments._CONFIGS.fullmatch(name)
        assert match is not None
        assert match[1] == "*"


@pytest.mark.parametrize(("written", "read"), table("cells"))
def test_cells_are_read_as_the_document_says(written: str, read: str) -> None:
    column = code(written)
    found = cells.durations(column)
    if found is None:
        table_habits = cells.habits(column, semicolons=False)
        found = cells.numbers(column, table_habits)
    assert found is not None
    assert list(map(repr, found.values)) == [repr(float(value)) for value in read.split(", ")]


def test_cells_that_say_nothing_are_named() -> None:
    [line] = [line for line in SECTION.splitlines() if line.startswith("Empty cells and ")]
    named = {name.lower() for name in code(line.partition("say nothing")[0])}
    assert named | {""} == cells.NOTHING


def test_every_log_in_the_document_is_tried() -> None:
    named = [code(row[-1])[0] for row in table("from")]
    for name in named:
        assert callable(getattr(test_logs, name))
    others = {name for name in vars(test_logs) if name.startswith("test_")} - set(named)
    assert others <= {
        "test_fractions_of_epochs_are_metrics_of_numbered_rows",
        "test_a_panel_of_wandbs_pages_over_any_axis",
        "test_a_row_for_each_run",
        "test_lines_above_the_names_are_told",
    }


ODD: dict[str, str | bytes] = {
    "a row with too many": "step,x\n0,0.5\n1,2,3\n",
    "a step or a time": "step,x\n0,0.5\n1,0.4\nq,0.3\n",
    "a number unlike": "step,x\n0,0.5\n1,0.4\n2,q\n",
    "bytes that are": "step,größe\n0,0.5\n".encode() + b"1,\xff\n",
    "two columns": "step,x,x\n0,0.5,0.4\n",
    "`--step-column`": "step,x\n0,0.5\n",
    "lines above": "My run\nstep,x\n1,0.5\n",
    "no rows": "step,x\n",
}


@pytest.mark.parametrize(("kind", "report", "exit_code"), table("in a file"))
def test_what_is_odd_is_reported_as_the_document_says(
    logs: Logs, kind: str, report: str, exit_code: str
) -> None:
    [text] = [text for start, text in ODD.items() if kind.startswith(start)]
    choices = moments.Choices(step="batch") if "--step-column" in kind else moments.Choices()
    found = logs.take(logs.put("o/log.csv", text), choices=choices)
    assert found.exit_code == int(exit_code)
    assert bool(found.damage) == report.startswith("damage")
    assert bool(found.unreadable) == ("unreadable" in report)
    assert bool(found.notes) or "note" not in report
