"""Trackio's databases: a SQLite file for each project."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from eventtrack.errors import NotFoundError
from eventtrack.store.intake import IncomingExperiment, IncomingRun
from eventtrack.transfer.columns import Columns
from eventtrack.transfer.database import SqliteDatabase
from eventtrack.transfer.folders import files_below
from eventtrack.transfer.settings import flat, iso_milliseconds, number, param_text
from eventtrack.transfer.source import Source, SourceRun, run_id_of
from eventtrack.views.records import RunStatus

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_RUN_ID = re.compile("[0-9a-f]{32}")  # a form that ids have here too
_LEFT_OUT = {"traces": "traces", "alerts": "alerts", "artifact_versions": "artifacts of Trackio"}


class Databases(Source):
    """The runs of one database, or of all in a folder."""

    kind = "trackio"

    def __init__(self, place: Path, experiment: str | None = None) -> None:
        root = place.resolve()
        super().__init__(root.as_uri())
        self._experiment = experiment
        paths = sorted(root.glob("*.db")) if root.is_dir() else [root]
        self._projects = [_Project(path, self) for path in paths]
        self._projects = [one for one in self._projects if "metrics" in one.tables]
        if not self._projects:
            raise NotFoundError(
                f"cannot import {place}: there is no database of Trackio's",
                hint="name the folder with a .db file for each project, by default "
                "~/.cache/huggingface/trackio",
            )

    def experiments(self) -> Mapping[str, IncomingExperiment]:
        """An experiment for each project."""
        names = {self._experiment or one.name for one in self._projects}
        return {name: IncomingExperiment(name) for name in sorted(names)}

    def count(self) -> int:
        """How many runs there are."""
        return sum(len(one.runs) for one in self._projects)

    def runs(self) -> Iterator[SourceRun]:
        """Every run of every project."""
        for project in self._projects:
            for key, name in project.runs:
                yield project.run(key, name, self._experiment or project.name)

    def close(self) -> None:
        """Let go of the files."""
        for one in self._projects:
            one.database.close()


class _Project:
    """One database. Runs are told apart by `run_id`, in older ones by `run_name`."""

    def __init__(self, path: Path, source: Databases) -> None:
        self.path, self.name, self.report = path, path.stem, source.report
        self.database = SqliteDatabase(path, source.report)
        self.tables = self.database.tables()
        for table, what in _LEFT_OUT.items():
            if table in self.tables:
                for (count,) in self.database.rows(f"SELECT count(*) FROM {table}"):  # noqa: S608
                    self.report.left_out(what, count)
        self._key = "run_id" if "run_id" in self.tables.get("metrics", ()) else "run_name"
        self.runs = list(self._runs()) if "metrics" in self.tables else []

    def run(self, key: str, name: str, experiment: str) -> SourceRun:
        """One run, whose rows are read at once."""
        columns, times = Columns(), []
        for row_id, stamp, step, text in self._rows("metrics", "step", key):
            values = self._decoded(text, row_id, "metrics")
            times.append(_milliseconds(stamp))
            columns.row(int(step), times[-1], values)
        for row_id, stamp, step, text in self._rows("system_metrics", "0", key):
            values = self._decoded(text, row_id, "system_metrics")
            system = {f"system/{name}": value for name, value in flat(values)}
            columns.row(int(step), _milliseconds(stamp), system)
        config = self._config(key)
        created = config.pop("_Created", None)
        begun = _milliseconds(created) if isinstance(created, str) else min(times, default=0)
        user, group = config.pop("_Username", None), config.pop("_Group", None)
        tags = {} if group is None else {"trackio.group": str(group)}
        for name_of_text, value in columns.texts.items():
            if number(value) is None and value is not None:
                tags[f"trackio.last.{name_of_text}"] = param_text(value)
        run = IncomingRun(
            key if _RUN_ID.fullmatch(key) else run_id_of("trackio", self.name, key),
            experiment,
            name,
            user=str(user or ""),
            status=RunStatus.FINISHED,  # Trackio does not keep how a run ended
            start_ms=begun,
            end_ms=max(times, default=None),
            params={path: param_text(value) for path, value in flat(config)},
            tags=tags,
        )
        files = files_below(self.path.parent / "media" / self.name / name, self.report)
        return SourceRun(f"{self.name}/{key}", run, columns.series(), files)

    def _runs(self) -> Iterator[tuple[str, str]]:
        key = self._key
        tables = [one for one in ("metrics", "configs") if key in self.tables.get(one, ())]
        parts = [f"SELECT {key} k, run_name n FROM {table}" for table in tables]  # noqa: S608
        query = f"SELECT k, min(n) FROM ({' UNION ALL '.join(parts)}) GROUP BY k ORDER BY k"  # noqa: S608
        for found, name in self.database.rows(query):
            yield str(found), str(name)

    def _rows(self, table: str, step: str, key: str) -> Iterator[tuple[Any, ...]]:
        if table in self.tables:
            query = f"SELECT id, timestamp, {step}, metrics FROM {table} WHERE {self._key} = :key"  # noqa: S608
            yield from self.database.rows(f"{query} ORDER BY id", key=key)

    def _config(self, key: str) -> dict[str, Any]:
        if "configs" in self.tables:
            query = f"SELECT id, config FROM configs WHERE {self._key} = :key ORDER BY id"  # noqa: S608
            for row_id, text in self.database.rows(query, key=key):
                return self._decoded(text, row_id, "configs")
        return {}

    def _decoded(self, text: str | bytes, row_id: int, table: str) -> dict[str, Any]:
        try:
            return _decode(text)
        except msgspec.DecodeError as error:
            self.report.damaged(self.path, None, f"row {row_id} of {table}: {error}")
            return {}


def _milliseconds(stamp: str) -> int:
    return iso_milliseconds(stamp) or 0
