"""`eventtrack runs compare`: params, metrics, code, packages of several runs, side by side."""

from math import isnan
from typing import TYPE_CHECKING, NamedTuple

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.resolve import RUN, find_run
from eventtrack.cli.tables import Cell, Column, Styled
from eventtrack.running.origin import FOLDER
from eventtrack.tags import OWN_PREFIXES
from eventtrack.views.records import Run

if TYPE_CHECKING:
    from eventtrack.store import Store


class Comparison(NamedTuple):
    """A param, metric, tag, or part of the origin of all compared runs.

    A run without a value has None.
    """

    kind: str
    key: str
    values: list[str | float | None]

    @property
    def differs(self) -> bool:
        """Whether the values differ."""
        return len({repr(value) for value in self.values}) > 1


@command(
    "compare",
    "eventtrack runs compare 3f2a 91bc",
    "eventtrack runs compare 3f2a 91bc 77d0 --all",
)
@click.argument("run", nargs=-1, required=True, type=RUN)
@click.option("--all", "everything", is_flag=True, help="Also rows in which all runs agree.")
@pass_invocation
def compare(call: Invocation, run: tuple[str, ...], everything: bool) -> None:
    """Compare runs side by side.

    Shows the params, metrics and tags in which the runs differ, and for runs that `eventtrack run`
    recorded the command, the code, the packages and the machine.

    JSON: an object with runs (their ids) and rows, each with kind (param, metric, tag, command,
    code, package, machine), key, values (in the order of the runs, null for no value) and differs;
    always all rows.
    """
    if len(run) < 2:
        raise click.UsageError("Give two or more runs to compare.")
    store = call.look()
    runs = [find_run(store, typed) for typed in run]
    rows = [*compare_runs(runs), *_compare_origins(store, runs)]
    if call.out.json:
        call.out.document(
            {
                "runs": [compared.info.run_id for compared in runs],
                "rows": [{**row._asdict(), "differs": row.differs} for row in rows],
            }
        )
        return
    shown = [row for row in rows if everything or row.differs]
    columns = [
        Column("", style="dim"),
        Column("", width_max=28),
        *(
            Column(text.short_id(compared.info.run_id), right=True, width_max=24)
            for compared in runs
        ),
    ]
    names: list[Cell] = [
        "",
        "",
        *(Styled(text.clean(compared.info.run_name), "cyan") for compared in runs),
    ]
    cells = [_cells(row) for row in shown]
    call.out.table(columns, [names, *cells])
    if any(
        cell.text.startswith("\u25b2") for row in cells for cell in row if isinstance(cell, Styled)
    ):
        call.out.note("\u25b2 largest, \u25bc smallest value of a metric")
    same = len(rows) - len(shown)
    if same:
        call.out.note(f"{text.count(same, 'more row')} are the same in all; --all shows them.")


def compare_runs(runs: list[Run]) -> list[Comparison]:
    """Every param, metric and tag of any run, except the tracker's own tags."""
    rows = []
    for kind, mappings in (
        ("param", [run.data.params for run in runs]),
        ("metric", [run.data.metrics for run in runs]),
        ("tag", [run.data.tags for run in runs]),
    ):
        keys = sorted({key for mapping in mappings for key in mapping})
        rows += [
            Comparison(kind, key, [mapping.get(key) for mapping in mappings])
            for key in keys
            if kind != "tag" or not key.startswith(OWN_PREFIXES)
        ]
    return rows


def _compare_origins(store: "Store", runs: list[Run]) -> list[Comparison]:
    """The command, code, packages and machine of runs that `eventtrack run` recorded."""
    if not any(store.artifacts.list(run.info.run_id, FOLDER) for run in runs):
        return []
    from eventtrack.running.differing import flat_origin

    origins = [flat_origin(store, run.info.run_id) for run in runs]
    return [
        Comparison(group, key, [flat.get(group, {}).get(key) for flat in origins])
        for group in dict.fromkeys(group for flat in origins for group in flat)
        for key in dict.fromkeys(key for flat in origins for key in flat.get(group, {}))
    ]


def _cells(row: Comparison) -> list[Cell]:
    values: list[Cell] = [text.value(value) for value in row.values]
    if row.kind == "metric" and row.differs:
        numbers = [value for value in row.values if isinstance(value, float) and not isnan(value)]
        # Nobody told which end is better: mark both, judge neither.
        for index, value in enumerate(row.values):
            if len(numbers) < 2:
                break
            if value == min(numbers):
                values[index] = Styled(f"▼ {text.value(value)}", "blue")
            elif value == max(numbers):
                values[index] = Styled(f"▲ {text.value(value)}", "yellow")
    return [row.kind, text.clean(row.key), *values]
