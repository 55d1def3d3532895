"""`eventtrack runs plot`: metrics as lines in the terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import click

from eventtrack.cli import plot as drawing
from eventtrack.cli import text
from eventtrack.cli.base import Invocation, command, pass_invocation
from eventtrack.cli.output import Output, colours_allowed
from eventtrack.cli.resolve import RUN, find_run
from eventtrack.cli.tables import Styled
from eventtrack.errors import NotFoundError
from eventtrack.views.records import Run

if TYPE_CHECKING:
    from eventtrack.store import Store

_METRICS_MAX = 6


class Line(NamedTuple):
    """A metric of a run, in the order of timestamps."""

    run: Run
    key: str
    steps: Sequence[int]
    timestamps: Sequence[int]
    values: Sequence[float]


@command(
    "plot",
    "eventtrack runs plot 3f2a",
    "eventtrack runs plot 3f2a 91bc --metric loss --log",
    "eventtrack runs plot 3f2a -m loss -m accuracy --x time",
)
@click.argument("run", nargs=-1, required=True, type=RUN)
@click.option("-m", "--metric", "keys", multiple=True, help="A metric; may be repeated.")
@click.option("--log", is_flag=True, help="Logarithmic y axis.")
@click.option(
    "--x",
    "x_axis",
    type=click.Choice(["step", "time"]),
    default="step",
    show_default=True,
    help="The x axis; time counts from each run's first point.",
)
@click.option("--height", type=click.IntRange(5, 100), default=16, show_default=True, help="Lines.")
@pass_invocation
def plot(
    call: Invocation,
    run: tuple[str, ...],
    keys: tuple[str, ...],
    log: bool,
    x_axis: str,
    height: int,
) -> None:
    """Plot metrics in the terminal.

    A parent run without the metric stands for its children.

    JSON: a list of series with run_id, run_name, key, and points, each a list of step, timestamp
    (ms) and value.
    """
    store = call.look()
    runs = [find_run(store, typed) for typed in run]
    plotted = [(key, lines_of(store, runs, key)) for key in keys or _default_keys(store, runs)]
    if call.out.json:
        call.out.document([_as_json(line) for _, lines in plotted for line in lines])
        return
    for index, (key, lines) in enumerate(plotted):
        if index:
            call.out.line("")
        draw_metric(call.out, key, lines, log=log, x_axis=x_axis, height=height)


def lines_of(store: "Store", runs: list[Run], key: str) -> list[Line]:
    """The metric's lines of the runs; for a run without the metric the lines of its children.

    Raises:
        NotFoundError: No run has the metric; the hint names the existing metrics.
    """
    chosen: list[Run] = []
    for run in runs:
        family = [run] if key in run.data.metrics else store.runs.children(run.info.run_id)
        chosen += [member for member in family if key in member.data.metrics]
    if not chosen:
        there_are = _metric_keys(store, runs)
        known = f"there are: {', '.join(map(text.clean, there_are))}" if there_are else ""
        names = ", ".join(text.short_id(run.info.run_id) for run in runs)
        raise NotFoundError(
            f"No metric {key!r} in {names}",
            hint=known or "the run has no metrics yet; log some with eventtrack.log_metric()",
        )
    unique = {run.info.run_id: run for run in chosen}
    return [_line(store, run, key) for run in unique.values()]


def draw_metric(
    out: Output,
    key: str,
    lines: list[Line],
    *,
    log: bool = False,
    x_axis: str = "step",
    height: int = 16,
) -> None:
    """Draw the lines of a metric with title, axes and legend."""
    letters = len(lines) > 1 and not colours_allowed(out.stream)
    by_time = x_axis == "time"
    series = [
        drawing.Series(_name(line), _elapsed(line) if by_time else line.steps, line.values)
        for line in lines
    ]
    drawn = drawing.draw(
        series,
        width=min(out.width, 160),
        height=height,
        log=log,
        letters=letters,
        x_label=_duration if by_time else text.number,
    )
    out.line(Styled(text.clean(key), "bold"), Styled(f"  by {x_axis}", "dim"))
    for row in drawn.lines:
        out.line(*row)
    if not drawn.lines:
        out.note("Nothing to draw: no point is finite" + (" and positive." if log else "."))
    elif drawn.left_out:
        kind = "not finite or not positive" if log else "not finite"
        out.note(f"{text.count(drawn.left_out, 'point')} {kind}: left out")
    remarks = [_remark(line) for line in lines]
    for parts in drawing.legend([line.name for line in series], remarks, letters=letters):
        out.line("  ", *parts)


def _default_keys(store: "Store", runs: list[Run]) -> list[str]:
    keys = _metric_keys(store, runs)
    if len(keys) > _METRICS_MAX:
        raise click.UsageError(
            f"Choose with --metric; there are: {', '.join(map(text.clean, keys))}."
        )
    if not keys:
        raise NotFoundError(
            "There are no metrics to plot", hint="log some with eventtrack.log_metric()"
        )
    return keys


def _metric_keys(store: "Store", runs: list[Run]) -> list[str]:
    keys = {key for run in runs for key in run.data.metrics}
    if not keys:
        for run in runs:
            keys.update(*(child.data.metrics for child in store.runs.children(run.info.run_id)))
    return sorted(keys)


def _line(store: "Store", run: Run, key: str) -> Line:
    arrays = store.metrics.arrays(run.info.run_id, key)
    return Line(run, key, arrays.steps, arrays.timestamps, arrays.values)


def _name(line: Line) -> str:
    name = text.clean(line.run.info.run_name)
    return text.shorten(f"{text.short_id(line.run.info.run_id)} {name}".rstrip(), 40)


def _elapsed(line: Line) -> list[int]:
    start = min(line.timestamps, default=0)
    return [timestamp - start for timestamp in line.timestamps]


def _duration(milliseconds: float) -> str:
    return text.duration(round(milliseconds))


def _remark(line: Line) -> str:
    last = text.number(line.run.data.metrics[line.key])
    return f"last {last}, {text.count(len(line.values), 'point')}"


def _as_json(line: Line) -> dict[str, object]:
    points = zip(line.steps, line.timestamps, line.values, strict=True)
    return {
        "run_id": line.run.info.run_id,
        "run_name": line.run.info.run_name,
        "key": line.key,
        "points": [list(point) for point in points],
    }
