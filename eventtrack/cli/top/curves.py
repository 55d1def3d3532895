"""Curves of one run's metrics, with those of marked runs over them: a grid of small plots."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from eventtrack.cli import plot, text
from eventtrack.cli.tables import Cell, Styled
from eventtrack.cli.top.columns import metric_keys
from eventtrack.cli.top.drawing import fitted, strip
from eventtrack.cli.top.sources import Curve, Json, Source

# A plot needs this much to be read.
_PLOT_WIDTH, _PLOT_HEIGHT = 44, 8
_GAP = 2


class Grid(NamedTuple):
    """The plots that fit a width and a height: how many side by side, and the size of each."""

    across: int
    width: int
    height: int


class Drawn(NamedTuple):
    """A run and its curves, as a thread read them."""

    run: Json
    keys: list[str]
    curves: list[Curve]


class Curves(ScrollView, can_focus=True):
    """Plots of the metrics of a run.

    Args:
        system: Show the load of the machine and its GPUs instead of what the program logged.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_rows(-1)", show=False),
        Binding("down,j", "scroll_rows(1)", show=False),
    ]

    class Wanted(Message):
        """Plots are seen that have not been read."""

    def __init__(self, *, system: bool, **options: Any) -> None:
        super().__init__(**options)
        self.by = "relative" if system else "step"
        self.logarithmic = False
        self.needle = ""
        self._system = system
        self._keys: list[str] = []
        self._curves: dict[str, list[Curve]] = {}
        self._names: dict[str, str] = {}
        self._selected = ""
        self._plots: dict[str, list[list[Cell]]] = {}
        self._grid = Grid(1, _PLOT_WIDTH, _PLOT_HEIGHT)

    def read(self, source: Source, run_id: str, marks: Sequence[str]) -> Drawn:
        """Read a run and the curves of the plots that are seen; for a thread."""
        run = source.run(run_id)
        keys = metric_keys(run, system=self._system, needle=self.needle)
        grid = self._grid_of(len(keys))
        first = self.scroll_offset.y // grid.height * grid.across
        count = (self.size.height // grid.height + 2) * grid.across
        asked = {
            "run_ids": list(dict.fromkeys([run_id, *marks])),
            "keys": keys[first : first + count],
            "x": self.by,
            "buckets": 2 * grid.width,
        }
        return Drawn(run, keys, source.series(asked) if asked["keys"] else [])

    def put(self, drawn: Drawn, names: dict[str, str]) -> None:
        """Take what was read; `names` are those of the runs, in the order of their colours."""
        self._keys, self._names = drawn.keys, names
        self._selected = drawn.run["info"]["run_id"]
        self._curves = {}
        for curve in drawn.curves:
            self._curves.setdefault(curve.key, []).append(curve)
        self._lay_out()

    def restart(self) -> None:
        """Show the first plots of another run."""
        self._keys, self._curves = [], {}
        self.scroll_to(y=0, animate=False, force=True)
        self._lay_out()

    def action_scroll_rows(self, by: int) -> None:
        """Scroll by rows of plots."""
        self.scroll_to(y=self.scroll_offset.y + by * self._grid.height, animate=False, force=True)

    def render_line(self, y: int) -> Strip:
        """A line of the screen, which goes through the plots of a row."""
        width = self.size.width
        if not self._keys:
            return strip([Styled(self._nothing(y), "dim")], width)
        grid = self._grid
        row, line = divmod(self.scroll_offset.y + y - self._legend_height, grid.height)
        if self.scroll_offset.y + y < self._legend_height:
            return strip(self._legend(), width)
        cells: list[Cell] = []
        for index in range(row * grid.across, (row + 1) * grid.across):
            plotted = self._plot(self._keys[index]) if index < len(self._keys) else []
            here = plotted[line] if line < len(plotted) else []
            words = "".join(cell.text if isinstance(cell, Styled) else cell for cell in here)
            cells += [*here, " " * (grid.width - text.cell_width(words) + _GAP)]
        return strip(cells, width)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for plots that came into sight."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self.post_message(self.Wanted())

    def on_resize(self) -> None:
        """Draw for another size."""
        self._lay_out()
        self.post_message(self.Wanted())

    @property
    def _legend_height(self) -> int:
        return 1 if len(self._names) > 1 else 0

    @property
    def _letters(self) -> bool:
        return self.app.no_color and len(self._names) > 1

    def _grid_of(self, count: int) -> Grid:
        # A column is the scroll bar's, so that plots keep their size when it appears.
        width, height = self.size.width - 1, self.size.height - self._legend_height
        across = max(1, min(count, (width + _GAP) // (_PLOT_WIDTH + _GAP)))
        rows = -(-count // across)
        seen = max(1, min(rows, height // _PLOT_HEIGHT))
        return Grid(across, (width + _GAP) // across - _GAP, max(5, height // seen))

    def _lay_out(self) -> None:
        self._plots = {}
        self._grid = self._grid_of(len(self._keys))
        rows = -(-len(self._keys) // self._grid.across)
        height = rows * self._grid.height + self._legend_height if rows else 1
        self.virtual_size = Size(self.size.width, height)
        self.refresh()

    def _plot(self, key: str) -> list[list[Cell]]:
        if key not in self._plots:
            self._plots[key] = self._drawn(key)
        return self._plots[key]

    def _drawn(self, key: str) -> list[list[Cell]]:
        curves = self._curves.get(key)
        if curves is None:
            return [[Styled(fitted(key, self._grid.width), "bold")], [Styled("…", "dim")]]
        order = list(self._names)
        # A place in the order of runs is a colour; a run without the metric leaves its colour free.
        series = {curve.run_id: plot.Series("", curve.xs, curve.ys) for curve in curves}
        lines = [series.get(run_id, plot.Series("", [], [])) for run_id in order]
        drawn = plot.draw(
            lines,
            width=self._grid.width,
            height=self._grid.height - 1,
            log=self.logarithmic,
            letters=self._letters,
            x_label=_seconds if self.by == "relative" else text.number,
        )
        body = drawn.lines or [[Styled("no point that can be drawn", "dim")]]
        return [self._title(key, curves), *body]

    def _title(self, key: str, curves: Sequence[Curve]) -> list[Cell]:
        own = next((curve for curve in curves if curve.run_id == self._selected), None)
        last = own.ys[-1] if own is not None and len(own.ys) else None
        points = own.points if own is not None else 0
        name = key.removeprefix("system/").replace("_", " ") if self._system else key
        remark = f"  {text.number(last)}  {text.count(points, 'point')}"
        room = max(8, self._grid.width - len(remark))
        words = fitted(name, min(room, len(text.clean(name))))
        return [Styled(words, "bold"), Styled(remark[: self._grid.width - 8], "dim")]

    def _legend(self) -> list[Cell]:
        cells: list[Cell] = []
        for index, name in enumerate(self._names.values()):
            sign = plot.marker(index) if self._letters else "━━"
            shown = text.shorten(text.clean(name), 24)
            cells += [Styled(sign, plot.colour(index)), f" {shown}   "]
        return cells

    def _nothing(self, y: int) -> str:
        if y != 1:
            return ""
        if self.needle:
            return f"No metric has {self.needle} in its name; m chooses others."
        if self._system:
            return "No load was recorded; `eventtrack run` and log_system_metrics=True record it."
        return "No metrics yet."


def _seconds(value: float) -> str:
    return text.duration(round(value * 1000))
