"""The table of runs: of however many runs, it holds the rows around those that are seen."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from eventtrack.cli import plot, text
from eventtrack.cli.tables import Styled
from eventtrack.cli.top import columns
from eventtrack.cli.top.columns import Shown
from eventtrack.cli.top.drawing import fitted, strip, style

Row = dict[str, Any]

# Rows that are read beyond both ends of what is seen.
_BEYOND = 40
_GAP = 2
_MARK_WIDTH = 2
_BEFORE_FIRST_ROW = 1


class RunTable(ScrollView, can_focus=True):
    """Rows of runs with a cursor and marks."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "go(0)", show=False),
        Binding("end,G", "go(-1)", show=False),
        Binding("left", "columns(-1)", show=False),
        Binding("right", "columns(1)", show=False),
    ]

    class Moved(Message):
        """The cursor stands on another run."""

    class Wanted(Message):
        """Rows are seen that have not been read."""

    class Marked(Message):
        """The run under the cursor is to be marked, or no longer."""

    class SortWanted(Message):
        """A title was clicked."""

        def __init__(self, column: Shown) -> None:
            super().__init__()
            self.column = column

    def __init__(self, *, now_ms: Callable[[], int] = text.now_ms, **options: Any) -> None:
        super().__init__(**options)
        self.total = 0
        self.nothing = ""
        self.at = 0
        self.shown: list[Shown] = []
        self.marks: dict[str, str] = {}
        self.order = ""
        self._rows: dict[int, Row] = {}
        self._now_ms = now_ms
        self._widths: dict[str, int] = {}
        self._first = 0
        self._told = ""  # the run that was told last to stand under the cursor

    @property
    def selected(self) -> Row | None:
        """The run under the cursor, if it has been read."""
        return self._rows.get(self.at)

    @property
    def has_running(self) -> bool:
        """Whether a run that is seen still runs."""
        return any(row["status"] == "RUNNING" for row in self._seen())

    def window(self) -> tuple[int, int]:
        """The offset and the number of rows to read for what is seen."""
        first = max(0, self.scroll_offset.y - _BEYOND)
        return first, self._height() + 2 * _BEYOND

    def put(self, rows: Sequence[Row], offset: int, total: int) -> None:
        """Take rows that were read; the cursor stays on its run if that is among them."""
        before = self.selected
        self._rows = {offset + index: row for index, row in enumerate(rows)}
        self.total = total
        self.virtual_size = Size(self.size.width, total + _BEFORE_FIRST_ROW)
        self._widen()
        at = min(self.at, max(0, total - 1))
        if before is not None:
            moved = (i for i, row in self._rows.items() if row["run_id"] == before["run_id"])
            at = next(moved, at)
        self._place(at)

    def reset(self, shown: Sequence[Shown]) -> None:
        """Begin anew at the first row, with other columns."""
        self.shown = list(shown)
        self._rows, self._widths, self._first, self._told = {}, {}, 0, ""
        self.at = 0
        self.scroll_to(y=0, animate=False, force=True)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """A line of the screen: the titles, or a row."""
        width = self.size.width
        if y == 0:
            return self._line(self._titles(), "bold", width)
        index = self.scroll_offset.y + y - _BEFORE_FIRST_ROW
        if index >= self.total:
            words = self.nothing if not self.total and y == _BEFORE_FIRST_ROW else ""
            return strip([Styled(words, "dim")], width)
        under = "reverse" if index == self.at else ""
        row = self._rows.get(index)
        if row is None:
            return self._line([Styled(" …", "dim")], under, width)
        return self._line(self._cells(row), under, width)

    def action_move(self, rows: int) -> None:
        """Move the cursor by rows."""
        self._place(self.at + rows)

    def action_page(self, pages: int) -> None:
        """Move the cursor by pages."""
        self._place(self.at + pages * max(1, self._height() - 1))

    def action_go(self, index: int) -> None:
        """Move the cursor to a row; -1 is the last."""
        self._place(self.total - 1 if index < 0 else index)

    def action_columns(self, by: int) -> None:
        """Show further columns, or those before."""
        loose = len([column for column in self.shown if column.name not in columns.FIXED])
        self._first = min(max(0, self._first + by), max(0, loose - 1))
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Go to the row that was clicked, sort by a title, or mark at the left edge."""
        if event.y == 0:
            column = self._column_at(event.x)
            if column is not None and column.clause:
                self.post_message(self.SortWanted(column))
            return
        index = self.scroll_offset.y + event.y - _BEFORE_FIRST_ROW
        if index < self.total:
            self._place(index)
            if event.x < _MARK_WIDTH or event.chain == 2:
                self.post_message(self.Marked())

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Ask for rows that came into sight."""
        super().watch_scroll_y(old_value, new_value)
        self._want()

    def on_resize(self) -> None:
        """Ask for rows that a larger table shows."""
        self._want()

    def _place(self, index: int) -> None:
        self.at = min(max(0, index), max(0, self.total - 1))
        top, height = self.scroll_offset.y, self._height()
        if self.at < top:
            self.scroll_to(y=self.at, animate=False, force=True)
        elif self.at >= top + height:
            self.scroll_to(y=self.at - height + 1, animate=False, force=True)
        self._want()
        self.refresh()
        row = self.selected
        now = row["run_id"] if row else ""
        if now != self._told and (row or not self.total):
            self._told = now
            self.post_message(self.Moved())

    def _want(self) -> None:
        if any(index not in self._rows for index in self._indices()):
            self.post_message(self.Wanted())

    def _indices(self) -> range:
        top = self.scroll_offset.y
        return range(top, min(top + self._height(), self.total))

    def _seen(self) -> list[Row]:
        return [self._rows[index] for index in self._indices() if index in self._rows]

    def _height(self) -> int:
        return max(1, self.size.height - _BEFORE_FIRST_ROW)

    def _widen(self) -> None:
        """Make columns as wide as their widest value so far, so that scrolling moves none."""
        now = self._now_ms()
        for column in self.shown:
            cells = (columns.cell_of(column, row, now) for row in self._rows.values())
            widest = max((len(text.clean(_words(cell))) for cell in cells), default=0)
            # A sign of the order stands before a title.
            wanted = min(max(widest, len(column.title) + 1), column.width_max)
            if self.size.width < 100 and column.name == "name":
                wanted = min(wanted, 20)
            self._widths[column.name] = max(self._widths.get(column.name, 0), wanted)

    def _visible(self) -> list[Shown]:
        """The columns that fit whole, for a number without its end is another; one at least."""
        fixed = [column for column in self.shown if column.name in columns.FIXED]
        loose = [column for column in self.shown if column.name not in columns.FIXED]
        seen, right = fixed, _MARK_WIDTH + sum(map(self._room, fixed))
        for column in loose[self._first :]:
            right += self._room(column)
            if right - _GAP > self.size.width and len(seen) > len(fixed):
                break
            seen = [*seen, column]
        return seen

    def _room(self, column: Shown) -> int:
        return self._widths.get(column.name, len(column.title)) + _GAP

    def _titles(self) -> list[Styled | str]:
        field, _, direction = self.order.rpartition(" ")
        arrow = "▼" if direction == "DESC" else "▲"
        cells: list[Styled | str] = [" " * _MARK_WIDTH]
        for column in self._visible():
            width = self._widths.get(column.name, len(column.title))
            title = column.title
            if field and column.clause == field:
                title = arrow + title
            cells += [fitted(title, width, right=column.right), " " * _GAP]
        return cells

    def _cells(self, row: Row) -> list[Styled | str]:
        now, marks = self._now_ms(), list(self.marks)
        # A mark has the colour of its run's curves.
        mark = marks.index(row["run_id"]) if row["run_id"] in self.marks else None
        cells: list[Styled | str] = ["  " if mark is None else Styled("● ", plot.colour(mark))]
        for column in self._visible():
            cell = columns.cell_of(column, row, now)
            name = cell.style if isinstance(cell, Styled) else _STYLES.get(column.name, "")
            width = self._widths.get(column.name, len(column.title))
            words = fitted(_words(cell), width, right=column.right)
            cells += [Styled(words, name), " " * _GAP]
        return cells

    def _line(self, cells: Sequence[Styled | str], under: str, width: int) -> Strip:
        below = style(under)
        # Colours would show as patches in the reversed row of the cursor.
        plain = under == "reverse"
        parts = [
            Segment(cell.text, below if plain else below + style(cell.style))
            if isinstance(cell, Styled)
            else Segment(cell, below)
            for cell in cells
        ]
        return Strip(parts).adjust_cell_length(width, below)

    def _column_at(self, x: int) -> Shown | None:
        left = _MARK_WIDTH
        for column in self._visible():
            left += self._room(column)
            if x < left:
                return column
        return None


_STYLES = {"name": "cyan", "started": "dim", "experiment": "dim"}


def _words(cell: Styled | str) -> str:
    return cell.text if isinstance(cell, Styled) else cell
