"""CSV and JSON lines: what `eventtrack export` writes, and the logs of plain training scripts.

A row is one of three things, by its columns: a point (`key` and `value`), a run (`status`,
`params.*`, `tags.*` or `metrics.*`), or one moment of a run, whose numbers are metrics.
"""

import csv
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from eventtrack.errors import NotFoundError
from eventtrack.store.intake import IncomingExperiment, IncomingRun
from eventtrack.transfer.columns import Columns
from eventtrack.transfer.settings import flat, iso_milliseconds, number, param_text
from eventtrack.transfer.source import Source, SourceRun, run_id_of
from eventtrack.views.records import LifecycleStage, RunStatus

Row = Mapping[str, Any]

_RUN_ID = re.compile(r"[a-zA-Z0-9][\w\-]{0,255}")
_PREFIXES = ("params.", "metrics.", "tags.")
_STEPS = ("step", "_step", "global_step", "epoch")
_MILLISECONDS = ("timestamp",)
_SECONDS = ("time", "wall_time", "_timestamp")
_NAMES = ("run_name", "run", "name")
# Columns that describe a run rather than hold a metric.
_FACTS = {
    *("run_id", "run_name", "run", "name", "experiment", "experiment_id", "status"),
    *("lifecycle_stage", "user_id", "start_time", "end_time", "timestamp", *_SECONDS, "_runtime"),
}
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class Tables(Source):
    """The runs in one or several files, read together.

    So the points of one file are those of the runs in another.

    Args:
        experiment: The experiment of rows that name none; by default the name of the file's folder.
    """

    def __init__(self, paths: Sequence[Path], experiment: str | None = None) -> None:
        missing = [path for path in paths if not path.is_file()]
        if missing:
            raise NotFoundError(
                f"cannot import {missing[0]}: there is no such file", hint="check the path"
            )
        super().__init__(" ".join(path.resolve().as_uri() for path in paths))
        self._runs: dict[str, _Run] = {}
        for path in paths:
            folder = path.resolve().parent.name
            for offset, row in self.rows(path):
                try:
                    self._take(row, path, experiment or folder)
                except (ValueError, OverflowError) as error:
                    self.report.damaged(path, offset, str(error))

    def rows(self, path: Path) -> Iterator[tuple[int, Row]]:
        """The rows of a file, each with its offset in bytes; those that cannot be read reported."""
        raise NotImplementedError

    def experiments(self) -> Mapping[str, IncomingExperiment]:
        """Every experiment that a row names."""
        names = {run.experiment for run in self._runs.values()}
        return {name: IncomingExperiment(name) for name in sorted(names)}

    def count(self) -> int:
        """How many runs the rows name."""
        return len(self._runs)

    def runs(self) -> Iterator[SourceRun]:
        """Every run, in the order of its first row."""
        while self._runs:
            run_id = next(iter(self._runs))
            yield self._runs.pop(run_id).finished(run_id)

    def _take(self, row: Row, path: Path, experiment: str) -> None:
        run = self._run_of(row, path, experiment)
        if "key" in row and "value" in row:
            value = _number(row["value"])
            if value is None:
                raise ValueError(f"the value {row['value']!r} is no number")
            run.columns.point(str(row["key"]), run.step(row), run.time(row), value)
        elif "status" in row or any(name.startswith(_PREFIXES) for name in row):
            run.take_facts(row)
        else:
            self._take_moment(run, row)

    def _take_moment(self, run: "_Run", row: Row) -> None:
        step, time = run.step(row), run.time(row)
        chosen = next((name for name in _STEPS if _present(row, name)), None)
        for name, value in row.items():
            if name in _FACTS or name == chosen or value in ("", None):
                continue
            found = _number(value)
            if found is None:
                self.report.left_out("cells that are no numbers")
            else:
                run.columns.point(name, step, time, found)

    def _run_of(self, row: Row, path: Path, experiment: str) -> "_Run":
        named = str(row.get("experiment") or row.get("experiment_id") or experiment)
        own = path.resolve()
        name = next((str(row[one]) for one in _NAMES if _present(row, one)), "")
        source_id = str(row.get("run_id") or "")
        run_id = source_id
        if not _RUN_ID.fullmatch(source_id):
            source_id = source_id or name or f"{own.parent.name}/{own.stem}"
            run_id = run_id_of("table", named, source_id)
        run = self._runs.get(run_id)
        if run is None:
            run = self._runs[run_id] = _Run(source_id, named, round(own.stat().st_mtime * 1000))
        elif "experiment" in row or "experiment_id" in row:
            run.experiment = named
        run.name = name or run.name
        return run


