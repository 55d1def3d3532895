"""A file of rows, whatever its format: columns of cells, and the place of each row."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eventtrack.transfer.cells import Habits

Row = dict[str, Any]


@dataclass
class Column:
    """The existing cells of a column, and the numbers of their rows, from 0."""

    rows: list[int] = field(default_factory=list)
    cells: list[Any] = field(default_factory=list)


@dataclass
class Sheet:
    """Rows of one file. A row that has no cell in a column is not in that column.

    `place` and `byte` give the place of a row, in words and in bytes. `way` says how the file was
    read: its encoding and delimiter. `digest` is the SHA-256 of a pipe's bytes, "" for a file: what
    names no run is one run for the same bytes. `roles` gives the role of each column. `settings`
    are the facts that the file states beside its rows.
    """

    path: Path
    count: int = 0
    columns: dict[str, Column] = field(default_factory=dict)
    habits: Habits = field(default_factory=Habits)
    place: Callable[[int], str] = str
    byte: Callable[[int], int | None] = lambda row: None
    way: str = ""
    digest: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """Add a row, given as its cells by column."""
        for name, cell in row.items():
            column = self.columns.get(name)
            if column is None:
                column = self.columns[name] = Column()
            column.rows.append(self.count)
            column.cells.append(cell)
        self.count += 1

    def add_rows(self, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Add many rows at once; each has a cell, which may be empty, in each of these columns."""
        for name in names:
            self.columns.setdefault(name, Column())
        for name, cells in zip(names, zip(*rows, strict=True), strict=True) if rows else ():
            column = self.columns[name]
            if "" in cells:
                present = [(row, cell) for row, cell in enumerate(cells, self.count) if cell != ""]
                column.rows += [row for row, _ in present]
                column.cells += [cell for _, cell in present]
            else:
                column.rows += range(self.count, self.count + len(cells))
                column.cells += cells
        self.count += len(rows)

    def rows_with(self, names: Iterable[str]) -> set[int]:
        """The rows that have a cell in any of these columns."""
        return set().union(*(self.columns[name].rows for name in names if name in self.columns))

    def only(self, wanted: set[int]) -> "Sheet":
        """The same sheet with the wanted rows only, numbered anew."""
        kept = sorted(wanted)
        numbers = {row: number for number, row in enumerate(kept)}
        columns = {}
        for name, column in self.columns.items():
            pairs = zip(column.rows, column.cells, strict=True)
            pairs_kept = [(numbers[row], cell) for row, cell in pairs if row in numbers]
            if pairs_kept:
                columns[name] = Column(
                    [row for row, _ in pairs_kept], [cell for _, cell in pairs_kept]
                )
        return Sheet(
            self.path,
            len(kept),
            columns,
            self.habits,
            lambda row: self.place(kept[row]),
            lambda row: self.byte(kept[row]),
            self.way,
            self.digest,
            self.settings,
            self.roles,
        )
