"""The runs that rows of tables belong to, and rows that are points or runs themselves."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from eventtrack.store.intake import IncomingFile, IncomingRun
from eventtrack.tags import RUN_NAME_TAG, USER_TAG
from eventtrack.transfer import cells
from eventtrack.transfer.columns import Columns
from eventtrack.transfer.items import LoggedItems
from eventtrack.transfer.layouts import Layout
from eventtrack.transfer.moments import Choices, holds_axes, holds_steps, plain, read_moments
from eventtrack.transfer.report import Report
from eventtrack.transfer.settings import param_text
from eventtrack.transfer.sheets import Column, Sheet
from eventtrack.transfer.source import NO_TIME, SourceRun, run_id_of
from eventtrack.views.records import LifecycleStage, RunStatus

TEXTS_FILE = "imported/texts.json"
_RUN_ID = re.compile(r"[a-zA-Z0-9][\w\-]{0,255}")
_NAMES = ("run_name", "run", "name")
_EXPERIMENTS = ("experiment", "experiment_name", "experiment_id")
# Columns by which rows name their runs. A moment's `experiment_id` is a text like others.
RUN_COLUMNS = ("run_id", *_NAMES, *_EXPERIMENTS)
MOMENT_COLUMNS = RUN_COLUMNS[:-1]
# Columns that `eventtrack export` writes: its times are milliseconds, however small.
_OUR_POINTS = {"run_id", "key", "step", "timestamp", "value"}
_OUR_RUNS = {"run_id", "run_name", "experiment_id", "lifecycle_stage", "start_time"}
_KEYS = ("key", "metric", "tag", "metric_name")
_PREFIXES = ("params.", "metrics.", "tags.")
_NAMES_ROLE, _VALUES_ROLE = "names of metrics", "values of metrics"
_FACTS = {
    "status": "status",
    "state": "status",
    "user_id": "user",
    "user": "user",
    "lifecycle_stage": "stage",
    "start_time": "start",
    "created": "start",
    "end_time": "end",
}
_STATUSES = {
    **{status.lower(): status for status in RunStatus.ALL},
    "crashed": RunStatus.FAILED,
    "error": RunStatus.FAILED,
    "preempted": RunStatus.KILLED,
    **dict.fromkeys(("completed", "complete", "succeeded", "success", "done"), RunStatus.FINISHED),
}


class TableRun:
    """All facts of one run that the rows state."""

    def __init__(
        self, run_id: str, source_id: str, name: str, experiment: str, changed_ms: int
    ) -> None:
        self.run_id, self.source_id, self.experiment = run_id, source_id, experiment
        self.name = name  # "" where only an id is known
        self.columns = Columns()
        self.items = LoggedItems()
        self.facts: dict[str, Any] = {}
        self.params: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.latest: dict[str, float] = {}
        self._texts: dict[str, list[dict[str, Any]]] = {}
        self._changed_ms = changed_ms  # when its file was

    def text(self, name: str, step: int, time_ms: int, text: str) -> None:
        """Keep a text of a row."""
        entry = {"step": step, "time": None if time_ms == NO_TIME else time_ms, "text": text}
        self._texts.setdefault(name, []).append(entry)

    def finished(self) -> SourceRun:
        """The run, when all rows are read."""
        facts, times = self.facts, self.columns.times() or self.items.times()
        first, last = times or (self._changed_ms, None)
        start_ms = facts.get("start", first)
        end_ms = facts.get("end", None if "status" in facts else last)
        for key, value in self.latest.items():
            # Only the last value is known, unless points of the metric are among the rows.
            if self.columns.last(key) is None:
                self.columns.point(key, 0, facts.get("start", NO_TIME), value)
        deleted = facts.get("stage") == LifecycleStage.DELETED
        run = IncomingRun(
            self.run_id,
            self.experiment,
            self.name or self.tags.get(RUN_NAME_TAG) or self.source_id,
            user=facts.get("user") or self.tags.get(USER_TAG, ""),
            status=facts.get("status", RunStatus.FINISHED),
            start_ms=start_ms,
            end_ms=end_ms,
            deleted_ms=(end_ms or start_ms) if deleted else None,
            params=self.params,
            tags=self.tags,
        )
        series, items = self.columns.series(), self.items.series()
        return SourceRun(self.source_id, run, series, self._files(), items)

    def preview(self, points: int) -> dict[str, Any]:
        """The run in short, with the first points of each metric."""
        run = self.finished().run
        return {
            "name": run.name,
            "experiment": self.experiment,
            "status": run.status,
            "start_time": run.start_ms,
            "params": self.params,
            "tags": self.tags,
            "metrics": {
                key: {"points": len(series), "first": _first(series, points)}
                for key, series in self.columns.series()
            },
            "series": self.items.counts(),
        }

    def _files(self) -> Iterator[IncomingFile]:
        """All texts with their steps, if a column has several; the tags have the last."""
        several = {
            name: entries
            for name, entries in self._texts.items()
            if len({entry["text"] for entry in entries}) > 1
        }
        if several:
            data = json.dumps(several, ensure_ascii=False, indent=1, sort_keys=True)
            yield IncomingFile(TEXTS_FILE, data.encode("utf-8", "replace"))


class TableRuns:
    """All runs, by the identity that makes each the same run at the next import."""

    def __init__(self, experiment: str | None) -> None:
        self._experiment = experiment
        self._runs: dict[str, TableRun] = {}

    def __iter__(self) -> Iterator[TableRun]:
        return iter(list(self._runs.values()))

    def __len__(self) -> int:
        return len(self._runs)

    def of_file(self, sheet: Sheet, layout: Layout) -> TableRun:
        """The run for all rows of a file that name no run."""
        experiment = self._experiment or layout.experiment
        run_id = run_id_of("table", experiment, *layout.identity)
        return self._run(run_id, layout.name, layout.name, experiment, sheet)

    def of_row(
        self, row: Mapping[str, str], sheet: Sheet, layout: Layout, again: int = 0
    ) -> TableRun:
        """The run that a row names by an id or a name, else the run of its file.

        Args:
            again: The number of earlier runs in the file with the same name.
        """
        source_id = row.get("run_id", "")
        name = next((row[column] for column in _NAMES if row.get(column)), "")
        if not source_id and not name:
            return self.of_file(sheet, layout)
        given = next((row[column] for column in _EXPERIMENTS if row.get(column)), "")
        experiment = self._experiment or given or layout.experiment
        run_id = source_id
        if not _RUN_ID.fullmatch(source_id):
            source_id = source_id or name
            repeated = (str(again),) if again else ()
            run_id = run_id_of("table", experiment, source_id, *repeated)
        run = self._run(run_id, source_id, name, experiment, sheet)
        if given:
            run.experiment = experiment
        run.name = name or run.name
        return run

    def _run(
        self, run_id: str, source_id: str, name: str, experiment: str, sheet: Sheet
    ) -> TableRun:
        run = self._runs.get(run_id)
        if run is None:
            changed_ms = round(sheet.path.stat().st_mtime * 1000)
            run = TableRun(run_id, source_id, name, experiment, changed_ms)
            self._runs[run_id] = run
        return run


def kind_of_rows(sheet: Sheet) -> Iterator[tuple[str, Sheet]]:
    """The rows by kind: points, runs and moments."""
    left = set(range(sheet.count))
    key, value = _key_column(sheet), _column(sheet, "value")
    if key is not None and value is not None:
        sheet.roles |= {key: _NAMES_ROLE, value: _VALUES_ROLE}
        points = set(sheet.columns[key].rows) & left
        yield from _part("points", sheet, points)
        left -= points
    marks = [
        name for name in sheet.columns if name.startswith(_PREFIXES) or _fact(name) == "status"
    ]
    if not marks and sheet.count > 1 and _names_differ(sheet) and not holds_axes(sheet):
        marks = list(sheet.columns)  # a row for each run
    if marks and left and (not holds_steps(sheet) or _names_differ(sheet)):
        runs = sheet.rows_with(marks) & left
        yield from _part("runs", sheet, runs)
        left -= runs
    yield from _part("moments", sheet, left)


def take_points(sheet: Sheet, owners: Sequence[TableRun], report: Report, choices: Choices) -> None:
    """Give each row's value to the metric that the row names."""
    by_role = {role: name for name, role in sheet.roles.items()}
    key, value = by_role[_NAMES_ROLE], by_role[_VALUES_ROLE]
    keys = list(map(str, sheet.columns[key].cells))
    skip = {key, value, *(name for name in sheet.columns if plain(name) in RUN_COLUMNS)}
    sheet.roles |= dict.fromkeys(skip - {key, value}, "the run")
    ours = set(sheet.columns) <= _OUR_POINTS and {"run_id", "timestamp"} <= set(sheet.columns)
    if ours:
        skip.add("timestamp")
    numbered = list(zip(map(id, owners), keys, strict=True))
    read = read_moments(sheet, report, choices, numbered, skip)
    if ours:
        stamps = sheet.columns["timestamp"]
        for row, cell in zip(stamps.rows, stamps.cells, strict=True):
            time_ms = cells.milliseconds(cell)
            if time_ms is None or not 0 <= time_ms < 2**63:
                _odd(sheet, report, row, f"the timestamp {cell!r} is no time")
            read.times[row] = NO_TIME if time_ms is None else time_ms
    column = sheet.columns.get(value, Column())
    read_values = cells.numbers(column.cells, sheet.habits)
    values = [None] * len(column.cells) if read_values is None else read_values.values
    for row, cell, number in zip(column.rows, column.cells, values, strict=True):
        if number is None and not cells.says_nothing(cell):
            _odd(sheet, report, row, f"the value {cell!r} is no number")
        elif number is not None and row not in read.lost:
            owners[row].columns.point(keys[row], read.steps[row], read.times[row], number)
    sheet.roles |= read.roles
    for name, (rows, others) in read.metrics.items():
        for row, number in zip(rows, others, strict=True):
            owners[row].columns.point(name, read.steps[row], read.times[row], number)
    for name, texts in read.texts.items():
        for row, text in zip(texts.rows, texts.cells, strict=True):
            owners[row].tags[name] = text
            owners[row].text(name, read.steps[row], read.times[row], text)


