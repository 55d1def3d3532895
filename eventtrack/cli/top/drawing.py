"""Cells of the command line's tables as segments of a terminal's line.

Names come from other machines: everything that is drawn goes through `text.clean`.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from eventtrack.cli import tables, text
from eventtrack.cli.tables import Cell, Column, Styled

# No terminal is wider; a text in one cell may have a mebibyte.
WIDTH_MAX = 2000


@lru_cache(maxsize=64)
def style(name: str) -> Style:
    """The style of a name such as `dim` or `bold cyan`."""
    return Style.parse(name) if name else Style()


def segments(cells: Iterable[Cell], under: Style | None = None) -> list[Segment]:
    """The cells as segments, in order; `under` lies below the style of each."""
    below = under or Style()
    return [
        Segment(text.clean(cell.text), below + style(cell.style))
        if isinstance(cell, Styled)
        else Segment(text.clean(cell), below)
        for cell in cells
    ]


def strip(
    cells: Iterable[Cell], width: int, *, first: int = 0, under: Style | None = None
) -> Strip:
    """`width` columns of a line, from column `first` on, filled with blanks."""
    line = Strip(segments(cells, under))
    if first:
        line = line.crop(first, None)
    return line.adjust_cell_length(width, under or Style())


def fitted(words: str, width: int, *, right: bool = False) -> str:
    """A text, made safe, in exactly `width` columns."""
    safe = text.clean(words[:WIDTH_MAX])
    used = cell_len(safe)
    if used > width:
        return set_cell_size(safe, width - 1) + text.ELLIPSIS if width > 0 else ""
    blanks = " " * (width - used)
    return blanks + safe if right else safe + blanks


def table_lines(
    columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int
) -> list[list[Cell]]:
    """A table as lines of cells, with its line of titles first."""
    layout = tables.fit(columns, rows, width)
    titles: list[Cell] = [Styled(column.title, "bold") for column in columns]
    lines: list[list[Cell]] = []
    for row in [titles, *rows]:
        line: list[Cell] = []
        for index, cells in zip(layout.kept, layout.widths, strict=True):
            cell, column = row[index], columns[index]
            name = cell.style if isinstance(cell, Styled) else column.style
            words = cell.text if isinstance(cell, Styled) else cell
            line += [Styled(fitted(words, cells, right=column.right), name), " " * tables.GAP]
        lines.append(line)
    return lines
