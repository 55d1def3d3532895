"""A line plot of text: braille dots, eight to a cell, and two axes.

Several series share the canvas, each in a colour, or without colours each drawn with a letter. Each
column of dots spans the least and the greatest of its values, so no spike is lost, however many
points a series has.
"""

import math
import sys
from bisect import bisect_left
from collections.abc import Callable, Sequence
from itertools import compress, pairwise
from operator import le
from typing import NamedTuple

from eventtrack.cli import text
from eventtrack.cli.tables import Cell, Styled

COLOURS = ("cyan", "magenta", "yellow", "green", "blue", "red")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

_BRAILLE = 0x2800
# The bit of each dot of a braille cell, by row and column (Unicode chapter 21.1).
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_DOT_ROWS, _DOT_COLUMNS = 4, 2
_GREATEST = sys.float_info.max

Label = Callable[[float], str]


class Series(NamedTuple):
    """A named line: `xs` and `ys` of equal length, in any order of x."""

    name: str
    xs: Sequence[float]
    ys: Sequence[float]


class Plot(NamedTuple):
    """The lines of a plot, and the number of points left out (not finite, or log of <= 0)."""

    lines: list[list[Cell]]
    left_out: int


class _Scale(NamedTuple):
    """Maps values to fractions of an axis, linear or logarithmic, without overflow."""

    low: float
    high: float
    log: bool = False

    def fraction(self, value: float) -> float:
        if self.log:
            value = math.log10(value)
        spread = self.high / 2 - self.low / 2
        return (value / 2 - self.low / 2) / spread if spread else 0.5

    def value(self, fraction: float) -> float:
        value = self.low * (1 - fraction) + self.high * fraction
        return 10**value if self.log else value


def draw(
    series: Sequence[Series],
    *,
    width: int,
    height: int,
    log: bool = False,
    letters: bool = False,
    x_label: Label = text.number,
) -> Plot:
    """Draw all series into `width` by `height` cells, axes included.

    Args:
        log: Draw a logarithmic y axis and leave out values that are not positive.
        letters: Draw each series with a letter instead of dots, for places without colours.
        x_label: Turns a value at an end of the x axis into its label.
    """
    drawable = [_drawable(line, log) for line in series]
    left_out = sum(len(line.ys) for line in series) - sum(len(line.ys) for line in drawable)
    if not any(len(line.ys) for line in drawable):
        return Plot([], left_out)
    y_scale = _scale([bound for line in drawable for bound in _bounds(line.ys)], log)
    x_low = min(min(line.xs) for line in drawable if len(line.xs))
    x_high = max(max(line.xs) for line in drawable if len(line.xs))
    rows = max(2, height - 2)
    labels = _y_labels(y_scale, rows)
    margin = max(len(label) for label in labels)
    canvas = _Canvas(max(2, width - margin - 2), rows)
    for index, line in enumerate(drawable):
        canvas.draw(line, index, _Scale(x_low, x_high), y_scale)
    lines = [
        [Styled(text.pad(label, margin, right=True) + (" ┤" if label else " │"), "dim"), *cells]
        for label, cells in zip(labels, canvas.lines(letters=letters), strict=True)
    ]
    lines += _x_axis(margin, canvas.columns, x_label(x_low), x_label(x_high))
    return Plot(lines, left_out)


def legend(
    names: Sequence[str], remarks: Sequence[str], *, letters: bool = False
) -> list[list[Cell]]:
    """A line for each series: its colour or letter, its name, and a remark."""
    width = max((text.cell_width(name) for name in names), default=0)
    return [
        [
            Styled(marker(index) if letters else "━━", colour(index)),
            " " + text.pad(name, width + 2),
            Styled(remark, "dim"),
        ]
        for index, (name, remark) in enumerate(zip(names, remarks, strict=True))
    ]


def colour(index: int) -> str:
    """The colour of the series with that index."""
    return COLOURS[index % len(COLOURS)]


def marker(index: int) -> str:
    """The letter of the series with that index."""
    return LETTERS[index % len(LETTERS)]


def _drawable(series: Series, log: bool) -> Series:
    """The points that can be drawn, in ascending order of x."""
    name, xs, ys = series
    if not all(map(math.isfinite, ys)) or (log and len(ys) and min(ys) <= 0):
        keep = [math.isfinite(y) and (not log or y > 0) for y in ys]
        xs, ys = list(compress(xs, keep)), list(compress(ys, keep))
    if not all(le(*pair) for pair in pairwise(xs)):
        order = sorted(range(len(xs)), key=xs.__getitem__)
        xs, ys = [xs[i] for i in order], [ys[i] for i in order]
    return Series(name, xs, ys)


