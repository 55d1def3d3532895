"""CSV and JSON files: those that `eventtrack export` writes, and the logs of training programs.

The columns of a row tell what it is: a point (`key` and `value`), a run (`status`, `params.*`,
`tags.*` or `metrics.*`), or a moment of a run, whose numbers are metrics. Tables of items, which
`eventtrack export series` writes, hold nothing else.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from eventtrack.errors import NotFoundError
from eventtrack.store.intake import IncomingExperiment
from eventtrack.transfer.delimited import read_sheet
from eventtrack.transfer.json_rows import read_json
from eventtrack.transfer.layouts import Layout, layout_of, runs_of_pages, settings_of
from eventtrack.transfer.moments import Choices, Moments, by_owner, read_moments
from eventtrack.transfer.report import Report
from eventtrack.transfer.settings import param_text
from eventtrack.transfer.sheets import Sheet
from eventtrack.transfer.source import Source, SourceRun
from eventtrack.transfer.table_items import ItemRows, holds_items
from eventtrack.transfer.table_runs import (
    MOMENT_COLUMNS,
    RUN_COLUMNS,
    TableRun,
    TableRuns,
    again_of,
    columns_of_runs,
    kind_of_rows,
    take_points,
    take_runs,
)


class Tables(Source):
    """The runs in one or several files, read together.

    So one file may have the runs, and another their points. A folder stands for all files below it
    with an ending of this kind of file.

    Args:
        experiment: The experiment for everything; by default the experiment that a row names, else
            an experiment with the name of the file's folder.
        choices: The columns of steps and times.
        media: The folder with the bytes of media that exported series name; None for none.

    Raises:
        NotFoundError: A path does not exist.
    """

    endings: tuple[str, ...] = ()

    def __init__(
        self,
        paths: Sequence[Path],
        experiment: str | None = None,
        choices: Choices = Choices(),  # noqa: B008 - it cannot be changed
        media: Path | None = None,
    ) -> None:
        if media is not None and not media.is_dir():
            raise NotFoundError(
                f"cannot import files of media from {media}: there is no such folder",
                hint="name the folder that `eventtrack export series --files` wrote",
            )
        files = [file for path in paths for file in self._files(path)]
        super().__init__(" ".join(_place(path).as_uri() for path in paths))
        self._choices = choices
        self._runs = TableRuns(experiment)
        self._items = ItemRows(self.report, media)
        self._sheets = []
        for sheet in self.each(files, self.sheet, str):
            self._sheets.append(sheet)
            list(self.each([sheet], self._take, lambda sheet: str(sheet.path)))
        places = {str(file): number for number, file in enumerate(files)}
        self.report.damage.sort(key=lambda damage: (places.get(damage.file, 0), damage.offset or 0))

    def sheet(self, path: Path) -> Sheet:
        """The rows of a file; rows that cannot be read are reported."""
        raise NotImplementedError

    def experiments(self) -> Mapping[str, IncomingExperiment]:
        """Every experiment that a row names."""
        names = sorted({run.experiment for run in self._runs})
        return {name: IncomingExperiment(name) for name in names}

    def count(self) -> int:
        """The number of runs that the rows name."""
        return len(self._runs)

    def runs(self) -> Iterator[SourceRun]:
        """Every run, in the order of its first row."""
        return self.each(self._runs, TableRun.finished, lambda run: f"run {run.source_id}")

    def preview(self, points: int) -> dict[str, Any]:
        """The roles of each file's columns, and the runs with the beginnings of their metrics."""
        return {
            "files": [
                {"file": str(sheet.path), "read_as": sheet.way, "rows": sheet.count}
                | {"columns": {name: sheet.roles.get(name, "") for name in sheet.columns}}
                for sheet in self._sheets
            ],
            "runs": [run.preview(points) for run in self._runs],
        }

    def _files(self, path: Path) -> list[Path]:
        if path.is_dir():
            files = sorted(
                path_below
                for path_below in path.rglob("*")
                if path_below.suffix.lower() in self.endings
            )
            if files:
                return [path_below for path_below in files if path_below.is_file()]
        elif path.exists():
            return [path]
        what = (
            f"no file *{' or *'.join(self.endings)} is in it" if path.is_dir() else "no such file"
        )
        raise NotFoundError(f"cannot import {path}: {what}", hint="check the path")

    def _take(self, sheet: Sheet) -> None:
        if not sheet.count:
            self.report.note(f"{sheet.path}: it has no rows")
            return
        layout = layout_of(sheet)
        if holds_items(sheet):
            self._items.take(sheet, self._owners(sheet, layout, ("run_id",)))
            return
        for kind, part in kind_of_rows(sheet):
            if kind == "points":
                take_points(part, self._owners(part, layout), self.report, self._choices)
            elif kind == "runs":
                take_runs(part, self._owners(part, layout, each=True), self.report)
            else:
                self._take_moments(part, layout)

    def _take_moments(self, sheet: Sheet, layout: Layout) -> None:
        probe = Report("columns of steps and times")
        read = read_moments(sheet, probe, self._choices, [0] * sheet.count, set())
        axes = {name for name, role in read.roles.items() if role[:4] in ("step", "time")}
        axes -= {name for name in axes if " - " in name}
        pages = runs_of_pages(sheet, self.report, axes)
        axis = next(
            (name for name in read.roles if read.roles[name] == "step" and name in axes), None
        )
        for name, part in (pages or {}).items():
            run = self._runs.of_row({"name": name}, part, layout)
            choices = self._choices if axis is None else Choices(axis, self._choices.time)
            self._fill(part, [run] * part.count, set(), layout, choices)
            sheet.roles |= {axis: read.roles[axis] for axis in axes}
            sheet.roles |= {f"{name} - {column}": role for column, role in part.roles.items()}
        if pages is None:
            skip = set(columns_of_runs(sheet, MOMENT_COLUMNS).values())
            self._fill(sheet, self._owners(sheet, layout, MOMENT_COLUMNS), skip, layout)

    def _fill(
        self,
        sheet: Sheet,
        owners: list[TableRun],
        skip: set[str],
        layout: Layout,
        choices: Choices | None = None,
    ) -> None:
        sheet.roles |= dict.fromkeys(skip, "the run")
        read = read_moments(sheet, self.report, choices or self._choices, owners, skip)
        sheet.roles |= read.roles
        for name, (rows, values) in read.metrics.items():
            metric = layout.renamed.get(name, name)
            for run, places in by_owner(owners, rows):
                own = [rows[place] for place in places]
                run.columns.extend(
                    metric,
                    [read.steps[row] for row in own],
                    [read.times[row] for row in own],
                    [values[place] for place in places],
                )
        self._fill_texts(read, owners)

    def _fill_texts(self, read: Moments, owners: list[TableRun]) -> None:
        for name, texts in chain(read.params.items(), read.texts.items()):
            for run, places in by_owner(owners, texts.rows):
                last = texts.cells[places[-1]]
                if name in read.params:
                    run.params[name] = last
                    continue
                run.tags[name] = last
                for place in places:
                    row = texts.rows[place]
                    run.text(name, read.steps[row], read.times[row], texts.cells[place])

    def _owners(
        self,
        sheet: Sheet,
        layout: Layout,
        names: Sequence[str] = RUN_COLUMNS,
        *,
        each: bool = False,
    ) -> list[TableRun]:
        """The run of each row.

        Args:
            names: The columns by which rows may name their runs.
            each: Whether each row is a run, so that two rows with the same name are two runs.
        """
        columns = columns_of_runs(sheet, names)
        if not columns:
            run = self._runs.of_file(sheet, layout)
            if not run.params:
                run.params |= settings_of(layout, self.report)
                run.tags |= {k: param_text(value) for k, value in sheet.settings.items()}
            return [run] * sheet.count
        texts: dict[str, list[str]] = {}
        for name, column in columns.items():
            texts[name] = [""] * sheet.count
            cells = sheet.columns[column]
            for row, cell in zip(cells.rows, cells.cells, strict=True):
                texts[name][row] = str(cell)
        rows = [dict(zip(texts, row, strict=True)) for row in zip(*texts.values(), strict=True)]
        owners = [self._runs.of_row(row, sheet, layout) for row in rows]
        if each:
            for number, again in enumerate(again_of(owners)):
                if again and not rows[number].get("run_id"):
                    owners[number] = self._runs.of_row(rows[number], sheet, layout, again)
        return owners


def _place(path: Path) -> Path:
    """The place of a file or folder; `/dev/stdin` for a pipe, whose own name is new each time."""
    resolved = path.resolve()
    return resolved if resolved.exists() else path.absolute()


class CsvTables(Tables):
    """Files with a line of column names, and cells parted by commas, semicolons, tabs or bars."""

    kind = "csv"
    endings = (".csv", ".tsv")

    def __init__(
        self,
        paths: Sequence[Path],
        experiment: str | None = None,
        choices: Choices = Choices(),  # noqa: B008 - it cannot be changed
        media: Path | None = None,
        delimiter: str | None = None,
    ) -> None:
        self._delimiter = delimiter
        super().__init__(paths, experiment, choices, media)

    def sheet(self, path: Path) -> Sheet:
        """The rows of a file, empty cells left out."""
        return read_sheet(path, self.report, self._delimiter)


class JsonTables(Tables):
    """Files with JSON objects; objects within objects are columns with dots in their names."""

    kind = "jsonl"
    endings = (".jsonl", ".json", ".ndjson")

    def sheet(self, path: Path) -> Sheet:
        """The rows of a file."""
        return read_json(path, self.report)
