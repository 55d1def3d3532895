"""The output of commands: an object that prints JSON, plain text and to terminals.

It serves three audiences: programs with `--json` (documents or lines), pipes with aligned plain
columns (without rich, so they start fast), and people at a terminal with rich tables.
"""

import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

from eventtrack.cli import tables, text
from eventtrack.cli.tables import Cell, Column, Styled

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

Progress = Callable[[int, int], None]

DIM = "dim"
STATUS_STYLES = {
    "FINISHED": "green",
    "RUNNING": "yellow",
    "SCHEDULED": "blue",
    "FAILED": "red",
    "KILLED": "magenta",
}


def is_terminal(stream: IO[str]) -> bool:
    """Whether a stream is a terminal; a closed stream is none."""
    try:
        return stream.isatty()
    except ValueError:
        return False


def colours_allowed(stream: IO[str]) -> bool:
    """Whether to print colours: on terminals, unless NO_COLOR is set (https://no-color.org)."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def status_cell(status: str) -> Styled:
    """A run's status in its colour."""
    return Styled(status, STATUS_STYLES.get(status, ""))


class Output:
    """Prints for the reader: a program (`json`), a pipe, or a person at a terminal."""

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self.stream = sys.stdout
        self.is_terminal = is_terminal(self.stream)
        self._console: Console | None = None

    @property
    def console(self) -> "Console":
        """Rich's console on standard output, made on first use."""
        if self._console is None:
            from rich.console import Console

            self._console = Console(file=self.stream, highlight=False, markup=False, emoji=False)
        return self._console

    @property
    def width(self) -> int:
        """The cells in a line of the terminal; 80 without a terminal."""
        if self.is_terminal:
            return self.console.width
        return 80

    def document(self, value: Any) -> None:
        """Print a JSON value: the whole answer of a command that does not stream."""
        from eventtrack.cli.encoding import to_json

        self.verbatim(to_json(value, indent=2 if self.is_terminal else None))

    def documents(self, values: Iterable[Any]) -> None:
        """Print the text of `document(list(values))`, with one value at a time in memory."""
        from eventtrack.cli.encoding import to_json

        indent, between = (2, ",\n") if self.is_terminal else (None, ", ")
        empty = True
        for value in values:
            self.stream.write(between if not empty else "[\n" if indent else "[")
            words = to_json(value, indent=indent)
            self.stream.write(textwrap.indent(text.harmless(words), "  ") if indent else words)
            empty = False
        self._write("[]" if empty else "\n]" if indent else "]")

    def json_line(self, value: Any) -> None:
        """Print a JSON value on a line of its own and flush it."""
        from eventtrack.cli.encoding import to_json

        self.verbatim(to_json(value))
        self.stream.flush()

    def verbatim(self, words: str) -> None:
        """Print text unchanged to a pipe; to a terminal with control characters escaped."""
        self._write(text.harmless(words) if self.is_terminal else words)

    def line(self, *parts: Cell) -> None:
        """Print a line of styled parts, cut to the width of a terminal, but never in a pipe."""
        if not self.is_terminal:
            self._write("".join(tables.cell_text(part) for part in parts).rstrip())
            return
        self.console.print(_assemble(parts), no_wrap=True, overflow="ellipsis", crop=True)

    def wrapped(self, *parts: Cell) -> None:
        """Print a sentence, which may take several lines."""
        if not self.is_terminal:
            self._write("".join(tables.cell_text(part) for part in parts))
            return
        self.console.print(_assemble(parts))

    def note(self, sentence: str) -> None:
        """Print a remark about the answer; to standard error if the answer is piped."""
        if self.is_terminal:
            self.console.print(_assemble([Styled(sentence, DIM)]))
        elif not self.json:
            print(text.harmless(sentence), file=sys.stderr)

    def title(self, sentence: str) -> None:
        """Print a heading with an empty line before it."""
        self.line("")
        self.line(Styled(sentence, "bold"))

    def fields(self, pairs: Sequence[tuple[str, Cell]]) -> None:
        """Print names and values, the values in one column."""
        width = max((text.cell_width(name) for name, _ in pairs), default=0)
        for name, cell in pairs:
            self.line(Styled(text.pad(name, width + tables.GAP), DIM), cell)

    def table(
        self, columns: Sequence[Column], rows: Iterable[Sequence[Cell]], *, indent: int = 0
    ) -> int:
        """Print a table; returns the number of columns left out on a narrow terminal.

        The first `LAYOUT_ROWS` rows decide about columns and widths; the others are printed as they
        come, so that few rows are in memory.
        """
        if not self.is_terminal:
            for line in tables.plain_lines(columns, rows):
                self._write(" " * indent + line)
            return 0
        rows = iter(rows)
        part = list(islice(rows, tables.LAYOUT_ROWS))
        layout = tables.fit(columns, part, self.width - indent)
        self._draw(columns, part, layout, indent)
        while part := list(islice(rows, tables.LAYOUT_ROWS)):
            self._draw(columns, part, layout, indent, titles=False)
        return layout.dropped

    def _draw(
        self,
        columns: Sequence[Column],
        rows: Sequence[Sequence[Cell]],
        layout: tables.Layout,
        indent: int,
        *,
        titles: bool = True,
    ) -> None:
        from rich.padding import Padding
        from rich.table import Table

        padding = (0, tables.GAP, 0, 0)
        table = Table(
            box=None, pad_edge=False, padding=padding, header_style="bold", show_header=titles
        )
        for index, width in zip(layout.kept, layout.widths, strict=True):
            column = columns[index]
            table.add_column(
                text.shorten_middle(column.title, width),
                justify="right" if column.right else "left",
                style=column.style,
                width=width,
                no_wrap=True,
            )
        for row in rows:
            cells = [
                _cut(row[index], width)
                for index, width in zip(layout.kept, layout.widths, strict=True)
            ]
            table.add_row(*cells)
        self.console.print(Padding(table, (0, 0, 0, indent), expand=False), crop=True, no_wrap=True)

    @contextmanager
    def progress(self, label: str) -> Iterator[Progress]:
        """A progress bar on standard error; yields a callable of (done, total) that moves the bar.

        A total of 0 is one that nobody knows.

        Shows nothing if standard error is no terminal.
        """
        if not is_terminal(sys.stderr):
            yield lambda done, total: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        console = Console(stderr=True)
        with Bar(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
            task = bar.add_task(label, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total or None)

    def _write(self, line: str) -> None:
        self.stream.write(line + "\n")


def _assemble(parts: Sequence[Cell]) -> "Text":
    from rich.text import Text

    assembled = Text()
    for part in parts:
        style = part.style if isinstance(part, Styled) else ""
        assembled.append(tables.cell_text(part), style=style)
    return assembled


def _cut(cell: Cell, width: int) -> "Text":
    from rich.text import Text

    style = cell.style if isinstance(cell, Styled) else ""
    return Text(text.shorten(tables.cell_text(cell), width), style=style)