def take_runs(sheet: Sheet, owners: Sequence[TableRun], report: Report) -> None:
    """Give each row's cells to its run, as facts, params, tags and last values of metrics."""
    with_prefixes = any(name.startswith(_PREFIXES) for name in sheet.columns)
    ours = set(sheet.columns) >= _OUR_RUNS
    for name, column in sheet.columns.items():
        kind, _, key = name.partition(".")
        fact = _fact(name)
        if f"{kind}." in _PREFIXES:
            sheet.roles[name] = {"params": "param", "tags": "tag"}.get(kind, "metric")
        elif fact:
            sheet.roles[name] = fact
        elif plain(name) in RUN_COLUMNS or not plain(name) or plain(name) == "unnamed_0":
            sheet.roles[name] = "the run"
            continue
        else:
            kind, key = ("tags" if with_prefixes else ""), name
            sheet.roles[name] = "tag" if with_prefixes else "metric or param"
        if fact and f"{name.partition('.')[0]}." not in _PREFIXES:
            _take_fact(sheet, fact, column, owners, report, ours=ours)
        elif kind in ("metrics", ""):
            _take_latest(sheet, key, column, owners, report, or_param=not kind)
        else:
            for row, cell in zip(column.rows, column.cells, strict=True):
                pairs = owners[row].params if kind == "params" else owners[row].tags
                pairs[key] = param_text(cell)


