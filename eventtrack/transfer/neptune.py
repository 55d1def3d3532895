"""Neptune's exports: Parquet files of its exporter, with the folder of the files that were logged.

`data/PROJECT/RUN_part_N.parquet` has a row for each value of an attribute: the attribute's path and
type, step and timestamp for series, and one column for each type of value. Settings are attributes
without a step, facts of the run begin with `sys/`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from math import inf
from pathlib import Path
from typing import Any

from eventtrack.errors import NotFoundError, UsageError
from eventtrack.events.items import Histogram, Text
from eventtrack.projections.points import Points
from eventtrack.store.intake import (
    IncomingExperiment,
    IncomingFile,
    IncomingItems,
    IncomingMedium,
    IncomingRun,
)
from eventtrack.tags import FORKED_TAG, NOTE_TAG, PARENT_TAG
from eventtrack.transfer.folders import walk
from eventtrack.transfer.items import LoggedItems
from eventtrack.transfer.report import Report
from eventtrack.transfer.source import NO_TIME, Series, Source, SourceRun, run_id_of
from eventtrack.views.records import RunStatus

_PART = re.compile(r"_part_(\d+)\.parquet$")
_SETTINGS = {
    "float": "float_value",
    "int": "int_value",
    "string": "string_value",
    "bool": "bool_value",
    "datetime": "datetime_value",
}
_TYPES: dict[str, type | tuple[type, ...]] = {
    "float": (float, int),
    "int": int,
    "string": str,
    "bool": bool,
    "datetime": datetime,
}
_COLUMNS = (
    *("project_id", "run_id", "attribute_path", "attribute_type", "step", "timestamp"),
    *_SETTINGS.values(),
    *("string_set_value", "file_value", "histogram_value"),
)
# Decoded at once.
_BATCH_ROWS = 65_536
_FRACTIONS = "fractions of steps (what was logged is here, at the whole step below)"
_SENSELESS = "values of the type {} that make no sense"
_ABSENT = "files that are not in the export"

Row = dict[str, Any]


class Exports(Source):
    """All runs of an export.

    Args:
        folder: The folder `data`, or the folder above it.
        files: The folder `files`; by default the folder of that name beside `data`.
        experiment: The experiment for all runs; by default each run's project.
    """

    kind = "neptune"

    def __init__(
        self, folder: Path, files: Path | None = None, experiment: str | None = None
    ) -> None:
        root = folder.resolve()
        data = root / "data" if (root / "data").is_dir() else root
        super().__init__(data.as_uri())
        self.parquet = _parquet()
        self.files = (files or data.parent / "files").resolve()
        self._experiment = experiment
        self._parts: dict[tuple[str, str], list[Path]] = {}
        walked = walk(data, self.report) if data.is_dir() else ()
        paths = sorted((path for _, files in walked for path in files), key=_part_number)
        parts = [path for path in paths if path.suffix == ".parquet"]
        for path, names in self.each(parts, lambda path: (path, self._names(path)), str):
            for name in names:
                self._parts.setdefault(name, []).append(path)
        if not parts:
            raise NotFoundError(
                f"cannot import {folder}: no .parquet file is below it",
                hint="name the folder that neptune-exporter wrote its data to",
            )

    def experiments(self) -> Mapping[str, IncomingExperiment]:
        """An experiment for each project."""
        names = {self._experiment or project for project, _ in self._parts}
        return {name: IncomingExperiment(name) for name in sorted(names)}

    def count(self) -> int:
        """The number of runs."""
        return len(self._parts)

    def runs(self) -> Iterator[SourceRun]:
        """Every run, joined from its parts."""
        for project, name in sorted(self._parts):
            read = self._read(project, name, self.report)
            run = read.run(self._experiment or project)
            yield SourceRun(f"{project}/{name}", run, read.series(), read.files, read.items())

    def _read(self, project: str, name: str, report: Report, met: tuple[str, ...] = ()) -> "_Run":
        """Read a run. A forked run begins with the history of its parent up to the fork.

        The exporter writes what a run logged itself.
        """
        read = _Run(self, report, project, name)
        for path in self._parts[project, name]:
            try:
                for row in self.rows(path):
                    read.take(row, path)
            except Exception as error:
                report.failed(str(path), error)
        parent, step = read.forked_from
        if not parent:
            return read
        if (project, parent) in self._parts and parent not in (*met, name):
            # The report has what is odd in the parent from the parent's own turn.
            read.begin_with(self._read(project, parent, Report(""), (*met, name)), step)
        else:
            what = f"the history of run {name} up to step {_shown(step)}"
            report.missing(what, f"it was forked from run {parent}, which is not in the export")
        return read

    def rows(self, path: Path) -> Iterator[Row]:
        """The rows of a part."""
        with self.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            columns = [name for name in file.schema_arrow.names if name in _COLUMNS]
            count = 0
            for batch in file.iter_batches(_BATCH_ROWS, columns=columns):
                count += batch.num_rows
                yield from batch.to_pylist()
            if count != file.metadata.num_rows:
                # pyarrow ends in silence where a column has fewer values than there are rows.
                raise ValueError(f"{count} of {file.metadata.num_rows} rows can be read")

    def _names(self, path: Path) -> list[tuple[str, str]]:
        """The projects and runs of a part."""
        with self.parquet.ParquetFile(path, page_checksum_verification=True) as file:
            for name in _COLUMNS:
                if name not in file.schema_arrow.names:
                    self.report.damaged(str(path), None, f"the column {name} is absent")
            table = file.read(columns=["project_id", "run_id"]).to_pydict()
        pairs = zip(table["project_id"], table["run_id"], strict=True)
        return sorted({(str(project), str(run)) for project, run in pairs})


class _Run:
    """One run, filled row by row."""

    def __init__(self, source: Exports, report: Report, project: str, name: str) -> None:
        self._source, self._report = source, report
        self._project, self._name = project, name
        self._params: dict[str, str] = {}
        self._tags: dict[str, str] = {}
        self._sys: dict[str, Any] = {}
        self._points: dict[str, Points] = {}
        self._items = LoggedItems()
        self.files: list[IncomingFile] = []

    def take(self, row: Row, path: Path) -> None:
        """Take a value of an attribute; a value of another run is not taken."""
        if (str(row["project_id"]), str(row["run_id"])) != (self._project, self._name):
            return
        name, kind = str(row["attribute_path"]), row["attribute_type"]
        place = f"{name} of run {self._name} in {path}"
        if kind in _SETTINGS:
            self._take_setting(name, kind, row.get(_SETTINGS[kind]), place)
        elif kind == "string_set":
            for item in row.get("string_set_value") or ():
                what = "tag" if name == "sys/tags" else name
                self._tags[f"neptune.{what}.{item}"] = "true"
        elif kind == "file":
            self._take_file(name, row.get("file_value"), place)
        elif str(kind).endswith("_series"):
            self._take_series(name, str(kind), row, place)
        else:
            self._report.left_out(f"attributes of the type {kind}", place=place)

    def run(self, experiment: str) -> IncomingRun:
        """The run as an import takes it."""
        facts = self._sys
        status = RunStatus.FAILED if facts.get("failed") is True else RunStatus.FINISHED
        if str(facts.get("state", "")).lower() == "running":
            status = RunStatus.RUNNING
        started, ended = _ms(facts.get("creation_time")), _ms(facts.get("modification_time"))
        times = [at for points in self._points.values() for at in points.timestamps if at >= 0]
        note = facts.get("description")
        return IncomingRun(
            run_id_of("neptune", self._project, self._name),
            experiment,
            str(facts.get("name") or facts.get("custom_run_id") or self._name),
            user=str(facts.get("owner") or ""),
            status=status,
            start_ms=min(times, default=0) if started is None else started,
            end_ms=None if status == RunStatus.RUNNING else ended or max(times, default=None),
            params=self._params,
            tags=self._tags | ({NOTE_TAG: str(note)} if note else {}) | self._fork_tags(),
        )

    @property
    def forked_from(self) -> tuple[str, float]:
        """The name of the run that this run is a fork of, and the last step; "" for no fork."""
        parent, step = self._sys.get("forking/parent"), self._sys.get("forking/step")
        return str(parent or ""), inf if step is None else step

    def begin_with(self, parent: "_Run", last_step: float) -> None:
        """Let the series begin with those of another run, up to a step."""
        for key, points in parent.series():
            own = self._points.setdefault(key, Points())
            for step, at_ms, value in zip(
                points.steps, points.timestamps, points.values, strict=True
            ):
                if step <= last_step:
                    own.steps.append(step)
                    own.timestamps.append(at_ms)
                    own.values.append(value)
        for items in parent.items():
            values: Sequence[Text | Histogram | IncomingMedium] = items.values
            for step, at_ms, item in zip(items.steps, items.timestamps, values, strict=True):
                if step <= last_step:
                    self._items.add(items.key, step, at_ms, item)

    def series(self) -> Series:
        """The points of the run's metrics."""
        yield from sorted(self._points.items())

    def items(self) -> Iterator[IncomingItems]:
        """Texts, histograms and files over steps."""
        return self._items.series()

    def _fork_tags(self) -> dict[str, str]:
        """The tags by which trees and pages show a fork."""
        parent, step = self.forked_from
        if not parent:
            return {}
        run_id = run_id_of("neptune", self._project, parent)
        return {
            PARENT_TAG: run_id,
            FORKED_TAG: run_id + ("" if step == inf else f"@{_shown(step)}"),
        }

    def _take_setting(self, name: str, kind: str, value: Any, place: str) -> None:
        if not isinstance(value, _TYPES[kind]):
            self._report.left_out(_SENSELESS.format(kind), place=place)
        elif name.startswith("sys/"):
            self._sys[name.removeprefix("sys/")] = value
            self._tags[f"neptune.{name}"] = _text(value)
        else:
            self._params[name] = _text(value)

    def _take_series(self, name: str, kind: str, row: Row, place: str) -> None:
        step, time_ms = self._step(row.get("step"), place), _ms(row.get("timestamp"))
        time_ms = NO_TIME if time_ms is None else time_ms
        taken = True
        if kind == "float_series" and row.get("float_value") is not None:
            points = self._points.setdefault(name, Points())
            points.steps.append(step)
            points.timestamps.append(time_ms)
            points.values.append(row["float_value"])
        elif kind == "string_series" and row.get("string_value") is not None:
            source = name.rpartition("/")[2]
            console = source if source in ("stdout", "stderr") else ""
            taken = self._items.text(name, step, time_ms, row["string_value"], console)
        elif kind == "histogram_series" and row.get("histogram_value"):
            histogram = row["histogram_value"]
            edges, counts = histogram.get("edges") or (), histogram.get("values") or ()
            taken = self._items.histogram(name, step, time_ms, edges, counts)
        elif kind == "file_series" and row.get("file_value"):
            path = self._file(row["file_value"])
            taken = path is not None
            if path is not None:
                self._items.medium(name, step, time_ms, path)
            else:
                self._report.left_out(_ABSENT, place=place)
                return
        else:
            taken = False
        if not taken:
            self._report.left_out(_SENSELESS.format(kind), place=place)

    def _take_file(self, name: str, value: Any, place: str) -> None:
        path = self._file(value)
        if path is None:
            self._report.left_out(_ABSENT, place=place)
            return
        suffix = "" if name.endswith(path.suffix) else path.suffix
        self.files.append(IncomingFile(name + suffix, path))

    def _file(self, value: Any) -> Path | None:
        """The file that a value names, if it is below the folder of files."""
        named = value.get("path") if isinstance(value, Mapping) else None
        if not isinstance(named, str) or "\0" in named:
            return None
        path = (self._source.files / named).resolve()
        is_there = path.is_relative_to(self._source.files) and path.is_file()
        return path if is_there else None

    def _step(self, step: Decimal | None, place: str) -> int:
        if step is None:
            self._report.damaged(self._source.place, None, "a value without a step", place=place)
            return 0
        whole = int(step // 1)
        if whole != step:
            self._report.left_out(_FRACTIONS, place=place)
        return whole


def _parquet() -> Any:
    try:
        from pyarrow import parquet
    except ImportError as error:
        raise UsageError(
            "an export of Neptune is in Parquet, which needs pyarrow",
            hint="run `pip install 'eventtrack[parquet]'`",
        ) from error
    return parquet


def _part_number(path: Path) -> tuple[str, int]:
    match = _PART.search(path.name)
    return (path.name[: match.start()], int(match[1])) if match else (path.name, 0)


def _ms(moment: Any) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)


def _shown(step: float) -> str:
    return str(int(step) if step % 1 == 0 else step)


def _text(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