class CsvTables(Tables):
    """CSV files with a line of column names."""

    kind = "csv"

    def rows(self, path: Path) -> Iterator[tuple[int, Row]]:
        """The rows of a file, empty cells left out."""
        place = 0

        def lines() -> Iterator[str]:
            nonlocal place
            with path.open("rb") as stream:
                for line in stream:
                    place += len(line)
                    yield line.decode("utf-8-sig" if place == len(line) else "utf-8", "replace")

        reader = csv.reader(lines())
        header: list[str] = next(reader, [])
        while True:
            offset = place
            try:
                cells = next(reader, None)
            except csv.Error as error:
                self.report.damaged(path, offset, str(error))
                continue
            if cells is None:
                return
            if cells and len(cells) != len(header):
                problem = f"{len(cells)} cells where the first line names {len(header)} columns"
                self.report.damaged(path, offset, problem)
            elif cells:
                yield offset, {n: cell for n, cell in zip(header, cells, strict=True) if cell != ""}


class JsonTables(Tables):
    """Files with a JSON object on each line; nested ones are columns with dots in their names."""

    kind = "jsonl"

    def rows(self, path: Path) -> Iterator[tuple[int, Row]]:
        """The rows of a file."""
        offset = 0
        with path.open("rb") as stream:
            for line in stream:
                if line.strip():
                    try:
                        yield offset, dict(flat(_decode(line)))
                    except msgspec.DecodeError as error:
                        self.report.damaged(path, offset, f"no JSON object: {error}")
                offset += len(line)


class _Run:
    """What the rows say of one run."""

    def __init__(self, source_id: str, experiment: str, fallback_ms: int) -> None:
        self.source_id, self.experiment, self.name = source_id, experiment, ""
        self.columns = Columns()
        self.facts: dict[str, str] = {}
        self.params: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self._latest: dict[str, float] = {}
        self._fallback_ms = fallback_ms
        self._rows = 0

    def step(self, row: Row) -> int:
        """The row's step; without one, how many rows of the run came before."""
        self._rows += 1
        for name in _STEPS:
            if _present(row, name):
                found = _number(row[name])
                if found is None or not found.is_integer():
                    raise ValueError(f"the {name} {row[name]!r} is no whole number")
                exact = isinstance(row[name], int) or str(row[name]).lstrip("-").isdigit()
                return int(row[name]) if exact else int(found)
        return self._rows - 1

    def time(self, row: Row) -> int:
        """The row's time in milliseconds; 0 where none is known."""
        for names, unit in ((_MILLISECONDS, 1), (_SECONDS, 1000)):
            for name in names:
                if _present(row, name):
                    return _time(row[name], unit)
        return 0

    def take_facts(self, row: Row) -> None:
        """A row of the run itself."""
        for name, value in row.items():
            kind, _, key = name.partition(".")
            if f"{kind}." not in _PREFIXES:
                if name in _FACTS and value is not None:
                    self.facts[name] = str(value)
            elif kind == "metrics":
                found = _number(value)
                if found is None:
                    raise ValueError(f"the metric {key} is {value!r}, which is no number")
                self._latest[key] = found
            else:
                (self.params if kind == "params" else self.tags)[key] = param_text(value)

    def finished(self, run_id: str) -> SourceRun:
        """The run, when all rows are read."""
        facts, times = self.facts, self.columns.times()
        first, last = times if times and times[1] else (self._fallback_ms, None)
        start_ms = _time(facts["start_time"], 1) if "start_time" in facts else first
        end_ms = _time(facts["end_time"], 1) if "end_time" in facts else last
        if "status" in facts and "end_time" not in facts:
            end_ms = None  # it is known, and there is none
        for key, value in self._latest.items():
            # Only the value is known, unless points of it are among the rows.
            if self.columns.last(key) is None:
                self.columns.point(key, 0, end_ms or start_ms, value)
        status = facts.get("status", RunStatus.FINISHED)
        run = IncomingRun(
            run_id,
            self.experiment,
            self.name or self.source_id,
            user=facts.get("user_id", ""),
            status=status if status in RunStatus.ALL else RunStatus.FINISHED,
            start_ms=start_ms,
            end_ms=end_ms,
            deleted_ms=(end_ms or start_ms)
            if facts.get("lifecycle_stage") == LifecycleStage.DELETED
            else None,
            params=self.params,
            tags=self.tags,
        )
        return SourceRun(self.source_id, run, self.columns.series())


def _present(row: Row, name: str) -> bool:
    return row.get(name) not in (None, "")


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return None
    return number(value)


def _time(value: Any, unit: int) -> int:
    """A time: a number of `unit` milliseconds each, or an ISO text."""
    if isinstance(value, int) or (isinstance(value, str) and value.lstrip("-").isdigit()):
        return int(value) * unit  # a float would round it
    found = _number(value)
    if found is None:
        parsed = iso_milliseconds(str(value))
        if parsed is None:
            raise ValueError(f"{value!r} is no time")
        return parsed
    if not math.isfinite(found):
        raise ValueError(f"{value!r} is no time")
    return round(found * unit)
