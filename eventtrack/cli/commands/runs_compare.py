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
    """One param, metric or tag over all compared runs; None where a run has none."""

    kind: str
    key: str
    values: list[str | float | None]

    @property
    def differs(self) -> bool:
        """True when not all runs say the same."""
        return len({repr(value) for value in self.values}) > 1


@command(
    "compare",
    "eventtrack runs compare 3f2a 91bc",
    "eventtrack runs compare 3f2a 91bc 77d0 --all",
)
@click.argument("run", nargs=-1, required=True, type=RUN)
@click.option("--all", "everything", is_flag=True, help="Also what all runs have in common.")
@pass_invocation
def compare(call: Invocation, run: tuple[str, ...], everything: bool) -> None:
    """Compare runs side by side.

    Shows the params, metrics and tags in which they differ.

    JSON: an object with runs (their ids) and rows, each with kind, key, values (in the order of
    the runs, null where there is none) and differs; always all rows.
    """
    if len(run) < 2:
        raise click.UsageError("Give two or more runs to compare.")
    store = call.open()
    found = [find_run(store, one) for one in run]
    rows = compare_runs(found)
    if call.out.json:
        call.out.document(
            {
                "runs": [one.info.run_id for one in found],
                "rows": [{**row._asdict(), "differs": row.differs} for row in rows],
            }
        )
        return
    shown = [row for row in rows if everything or row.differs]
    columns = [
        Column("", style="dim"),
        Column("", width_max=28),
        *(Column(text.short_id(one.info.run_id), right=True, width_max=24) for one in found),
    ]
    names: list[Cell] = ["", "", *(Styled(text.clean(one.info.run_name), "cyan") for one in found)]
    call.out.table(columns, [names, *(_cells(row) for row in shown)])
    same = len(rows) - len(shown)
    if same:
        call.out.note(f"{text.count(same, 'more row')} are the same in all; --all shows them.")


def compare_runs(runs: list[Run]) -> list[Comparison]:
    """Every param, metric and tag that any of the runs has, tags of the tracker itself excepted."""
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
        # Whether less or more is better is not ours to say: both ends are marked, neither judged.
        for index, value in enumerate(row.values):
            if len(numbers) < 2:
                break
            if value == min(numbers):
                values[index] = Styled(f"▼ {text.value(value)}", "blue")
            elif value == max(numbers):
                values[index] = Styled(f"▲ {text.value(value)}", "yellow")
    return [row.kind, text.clean(row.key), *values]