def columns_of_runs(sheet: Sheet, names: Sequence[str]) -> dict[str, str]:
    """The columns by which rows name their runs, by these plain names."""
    return {name: column for name in names if (column := _column(sheet, name)) is not None}


def again_of(owners: Sequence[TableRun]) -> list[int]:
    """For each row the number of earlier rows of the same run."""
    counters: dict[int, Iterator[int]] = {}
    return [next(counters.setdefault(id(run), count())) for run in owners]


def _take_fact(
    sheet: Sheet,
    fact: str,
    column: Column,
    owners: Sequence[TableRun],
    report: Report,
    *,
    ours: bool,
) -> None:
    values: Sequence[Any] = column.cells
    if fact == "status":
        values = [_STATUSES.get(str(cell).strip().lower()) for cell in column.cells]
    elif fact in ("start", "end"):
        read = None if ours else cells.times(column.cells)
        none: list[int | None] = [None] * len(column.cells)
        values = list(map(cells.milliseconds, column.cells)) if ours else none
        values = values if read is None else read.values
    for row, cell, value in zip(column.rows, column.cells, values, strict=True):
        if cells.says_nothing(cell) and fact != "user":
            continue
        if value is None:
            _odd(sheet, report, row, f"{cell!r} is no {fact} of a run")
        else:
            owners[row].facts[fact] = str(value) if fact in ("user", "stage") else value


def _take_latest(
    sheet: Sheet,
    key: str,
    column: Column,
    owners: Sequence[TableRun],
    report: Report,
    *,
    or_param: bool,
) -> None:
    pairs = zip(column.rows, column.cells, strict=True)
    present = [(row, cell) for row, cell in pairs if not cells.says_nothing(cell)]
    read = cells.numbers([cell for _, cell in present], sheet.habits)
    values = [None] * len(present) if read is None else read.values
    for (row, cell), value in zip(present, values, strict=True):
        if value is not None:
            owners[row].latest[key] = value
        elif read is None and or_param:
            owners[row].params[key] = param_text(cell)
        else:
            _odd(sheet, report, row, f"the metric {key[:80]} is {cell!r}, which is no number")


def _part(kind: str, sheet: Sheet, rows: set[int]) -> Iterator[tuple[str, Sheet]]:
    if len(rows) == sheet.count:
        yield kind, sheet
    elif rows:
        yield kind, sheet.only(rows)


def _fact(name: str) -> str:
    return _FACTS.get(plain(name), "")


def _column(sheet: Sheet, wanted: str) -> str | None:
    return next((name for name in sheet.columns if plain(name) == wanted), None)


def _key_column(sheet: Sheet) -> str | None:
    """The column of metric names in a table with a row for each point."""
    for wanted in _KEYS:
        name = _column(sheet, wanted)
        if name is not None and (
            wanted == "key" or cells.numbers(sheet.columns[name].cells, sheet.habits) is None
        ):
            return name
    return None


def _names_differ(sheet: Sheet) -> bool:
    """Whether each row names a run of its own."""
    for wanted in ("run_id", *_NAMES):
        name = _column(sheet, wanted)
        if name is not None:
            names = sheet.columns[name].cells
            return len(set(names)) == len(names) == sheet.count
    return False


def _odd(sheet: Sheet, report: Report, row: int, problem: str) -> None:
    report.damaged(sheet.path, sheet.byte(row), problem[:300], place=sheet.place(row))


def _first(series: Any, points: int) -> list[list[Any]]:
    rows = zip(series.steps, series.timestamps, series.values, strict=True)
    return [
        [step, None if time_ms == NO_TIME else time_ms, value]
        for (step, time_ms, value), _ in zip(rows, range(points), strict=False)
    ]
