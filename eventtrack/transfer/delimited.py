"""Files of rows and cells, as programs and spreadsheets write them: CSV and its relatives."""

import csv
import io
import re
import sys
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice
from pathlib import Path

from eventtrack.transfer.cells import Habits, habits, numbers, says_nothing
from eventtrack.transfer.decoding import FileText
from eventtrack.transfer.report import Report
from eventtrack.transfer.sheets import Sheet

_DELIMITERS = (",", "\t", ";", "|")
SPACES = " "  # any number of blanks between two cells
_NONE = "\x1f"  # where there is a single column
# Columns that `eventtrack export` writes: blanks around its names and texts are part of them.
_OURS = (
    {"run_id", "lifecycle_stage"},
    {"run_id", "key", "timestamp", "value"},
    {"run_id", "kind", "key", "step", "timestamp", "sha256"},
)
_SAMPLE_LINES = 60
_TITLES_MAX = 5
# Lines of one quoted cell, at most: after an unclosed quote, longer text is read as rows again.
_QUOTED_LINES_MAX = 2000
_EXCEL_FIRST_LINE = re.compile(r"sep=(.)\s*")
_NAMES = {
    ",": "a comma",
    "\t": "a tab",
    ";": "a semicolon",
    "|": "a bar",
    SPACES: "blanks",
    _NONE: "nothing",
}


def read_sheet(path: Path, report: Report, delimiter: str | None = None) -> Sheet:
    """The rows of a file; rows that cannot be read are reported.

    Args:
        delimiter: The character between two cells; detected by default.
    """
    return _Reader(path, report, delimiter).sheet()


