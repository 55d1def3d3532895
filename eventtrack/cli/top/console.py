"""The console of a run: the lines around those that are seen, and the end while it grows."""

import re
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from eventtrack.cli.tables import Styled
from eventtrack.cli.top.drawing import WIDTH_MAX, strip
from eventtrack.cli.top.sources import Json, Source

_BEYOND = 100
# Colours and movements that a program wrote for a terminal of its own (ECMA-48 control sequences).
_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")


class Console(ScrollView, can_focus=True):
    """Lines that a run's program printed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "scroll_up", show=False),
        Binding("j", "scroll_down", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
    ]

    class Wanted(Message):
        """Lines are seen that have not been read."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._lines: dict[int, Styled] = {}
        self._count = -1  # not read yet
        self._follows = True

    def read(self, source: Source, run_id: str) -> Json:
        """Read the lines that are seen, or the last; for a thread."""
        height = max(1, self.size.height)
        if self._follows:
            return source.lines(run_id, -(height + _BEYOND), height + _BEYOND)
        first = max(0, self.scroll_offset.y - _BEYOND)
        return source.lines(run_id, first, height + 2 * _BEYOND)

    def put(self, part: Json) -> None:
        """Take lines that were read."""
        self._count = part["count"]
        self._lines = {
            part["start"] + index: _line(item) for index, item in enumerate(part["items"])
        }
        widest = max((len(line.text) for line in self._lines.values()), default=1)
        follows = self._follows
        self.virtual_size = Size(max(self.virtual_size.width, widest), max(1, self._count))
        if follows:
            self.scroll_to(y=max(0, self._count - self.size.height), animate=False, force=True)
        self.refresh()

    def restart(self) -> None:
        """Show the end of another run's console."""
        self._lines, self._count, self._follows = {}, -1, True
        self.virtual_size = Size(1, 1)
        self.scroll_to(x=0, y=0, animate=False, force=True)
        self._follows = True
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """A line of the screen."""
        width = self.size.width
        if self._count <= 0:
            words = "" if y != 1 or self._count < 0 else _NONE
            return strip([Styled(words, "dim")], width)
        index = self.scroll_offset.y + y
        if index >= self._count:
            return strip([], width)
        return strip(
            [self._lines.get(index, Styled("…", "dim"))], width, first=self.scroll_offset.x
        )

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Follow the end if it is seen; ask for lines that came into sight."""
        super().watch_scroll_y(old_value, new_value)
        top, height = round(new_value), self.size.height
        self._follows = top + height >= self._count
        seen = range(top, min(top + height, self._count))
        if any(index not in self._lines for index in seen):
            self.post_message(self.Wanted())


_NONE = "Nothing was recorded; `eventtrack run -- COMMAND` records what a program prints."


def _line(item: Json) -> Styled:
    words = _ESCAPES.sub("", str(item["text"])[:WIDTH_MAX]).expandtabs()
    # A progress bar wrote its line again and again; the last state is what was seen.
    words = words.rstrip("\r\n").rpartition("\r")[2]
    return Styled(words, "yellow" if item.get("source") == "stderr" else "")
