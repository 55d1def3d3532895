"""`eventtrack runs compare`: params and metrics of several runs, side by side."""

from math import isnan
from typing import NamedTuple

import click

from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.resolve import RUN, find_run
from eventtrack.cli.tables import Cell, Column, Styled
from eventtrack.views.records import Run


class Comparison(NamedTuple):
    """A param, metric or tag of all compared runs; None for a run without a value."""

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

    Shows the params, metrics and tags in which the runs differ.

    JSON: an object with runs (their ids) and rows, each with kind, key, values (in the order of
    the runs, null for no value) and differs; always all rows.
    """
    if len(run) < 2:
        raise click.UsageError("Give two or more runs to compare.")
    store = call.open()
    runs = [find_run(store, typed) for typed in run]
    rows = compare_runs(runs)
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
    call.out.table(columns, [names, *(_cells(row) for row in shown)])
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
            if kind != "tag" or not key.startswith("mlflow.")
        ]
    return rows


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
