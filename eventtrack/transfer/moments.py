"""The roles of a log's columns: steps, times, metrics, texts and params.

Columns are known by their names, in any case and spelling, and by their cells: a column `time` that
counts seconds from the start is a metric, an `epoch` of 0.25 is no step.
"""

import re
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from eventtrack.transfer import cells
from eventtrack.transfer.report import Report
from eventtrack.transfer.sheets import Column, Sheet
from eventtrack.transfer.source import NO_TIME

# Names of steps, as `plain` gives them. A table's steps are in the first family that it has.
_STEPS = (
    (
        *("step", "steps", "global_step", "globalstep", "current_step", "current_steps"),
        *("trainer_global_step", "train_global_step", "training_step", "train_step", "n_step"),
        *("num_steps", "total_timesteps", "time_total_timesteps", "timestep", "timesteps"),
        *("env_step", "env_steps", "gradient_step", "optimizer_step"),
    ),
    (
        *("iteration", "iterations", "iter", "iters", "it", "training_iteration", "n_iter"),
        *("num_iter", "num_updates", "update", "updates", "round", "generation"),
        "time_iterations",
    ),
    ("epoch", "epochs", "epoch_num", "current_epoch"),
)
_EPOCHS = _STEPS[2]
_ROW_NUMBERS = ("", "unnamed_0", "index", "row", "row_number")
_TIMES = (
    *("timestamp", "wall_time", "walltime", "time", "datetime", "date_time", "ts", "time_stamp"),
    *("created_at", "logged_at", "recorded_at", "created", "unix_time", "unixtime", "epoch_time"),
    *("timestamp_ms", "timestamp_ns", "timestamp_s", "time_ms", "time_ns", "time_s", "utc"),
    *("asctime", "event_time", "updated_at", "date"),
)
_CONFIGS = re.compile(r"(?:config|params|hparams|hyperparameters)[./](.+)", re.DOTALL)


@dataclass(frozen=True)
class Choices:
    """Columns that the caller chose by name; None: the role is detected."""

    step: str | None = None
    time: str | None = None


@dataclass
class Texts:
    """The texts of a column that holds no numbers, and their rows."""

    rows: list[int]
    cells: list[str]


@dataclass
class Moments:
    """A table of moments as it was read. Rows in `lost` were reported and have no place in it."""

    steps: list[int]
    times: list[int]
    lost: set[int] = field(default_factory=set)
    metrics: dict[str, tuple[list[int], list[float]]] = field(default_factory=dict)
    texts: dict[str, Texts] = field(default_factory=dict)
    params: dict[str, Texts] = field(default_factory=dict)
    roles: dict[str, str] = field(default_factory=dict)


def plain(name: str) -> str:
    """A column's name without case, blanks and signs: `Wall time` is `wall_time`."""
    return re.sub(r"[\W_]+", "_", name.strip().lower()).strip("_")


def holds_steps(sheet: Sheet) -> bool:
    """Whether a column has a name of steps."""
    return any(plain(name) in family for name in sheet.columns for family in _STEPS)


def holds_axes(sheet: Sheet) -> bool:
    """Whether a column has a name of steps or of times."""
    return holds_steps(sheet) or any(plain(name) in _TIMES for name in sheet.columns)


def named(sheet: Sheet, name: str) -> str | None:
    """The column with this name, else with another spelling of it."""
    if name in sheet.columns:
        return name
    return next((column for column in sheet.columns if plain(column) == plain(name)), None)


def read_moments(
    sheet: Sheet, report: Report, choices: Choices, owners: Sequence[Hashable], skip: set[str]
) -> Moments:
    """The steps, times, metrics, texts and params of a table.

    Args:
        owners: The run of each row: rows without a step are numbered within their run.
        skip: Columns that were read already.
    """
    return _Reader(sheet, report, choices, owners, skip).moments()


