"""Lines of text about a run, and about marked runs side by side."""

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from eventtrack.cli import text
from eventtrack.cli.tables import Cell, Column, Styled, cell_text
from eventtrack.cli.top.columns import metric_keys, status_of
from eventtrack.cli.top.drawing import WIDTH_MAX, strip, table_lines
from eventtrack.cli.top.sources import Json
from eventtrack.tags import NOTE_TAG, OWN_PREFIXES

# Of ten thousand params nobody reads more; `eventtrack runs show RUN` prints them all.
_ENTRIES_MAX = 1000
_NOTE_LINES_MAX = 200
_LABEL_WIDTH = 28


class Lines(ScrollView, can_focus=True):
    """Lines of text, scrolled in both directions."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "scroll_up", show=False),
        Binding("j", "scroll_down", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
    ]

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._lines: list[list[Cell]] = []

    def put(self, lines: list[list[Cell]]) -> None:
        """Show other lines; what is seen stays where it is."""
        self._lines = lines
        widths = (sum(text.cell_width(cell_text(cell)) for cell in line) for line in lines)
        self.virtual_size = Size(min(max(widths, default=1), WIDTH_MAX), max(1, len(lines)))
        self.refresh()

    def restart(self) -> None:
        """Show nothing, from the top."""
        self.scroll_to(x=0, y=0, animate=False, force=True)
        self.put([])

    def render_line(self, y: int) -> Strip:
        """A line of the screen."""
        index = self.scroll_offset.y + y
        if index >= len(self._lines):
            return strip([], self.size.width)
        return strip(self._lines[index], self.size.width, first=self.scroll_offset.x)


def details(run: Json) -> list[list[Cell]]:
    """Lines about a run: its state, note, params, latest metrics and tags."""
    info = run["info"]
    ended = info["end_time"] or text.now_ms()
    lines: list[list[Cell]] = [
        _entry("run", info["run_name"]),
        _entry("id", info["run_id"]),
        _entry("experiment", run["experiment"]["name"]),
        [_label("status"), status_of(info)],
        _entry("started", text.moment(info["start_time"])),
        _entry("duration", text.took(info["start_time"], ended)),
        _entry("by", info["user_id"] or "-"),
    ]
    note = run["tags"].get(NOTE_TAG, "")
    if note.strip():
        lines += [[], [Styled("note", "bold")]]
        lines += [[f"  {line}"] for line in note.splitlines()[:_NOTE_LINES_MAX]]
    lines += _section("params", sorted(run["params"].items()))
    metrics = {metric["key"]: metric for metric in run["metrics"]}
    lines += _section(
        "metrics",
        [
            (key, f"{_number(metrics[key]['value'])}  (step {metrics[key]['step']:,})")
            for key in metric_keys(run, system=False)
        ],
    )
    own = [(k, v) for k, v in sorted(run["tags"].items()) if not k.startswith(OWN_PREFIXES)]
    lines += _section("tags", own)
    if children := run["children"]:
        lines += [[], [_label("child runs"), f"{len(children):,}"]]
    return lines


def comparison(runs: Sequence[Json], width: int) -> list[list[Cell]]:
    """Params, metrics and tags of runs side by side: those that differ, then how many do not."""
    if len(runs) < 2:
        return [[], [Styled("Mark two or more runs with the space bar to compare them.", "dim")]]
    rows: list[list[Cell]] = []
    same = 0
    for kind, mappings in _kinds(runs):
        for key in sorted({key for mapping in mappings for key in mapping}):
            values = [mapping.get(key) for mapping in mappings]
            if len(set(map(repr, values))) == 1:
                same += 1
            elif len(rows) < _ENTRIES_MAX:
                rows.append([Styled(kind, "dim"), key, *_side_by_side(kind, values)])
    columns = [
        Column("", width_max=6),
        Column("", width_max=28),
        *(Column(str(run["info"]["run_name"]), right=True, width_max=24) for run in runs),
    ]
    lines = table_lines(columns, rows, width)
    remarks = ["▲ largest, ▼ smallest value of a metric"] if rows else ["Nothing differs."]
    remarks += [f"{text.count(same, 'value')} equal in all runs"] if same else []
    lines.append([])
    lines += [[Styled(remark, "dim")] for remark in remarks]
    return lines


def _kinds(runs: Sequence[Json]) -> list[tuple[str, list[dict[str, Any]]]]:
    metrics = [
        {key: metrics[key] for key in metrics if not key.startswith("system/")}
        for metrics in ({each["key"]: each["value"] for each in run["metrics"]} for run in runs)
    ]
    tags = [
        {key: value for key, value in run["tags"].items() if not key.startswith(OWN_PREFIXES)}
        for run in runs
    ]
    return [("param", [run["params"] for run in runs]), ("metric", metrics), ("tag", tags)]


def _side_by_side(kind: str, values: Sequence[Any]) -> list[Cell]:
    if kind != "metric":
        return ["-" if value is None else str(value) for value in values]
    numbers = [value for value in values if isinstance(value, float | int)]
    cells: list[Cell] = []
    for value in values:
        words = "-" if value is None else _number(value)
        if len(numbers) > 1 and value == max(numbers):
            cells.append(Styled(f"▲ {words}", "yellow"))
        elif len(numbers) > 1 and value == min(numbers):
            cells.append(Styled(f"▼ {words}", "blue"))
        else:
            cells.append(words)
    return cells


def _section(title: str, entries: Sequence[tuple[str, str]]) -> list[list[Cell]]:
    if not entries:
        return []
    lines: list[list[Cell]] = [[], [Styled(title, "bold")]]
    lines += [[_label(f"  {key}"), str(value)] for key, value in entries[:_ENTRIES_MAX]]
    if len(entries) > _ENTRIES_MAX:
        left = len(entries) - _ENTRIES_MAX
        lines.append([Styled(f"  and {left:,} more: eventtrack runs show", "dim")])
    return lines


def _entry(label: str, value: str) -> list[Cell]:
    return [_label(label), str(value)]


def _label(words: str) -> Styled:
    safe = text.shorten(text.clean(words), _LABEL_WIDTH - 2)
    return Styled(text.pad(safe, _LABEL_WIDTH), "dim" if not words.startswith(" ") else "cyan")


def _number(value: float | str) -> str:
    return value if isinstance(value, str) else text.number(value)
