"""The layout of tables: the columns that fit a width, and their widths.

Both the terminal and the plain renderer use it. For a narrow terminal it first shortens long cells,
then drops the columns that matter least, so that a row never wraps.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

from eventtrack.cli import text

GAP = 2
# So many rows decide about the layout of a table: longer tables are printed as they are made.
LAYOUT_ROWS = 1000
# Cells that a column keeps at least; before it gets fewer, optional columns are dropped. Names must
# stay readable.
_KEPT_MAX, _OPTIONAL_MAX = 24, 12


class Styled(NamedTuple):
    """A text with a style that only terminals show."""

    text: str
    style: str


Cell = str | Styled


class Column(NamedTuple):
    """The title and the style of a column.

    Columns of rank 0 always stay; of all others the highest rank is dropped first. `width_max`
    bounds cells on a terminal; pipes get whole values, which stand out of their column.
    """

    title: str
    right: bool = False
    style: str = ""
    width_max: int = 40
    rank: int = 0


class Layout(NamedTuple):
    """The indices and widths of the kept columns, and the number of dropped columns."""

    kept: list[int]
    widths: list[int]
    dropped: int


def cell_text(cell: Cell) -> str:
    """The text of a cell without its style, and with control characters escaped.

    Names come from other machines: they may hold sequences that move the cursor, or worse.
    """
    return text.harmless(cell.text if isinstance(cell, Styled) else cell)


def fit(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], width: int | None) -> Layout:
    """Choose columns and widths so that a row fills at most `width` cells; None for any width."""
    kept = list(range(len(columns)))
    titles = [text.cell_width(column.title) for column in columns]
    values = [max((text.cell_width(cell_text(row[i])) for row in rows), default=0) for i in kept]
    natural = [max(pair) for pair in zip(titles, values, strict=True)]
    if width is None:
        return Layout(kept, natural, 0)
    wanted, least = [], []
    for column, title, value in zip(columns, titles, values, strict=True):
        wanted.append(max(title, min(value, column.width_max)))
        # A title may be cut to the width of its values; rank 0 keeps more of a value.
        bound = _OPTIONAL_MAX if column.rank else _KEPT_MAX
        least.append(max(min(title, bound), min(value, bound)))
    while sum(least[i] + GAP for i in kept) - GAP > width:
        optional = [i for i in kept if columns[i].rank > 0]
        if not optional:
            break
        kept.remove(max(optional, key=lambda i: (columns[i].rank, i)))
    widths = _shrink([wanted[i] for i in kept], [least[i] for i in kept], GAP, width)
    return Layout(kept, widths, len(columns) - len(kept))


def _shrink(widths: list[int], least: list[int], gap: int, total: int) -> list[int]:
    """Take cells from the column with most to spare, then from the widest, until all fit."""
    widths = list(widths)
    excess = sum(widths) + gap * (len(widths) - 1) - total
    for _ in range(excess):
        spare = [width - kept for width, kept in zip(widths, least, strict=True)]
        source = spare if max(spare) > 0 else widths
        widest = source.index(max(source))
        if widths[widest] <= 1:
            break
        widths[widest] -= 1
    return widths


def plain_lines(columns: Sequence[Column], rows: Iterable[Sequence[Cell]]) -> Iterator[str]:
    """The table as aligned text: a line of titles, then a line for each row; nothing is cut.

    A cell longer than its column's `width_max` moves the rest of its own row only. So does one that
    is longer than those of the first `LAYOUT_ROWS` rows.
    """
    rows = iter(rows)
    beginning = list(islice(rows, LAYOUT_ROWS))
    kept, natural, _ = fit(columns, beginning, None)
    widths = [
        min(width, max(column.width_max, text.cell_width(column.title)))
        for column, width in zip(columns, natural, strict=True)
    ]
    yield _plain_line([columns[i].title for i in kept], columns, widths)
    for row in chain(beginning, rows):
        yield _plain_line([cell_text(row[i]) for i in kept], columns, widths)


def _plain_line(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    parts = [
        text.pad(cell, width, right=column.right)
        for cell, column, width in zip(cells, columns, widths, strict=True)
    ]
    return (" " * GAP).join(parts).rstrip()