class _Reader:
    def __init__(self, path: Path, report: Report, delimiter: str | None) -> None:
        self._path, self._report = path, report
        self._file = FileText(path, report)
        self._lines = list(io.StringIO(self._file.text, newline=""))
        self._first = 0  # the line of the names
        self._starts: list[int] = []  # of lines, in characters
        # By default the csv module refuses long cells; names may have any length.
        csv.field_size_limit(sys.maxsize)
        excel = _EXCEL_FIRST_LINE.fullmatch(self._lines[0]) if self._lines else None
        if excel:
            delimiter, self._first = delimiter or excel[1], 1
        self._names: list[str] = []
        self._header: list[str] = []
        self._known: set[str] = set()
        self._exact = False
        self._rows_of: list[int] = []  # the line of each row
        self._strip_comments()
        names = set(self._lines[0].rstrip("\r\n").split(",")) if self._lines else set()
        # Of a table of ours nothing is guessed: a text in it may look like a table itself.
        self._quoted_lines_max = _QUOTED_LINES_MAX
        if _is_ours(names):
            delimiter, self._quoted_lines_max = ",", len(self._lines)
        self._delimiter = delimiter or ","
        self._delimiter = delimiter or self._sniffed()

    def sheet(self) -> Sheet:
        """Everything."""
        sheet = Sheet(self._path, place=self._place, byte=self._byte, digest=self._file.digest)
        part: list[list[str]] = []
        for line, cells in self._records(self._first, len(self._lines)):
            if not self._header:
                self._take_header(line, cells)
                if self._names_are_numbers(cells):
                    self._take_row(line, cells, part)
            elif self._is_header(cells):
                if cells != self._header and _stripped(cells) != self._header:
                    sheet.add_rows(self._names, part)
                    part = []
                    self._take_header(line, cells)
                self._report.note(f"{self._path}: the names of the columns stand there repeatedly")
            else:
                self._take_row(line, cells, part)
        sheet.add_rows(self._names, part)
        if self._rows_of and not self._lines[-1].endswith(("\n", "\r")):
            # A line of numbers does not show whether it is whole.
            self._report.note(f"{self._path}: the last line has no end; it may be cut")
        sheet.habits = self._habits(sheet)
        sheet.way = f"{self._file.encoding}, cells parted by {self._delimiter_name()}"
        return sheet

    def _delimiter_name(self) -> str:
        return _NAMES.get(self._delimiter, repr(self._delimiter))

    def _take_header(self, line: int, cells: list[str]) -> None:
        self._exact = _is_ours(set(cells))
        cells = cells if self._exact else _stripped(cells)
        self._header, self._known = cells, set(filter(None, cells))
        if self._names_are_numbers(cells):
            self._report.note(f"{self._path}: no line names the columns; they are numbered")
            cells = [f"column_{number}" for number in range(1, len(cells) + 1)]
        elif _numbered([cells, *(_stripped(row) for _, row in self._following(line))]):
            cells = ["", *cells]  # as R and some printers write the numbers of rows
        self._names = _distinct(cells)
        for name, original in zip(self._names, cells, strict=True):
            if original and name != original:
                self._report.note(f"{self._path}: a second column {original[:80]} is {name[-80:]}")

    def _following(self, line: int) -> Iterator[tuple[int, list[str]]]:
        return islice(self._records(line + 1, len(self._lines), quiet=True), _SAMPLE_LINES)

    def _names_are_numbers(self, cells: Sequence[str]) -> bool:
        present = [cell for cell in cells if not says_nothing(cell)]
        read = numbers(present, Habits(semicolons=self._delimiter != ",")) if present else None
        return read is not None and not read.odd

    def _is_header(self, cells: list[str]) -> bool:
        """Whether a row in the middle has names: the same, or others of which half are known."""
        if cells[0].strip() not in self._known and cells[-1].strip() not in self._known:
            return False  # so nearly all rows
        cells = cells if self._exact else _stripped(cells)
        if cells == self._header:
            return not self._names_are_numbers(cells)
        texts = {cell for cell in cells if cell}
        known = len(texts & self._known)
        has_number = numbers(cells[:1], Habits()) or numbers(cells[-1:], Habits())
        return len(texts) > 1 and 2 * known >= len(texts) == len(cells) and not has_number

    def _take_row(self, line: int, cells: list[str], part: list[list[str]]) -> None:
        width = len(self._names)
        if not self._exact:
            cells = [cell.strip() for cell in cells]
        while len(cells) > width and not cells[-1].strip():
            cells.pop()
        if len(cells) != width:
            self._damaged(line, f"{len(cells)} cells where {width} columns have names")
            return
        part.append(cells)
        self._rows_of.append(line)

    def _records(
        self, line: int, stop: int, *, quiet: bool = False
    ) -> Iterator[tuple[int, list[str]]]:
        """The cells of each row, with the row's first line; blank lines are no rows."""
        width = len(self._names)
        while line < stop:
            text, used = self._lines[line], 1
            cells: list[str] | None
            if '"' not in text:
                cells = self._split(text)
            else:
                cells, used = self._quoted(line, stop)
                width = len(self._names) or width
                if used > 1 and cells is not None and width and len(cells) != width:
                    cells, used = None, 1  # a quote too many: only this row is lost
                if cells is None and not quiet:
                    self._damaged(line, "a quote that is never closed, or closed too early")
            if cells and any(cell.strip() for cell in cells):
                yield line, cells
            line += used

    def _split(self, text: str) -> list[str]:
        text = text.rstrip("\r\n")
        return text.split() if self._delimiter == SPACES else text.split(self._delimiter)

    def _quoted(self, line: int, stop: int) -> tuple[list[str] | None, int]:
        """The cells of a row with quotes, and its number of lines: a quoted cell may have many."""
        lines = islice(self._lines, line, min(stop, line + self._quoted_lines_max))
        form = {"delimiter": self._delimiter, "skipinitialspace": not self._exact}
        reader = csv.reader(lines, strict=True, **form)  # type: ignore[arg-type]
        try:
            return next(reader), reader.line_num
        except csv.Error:
            pass
        if self._lines[line].count('"') % 2:
            return None, 1
        # Blanks behind a quoted cell, or quotes in the middle of it.
        [cells] = csv.reader([self._lines[line]], **form)  # type: ignore[arg-type]
        return cells, 1

    def _strip_comments(self) -> None:
        """Lines that begin with `#`: the last of them may name the columns."""
        first = self._first
        while first < len(self._lines) and self._lines[first].startswith("#"):
            first += 1
        if first > self._first:
            last = self._lines[first - 1].lstrip("# ")
            behind = self._lines[first] if first < len(self._lines) else ""
            if len(re.split(r"[,;|\s]+", last.strip())) == len(
                re.split(r"[,;|\s]+", behind.strip())
            ):
                first -= 1
                self._lines[first] = last
            if first > self._first:
                self._report.note(f"{self._path}: comments above the names are left out")
            self._first = first

    def _sniffed(self) -> str:
        """The delimiter that fits best: as many cells in a row as names, and most cells numbers.

        A few lines above the names, as spreadsheets have them, are left out and reported.
        """
        begin = self._first
        for first in range(begin, min(begin + 1 + _TITLES_MAX, len(self._lines))):
            delimiter = self._sniffed_from(first)
            if delimiter is not None:
                titles = sum(bool(line.strip()) for line in self._lines[begin:first])
                self._report.left_out("lines above the names", titles, place=self._path)
                self._first = first
                return delimiter
        self._delimiter, stop = ",", min(len(self._lines), begin + _SAMPLE_LINES)
        rows = [cells for _, cells in self._records(begin, stop, quiet=True)]
        return "," if all(len(_stripped(cells)) < 2 for cells in rows) else _NONE

    def _sniffed_from(self, first: int) -> str | None:
        """The best delimiter if the names are in this line; None if no delimiter parts them."""
        best, best_score = None, 0.0
        for delimiter in (*_DELIMITERS, SPACES):
            self._delimiter, self._names = delimiter, []
            stop = min(len(self._lines), first + _SAMPLE_LINES)
            rows = [_stripped(cells) for _, cells in self._records(first, stop, quiet=True)]
            score = _score(rows)
            if first > self._first and (score < 1 or self._names_are_numbers(rows[0])):
                continue  # behind a title all must fit
            # Texts have blanks too: blanks count only if no other delimiter fits.
            if score > best_score and (delimiter != SPACES or not best_score):
                best, best_score = delimiter, score
        return best

    def _habits(self, sheet: Sheet) -> Habits:
        comma = self._delimiter in (",", _NONE)
        quoted = '"' in self._file.text or self._delimiter == _NONE
        if "," not in self._file.text or (comma and not quoted):
            return Habits(semicolons=not comma)
        cells = (cell for column in sheet.columns.values() for cell in column.cells)
        return habits(cells, semicolons=not comma)

    def _damaged(self, line: int, problem: str) -> None:
        self._report.damaged(self._path, self._byte_of(line), problem, place=f"line {line + 1}")

    def _byte_of(self, line: int) -> int:
        if not self._starts:
            self._starts = [0, *accumulate(map(len, self._lines))]
        return self._file.byte_of(self._starts[line])

    def _place(self, row: int) -> str:
        return f"line {self._rows_of[row] + 1}"

    def _byte(self, row: int) -> int:
        return self._byte_of(self._rows_of[row])


