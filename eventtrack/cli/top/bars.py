"""Single lines of the interface: the head, messages, and the names of the panels."""

from collections.abc import Sequence

from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from eventtrack.cli import text
from eventtrack.cli.tables import Cell, Styled, cell_text
from eventtrack.cli.top.drawing import strip

PANELS = {
    "curves": "Curves",
    "load": "Load",
    "console": "Console",
    "details": "Details",
    "compare": "Compare",
}


class Bar(Widget):
    """One line of cells: some at the left, some at the right."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - textual's word
        super().__init__(id=id)
        self._left: list[Cell] = []
        self._right: list[Cell] = []

    def say(self, left: Sequence[Cell], right: Sequence[Cell] = ()) -> None:
        """Show other cells."""
        self._left, self._right = list(left), list(right)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The line; what stands at the right wins where both do not fit."""
        if y:
            return strip([], self.size.width)
        room = self.size.width - _width(self._right)
        line = strip(self._left, max(0, room))
        return Strip.join([line, strip(self._right, self.size.width - max(0, room))])


class Tabs(Bar):
    """The names of the panels, with the chosen panel marked, and the selected run."""

    class Chosen(Message):
        """A name was clicked."""

        def __init__(self, panel: str) -> None:
            super().__init__()
            self.panel = panel

    def show(self, panel: str, run: str) -> None:
        """Mark a panel, and name the run that it shows."""
        cells = [Styled(words, "reverse" if name == panel else "dim") for name, words in _labels()]
        room = self.size.width - _width(cells)
        self.say(cells, [Styled(text.shorten(text.clean(run), max(0, room - 2)) + " ", "cyan")])

    def on_click(self, event: events.Click) -> None:
        """Choose the panel that was clicked."""
        left = 0
        for name, words in _labels():
            left += len(words)
            if event.x < left:
                self.post_message(self.Chosen(name))
                return


def _labels() -> list[tuple[str, str]]:
    return [(name, f" {place} {words} ") for place, (name, words) in enumerate(PANELS.items(), 1)]


def _width(cells: Sequence[Cell]) -> int:
    return sum(text.cell_width(cell_text(cell)) for cell in cells)