def _bounds(values: Sequence[float]) -> tuple[float, ...]:
    return (min(values), max(values)) if len(values) else ()


def _scale(bounds: list[float], log: bool) -> _Scale:
    low, high = min(bounds), max(bounds)
    if log:
        low, high = math.log10(low), math.log10(high)
    if low == high:
        room = abs(low) * 0.05 or 1.0
        low, high = max(low - room, -_GREATEST), min(high + room, _GREATEST)
    return _Scale(low, high, log)


def _y_labels(scale: _Scale, rows: int) -> list[str]:
    """A label for each row: the extremes on the outer rows, some values between, the rest empty."""
    labels = [""] * rows
    parts = 4 if rows >= 11 else 2 if rows >= 5 else 1
    for part in range(parts + 1):
        row = round(part * (rows - 1) / parts)
        exact = {0: 1.0, rows - 1: 0.0}.get(row)
        labels[row] = f"{scale.value(1 - (row + 0.5) / rows if exact is None else exact):.4g}"
    return labels


def _x_axis(margin: int, columns: int, low: str, high: str) -> list[list[Cell]]:
    line = " " * margin + " └" + "─" * columns
    gap = columns - text.cell_width(low) - text.cell_width(high)
    ends = low + " " * gap + high if low != high and gap > 0 else low
    return [[Styled(line, "dim")], [Styled(" " * (margin + 2) + ends, "dim")]]


class _Canvas:
    """A grid of dots; each cell belongs to the series that drew it last."""

    def __init__(self, columns: int, rows: int) -> None:
        self.columns = columns
        self.rows = rows
        self._dots = [[0] * columns for _ in range(rows)]
        self._owners = [[-1] * columns for _ in range(rows)]

    def draw(self, series: Series, owner: int, x_scale: _Scale, y_scale: _Scale) -> None:
        """Draw a line: a bar from least to greatest in each column, joined to the next bar."""
        dots_wide = self.columns * _DOT_COLUMNS
        before: tuple[int, int] | None = None
        start, total = 0, len(series.xs)
        while start < total:
            column = round(x_scale.fraction(series.xs[start]) * (dots_wide - 1))
            # The first point right of this column of dots; at least one point is always taken.
            edge = x_scale.value((column + 0.5) / (dots_wide - 1))
            stop = max(start + 1, bisect_left(series.xs, edge, start))
            values = series.ys[start:stop]
            first, last, low, high = (
                self._row(y_scale, value)
                for value in (values[0], values[-1], min(values), max(values))
            )
            if before is not None:
                self._line(before, (column, first), owner)
            self._line((column, low), (column, high), owner)
            before = (column, last)
            start = stop

    def lines(self, *, letters: bool) -> list[list[Cell]]:
        """The grid as styled runs of characters, from the top."""
        return [self._styled(row, letters) for row in range(self.rows)]

    def _row(self, scale: _Scale, value: float) -> int:
        return round((1 - scale.fraction(value)) * (self.rows * _DOT_ROWS - 1))

    def _line(self, start: tuple[int, int], end: tuple[int, int], owner: int) -> None:
        (x0, y0), (x1, y1) = start, end
        steps = max(abs(x1 - x0), abs(y1 - y0))
        for step in range(steps + 1):
            part = step / steps if steps else 0.0
            self._dot(round(x0 + (x1 - x0) * part), round(y0 + (y1 - y0) * part), owner)

    def _dot(self, x: int, y: int, owner: int) -> None:
        row, column = y // _DOT_ROWS, x // _DOT_COLUMNS
        self._dots[row][column] |= _DOTS[y % _DOT_ROWS][x % _DOT_COLUMNS]
        self._owners[row][column] = owner

    def _styled(self, row: int, letters: bool) -> list[Cell]:
        runs: list[Cell] = []
        glyphs, owner = "", -1
        for dots, drawn_by in zip(self._dots[row], self._owners[row], strict=True):
            if drawn_by != owner and glyphs:
                runs.append(Styled(glyphs, colour(owner) if owner >= 0 else ""))
                glyphs = ""
            owner = drawn_by
            glyphs += self._glyph(dots, owner, letters)
        runs.append(Styled(glyphs, colour(owner) if owner >= 0 else ""))
        return runs

    def _glyph(self, dots: int, owner: int, letters: bool) -> str:
        if not dots:
            return " "
        return marker(owner) if letters else chr(_BRAILLE + dots)