class _Reader:
    def __init__(
        self,
        sheet: Sheet,
        report: Report,
        choices: Choices,
        owners: Sequence[Hashable],
        skip: set[str],
    ) -> None:
        self._sheet, self._report, self._choices = sheet, report, choices
        self._owners, self._skip = owners, skip
        self._used: dict[str, set[int]] = defaultdict(set)  # rows, by the column that was used up
        self._ways: dict[str, str] = {}  # how the columns of times are read
        self._found = Moments([], [NO_TIME] * sheet.count)

    def moments(self) -> Moments:
        moments = self._found
        steps = self._taken(self._step_columns(), "step")
        self._number_rows(steps)
        for row, time_ms in self._taken(self._time_columns(), "time").items():
            moments.times[row] = time_ms
        self._drop_row_numbers()
        for name, column in self._sheet.columns.items():
            if name not in self._skip:
                self._take(name, self._left_of(name, column))
        return moments

    def lost(self, row: int, problem: str) -> None:
        """Report a cell that spoils its row."""
        if row not in self._found.lost:
            self._found.lost.add(row)
            self._odd(row, problem)

    def _odd(self, row: int, problem: str) -> None:
        sheet = self._sheet
        self._report.damaged(sheet.path, sheet.byte(row), problem, place=sheet.place(row))

    def _candidates(self, names: Sequence[str]) -> list[str]:
        """Columns of these names, in the names' order; `step` before `_step`."""
        known = {name: number for number, name in enumerate(names)}
        columns = [
            name for name in self._sheet.columns if plain(name) in known and name not in self._skip
        ]
        return sorted(columns, key=lambda name: (known[plain(name)], name.startswith("_")))

    def _step_columns(self) -> dict[str, list[int | None]]:
        """The values of the columns that hold steps; a row's first value counts."""
        if self._choices.step is not None:
            name = named(self._sheet, self._choices.step)
            if name is None:
                self._report.missing(
                    f"steps of {self._sheet.path}", f"no column is named {self._choices.step}"
                )
                return {}
            column = self._sheet.columns[name]
            read = cells.numbers(column.cells, self._sheet.habits)
            values = [None] * len(column.cells) if read is None else read.values
            return {name: list(map(cells.whole, column.cells, values))}
        for family in _STEPS:
            columns = {name: self._steps_in(name) for name in self._candidates(family)}
            valid = {name: values for name, values in columns.items() if values is not None}
            if valid:
                return valid
        return {}

    def _steps_in(self, name: str) -> list[int | None] | None:
        """A column's steps; None if it holds none."""
        column = self._sheet.columns[name]
        read = cells.numbers(column.cells, self._sheet.habits)
        if read is None:
            return None
        steps = list(map(cells.whole, column.cells, read.values))
        numbers = [value for value in read.values if value is not None]
        if plain(name) in _EPOCHS and any(not value.is_integer() for value in numbers):
            return None
        if plain(name).startswith(("num_", "total_")) and len(set(steps)) == 1 < len(steps):
            return None  # the number of rows with a step
        return steps if 2 * steps.count(None) <= len(steps) else None

    def _time_columns(self) -> dict[str, list[int | None]]:
        if self._choices.time is not None:
            name = named(self._sheet, self._choices.time)
            read = None if name is None else cells.times(self._sheet.columns[name].cells)
            if name is None or read is None:
                problem = "is there" if name is None else "holds times since 1970"
                self._report.missing(
                    f"times of {self._sheet.path}", f"no column {self._choices.time} {problem}"
                )
                return {}
            return {name: read.values}
        columns = {}
        for name in self._candidates(_TIMES):
            read = cells.times(self._sheet.columns[name].cells)
            if read is not None and name not in self._used:
                columns[name] = read.values
                self._ways[name] = f"time: {read.way}"
        return columns

    def _taken(self, columns: dict[str, list[Any]], role: str) -> dict[int, Any]:
        """The value of each row, from the first of these columns that has a cell in the row."""
        taken: dict[int, Any] = {}
        for name, values in columns.items():
            column = self._sheet.columns[name]
            for row, cell, value in zip(column.rows, column.cells, values, strict=True):
                if row in taken or cells.says_nothing(cell):
                    continue
                self._used[name].add(row)
                if value is None:
                    what = "whole number" if role == "step" else "time like the others"
                    self.lost(row, f"the {role} {_shown(cell)} of {name[:80]} is no {what}")
                else:
                    taken[row] = value
            if self._used[name]:
                self._found.roles.setdefault(name, self._ways.get(name, role))
        return taken

    def _number_rows(self, steps: dict[int, int]) -> None:
        """Give every row a step: a row without a step has its run's last, or its number."""
        last: dict[Hashable, int] = defaultdict(lambda: 0 if steps else -1)
        without = 0
        for row, owner in enumerate(self._owners):
            if row in steps:
                last[owner] = steps[row]
            elif not steps:
                last[owner] += 1
            else:
                without += row not in self._found.lost
            self._found.steps.append(last[owner])
        if without:
            self._report.note(
                f"{self._sheet.path}: {without:,} rows without a step have that of the row before"
            )
        elif not steps and self._sheet.count:
            self._report.note(f"{self._sheet.path}: no column holds steps; rows are numbered")

    def _drop_row_numbers(self) -> None:
        """Leave out a first column that only counts the rows."""
        for name in self._candidates(_ROW_NUMBERS):
            column = self._sheet.columns[name]
            counted = [cells.whole(cell, None) for cell in column.cells]
            whole = len(counted) == self._sheet.count
            if whole and counted in (list(column.rows), [row + 1 for row in column.rows]):
                self._skip.add(name)
                self._found.roles[name] = "numbers of rows"

    def _left_of(self, name: str, column: Column) -> Column:
        """The cells that hold a value and were not used up by another role."""
        used, lost = self._used.get(name, set()), self._found.lost
        if not used and not lost and not any(map(cells.says_nothing, column.cells)):
            return column
        pairs = [
            (row, cell)
            for row, cell in zip(column.rows, column.cells, strict=True)
            if row not in used and row not in lost and not cells.says_nothing(cell)
        ]
        return Column([row for row, _ in pairs], [cell for _, cell in pairs])

    def _take(self, name: str, column: Column) -> None:
        if not column.cells:
            self._found.roles.setdefault(name, "empty")
            return
        config = _CONFIGS.fullmatch(name)
        if config is not None:
            self._found.roles[name] = "param"
            self._found.params[config[1]] = Texts(column.rows, list(map(str, column.cells)))
            return
        read = cells.durations(column.cells) or cells.numbers(column.cells, self._sheet.habits)
        if read is None:
            self._found.roles.setdefault(name, "text")
            self._found.texts[name] = Texts(column.rows, list(map(str, column.cells)))
            return
        self._found.roles.setdefault(name, f"metric: {read.way}" if read.way else "metric")
        rows, values = column.rows, read.values
        if read.odd:
            for row, cell, value in zip(rows, column.cells, values, strict=True):
                if value is None:
                    self._odd(row, _problem(name, cell))
            pairs = [pair for pair in zip(rows, values, strict=True) if pair[1] is not None]
            rows, values = [row for row, _ in pairs], [value for _, value in pairs]
        self._found.metrics[name] = (rows, values)


def _problem(name: str, cell: Any) -> str:
    if cells.is_ambiguous(cell):
        return f"{_shown(cell)} of {name[:80]} may have a decimal comma, or thousands"
    return f"{_shown(cell)} of {name[:80]} is no number like the others of its column"


def _shown(cell: Any) -> str:
    text = repr(cell)
    return text if len(text) <= 60 else f"{text[:60]}…"


def by_owner(owners: Sequence[Hashable], rows: Sequence[int]) -> Iterator[tuple[Any, list[int]]]:
    """The places in `rows` of each owner's rows."""
    if len(set(owners)) == 1:
        yield owners[0], list(range(len(rows)))
        return
    places: dict[Hashable, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        places[owners[row]].append(place)
    yield from places.items()