def _is_ours(names: set[str]) -> bool:
    """Whether `eventtrack export` wrote a table with columns of these names."""
    return any(ours <= names for ours in _OURS)


def _stripped(cells: Sequence[str]) -> list[str]:
    """The cells without blanks around them, and without empty ones at the end."""
    stripped = [cell.strip() for cell in cells]
    while stripped and not stripped[-1]:
        stripped.pop()
    return stripped


def _score(rows: list[list[str]]) -> float:
    """A measure of the fit between rows and their names; 0 for one column."""
    if not rows or (len(rows[0]) < 2 and not _numbered(rows)):
        return 0
    width, rest = len(rows[0]), rows[1:]
    if not rest:
        return width / 1000
    fitting = [row for row in rest if len(row) <= width + 1 and len(row) > width // 2]
    same = sum(len(row) in (width, width + 1) for row in fitting)
    cells = [cell for row in fitting for cell in row if cell]
    read = numbers(cells, Habits(semicolons=True)) if cells else None
    share = (len(cells) - read.odd) / len(cells) if read is not None else 0
    return (same / len(rest)) * (1 + share) + width / 1000 if same else 0


def _numbered(rows: list[list[str]]) -> bool:
    """Whether all rows have one more cell than there are names: a number or a name of the row.

    Whole numbers alone do not show that: `0,91` may be one cell with a decimal comma.
    """
    names, *rest = rows
    cells = [cell for row in rest for cell in row]
    if not rest or any(len(row) != len(names) + 1 for row in rest):
        return False
    read = numbers([cell for row in rest for cell in row[1:] if cell], Habits())
    whole = all(cell.lstrip("+-").isdigit() for cell in cells)
    return read is not None and not read.odd and not whole


def _distinct(names: Sequence[str]) -> list[str]:
    """Names that differ: a second column `name` is called `name.1`, as in pandas."""
    distinct: dict[str, None] = {}
    originals = set(names)
    for number, original in enumerate(names):
        name = original if original or not number else f"column_{number + 1}"
        new, again = name, 0
        while new in distinct or (again and new in originals):
            again += 1
            new = f"{name}.{again}"
        distinct[new] = None
    return list(distinct)
