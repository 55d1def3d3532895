"""Trackio's databases: a SQLite file for each project, and files of rows that wait for one."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.store.intake import IncomingExperiment, IncomingFile, IncomingRun
from eventtrack.transfer.database import SqliteDatabase
from eventtrack.transfer.folders import files_below
from eventtrack.transfer.items import LoggedItems
from eventtrack.transfer.mlflow_facts import rounded, text_of
from eventtrack.transfer.nested import Rows, leaves, without_media
from eventtrack.transfer.report import Report
from eventtrack.transfer.settings import flat, iso_milliseconds, number, param_text
from eventtrack.transfer.source import Series, Source, SourceRun, run_id_of
from eventtrack.transfer.trackio_inbox import INBOX, Row, decoded, rows_in
from eventtrack.views.records import RunStatus

_RUN_ID = re.compile("[0-9a-f]{32}")  # a form that ids have here too
_LEFT_OUT = {"traces": "traces", "alerts": "alerts", "artifact_versions": "artifacts of Trackio"}
# Tables that are taken, that belong to a table above, or that are Trackio's own bookkeeping.
_KNOWN = re.compile(
    r"metrics|configs|system_metrics|project_metadata|pending_uploads|artifacts|artifact_.*"
    r"|(external_)?run_artifact_links|traces.*|sqlite_.*"
)
_METRICS, _SYSTEM, _CONFIGS = "metrics", "system_metrics", "configs"


class Databases(Source):
    """The runs of one database, or of all in a folder.

    On network disks Trackio writes rows to files first; rows that no database has yet are read as
    well.
    """

    kind = "trackio"

    def __init__(self, place: Path, experiment: str | None = None) -> None:
        root = place.resolve()
        super().__init__(root.as_uri())
        self._experiment = experiment
        self._projects: dict[str, _Project] = {}
        for path in sorted(root.glob("*.db")) if root.is_dir() else [root]:
            try:
                project = _Project(path, self.report)
            except InvalidValueError as error:
                if not root.is_dir():
                    raise
                self.report.damaged(path, None, error.message)
                continue
            if project.has_runs:
                self._projects[project.name] = project
            else:
                self.report.missing(str(path), "it has no tables of Trackio's")
                project.close()
        folder = root if root.is_dir() else root.parent
        for row in rows_in(folder / INBOX, self.report):
            if root.is_dir() or row.project in self._projects:
                path = folder / f"{row.project}.db"
                self._projects.setdefault(row.project, _Project(path, self.report)).wait(row)
        if not self._projects:
            raise NotFoundError(
                f"cannot import {place}: there is no database of Trackio's",
                hint="name the folder with a .db file for each project, by default "
                "~/.cache/huggingface/trackio",
            )

    def experiments(self) -> Mapping[str, IncomingExperiment]:
        """An experiment for each project."""
        names = {self._experiment or name for name in self._projects}
        return {name: IncomingExperiment(name) for name in sorted(names)}

    def count(self) -> int:
        """The number of runs."""
        return sum(len(project.runs()) for project in self._projects.values())

    def runs(self) -> Iterator[SourceRun]:
        """Every run of every project."""
        for name, project in sorted(self._projects.items()):
            for key, run_name in project.runs().items():
                yield _Run(project, key, run_name).source_run(self._experiment or name)

    def close(self) -> None:
        """Let go of the files."""
        for project in self._projects.values():
            project.close()


class _Project:
    """The database of a project, if there is one, and the rows that wait for it.

    The identity of a run is its `run_id`, in older databases its `run_name`.
    """

    def __init__(self, path: Path, report: Report) -> None:
        self.path, self.name, self.report = path, path.stem, report
        self._database = SqliteDatabase(path, report) if path.is_file() else None
        self._tables = {} if self._database is None else self._database.tables()
        self._waiting: list[Row] = []
        self._logged: set[str] | None = None  # ids of the rows that the database has
        self._runs: dict[str, str] | None = None
        # By table and run: the SQL conditions for its rows, with their values.
        self._places: dict[tuple[str, str], list[tuple[str, dict[str, Any]]]] = {}
        for table in sorted(self._tables):
            if self.has_runs and (table in _LEFT_OUT or not _KNOWN.fullmatch(table)):
                what = _LEFT_OUT.get(table, f"rows of the table {table}")
                for (count,) in self._rows(f'SELECT count(*) FROM "{table}"'):  # noqa: S608
                    report.left_out(what, count, place=path)

    @property
    def has_runs(self) -> bool:
        """Whether it is a database of Trackio's."""
        return _METRICS in self._tables

    def wait(self, row: Row) -> None:
        """Take a row that the database may not have yet."""
        if self._logged is None:
            self._logged = set()
            for table in (_METRICS, _SYSTEM):
                if "log_id" in self._tables.get(table, ()):
                    query = f"SELECT log_id FROM {table} WHERE log_id IS NOT NULL"  # noqa: S608
                    self._logged |= {text_of(log_id) for (log_id,) in self._rows(query)}
        if not row.log_id or row.log_id not in self._logged:
            self._logged.add(row.log_id)
            self._waiting.append(row)

    def runs(self) -> dict[str, str]:
        """The last name of each run, by its key."""
        if self._runs is None:
            self._runs = {}
            for table in (_CONFIGS, _SYSTEM, _METRICS):
                self._find_runs(table, self._runs)
            for row in self._waiting:
                self._runs.setdefault(row.key, row.run)
        return dict(sorted(self._runs.items()))

    def rows(self, table: str, key: str) -> Iterator[Row]:
        """The rows of a run in a table, and the rows that wait for that table."""
        has = self._tables.get(table, set())
        content, time = ("config", "created_at") if table == _CONFIGS else ("metrics", "timestamp")
        columns = [name if name in has else "NULL" for name in (time, "step", content)]
        for which, values in self._places.get((table, key), ()):
            query = f"SELECT rowid, {', '.join(columns)} FROM {table} WHERE {which} ORDER BY rowid"  # noqa: S608
            for number_of_row, stamp, step, text in self._rows(query, **values):
                place = f"row {number_of_row} of {table}"
                row_values = decoded(text, self.path, place, self.report)
                yield Row(self.name, "", key, table, stamp, step, row_values, self.path, place, "")
        yield from (row for row in self._waiting if (row.kind, row.key) == (table, key))
        if table == _CONFIGS:
            for row in self._waiting:
                if row.key == key and row.config:
                    yield row._replace(values=row.config)

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            self._database.close()

    def _find_runs(self, table: str, names: dict[str, str]) -> None:
        """Collect the runs of a table, and the conditions for their rows.

        The identity of a run is its id; in older rows, which have no id, its name. The same id may
        be there as a text and as bytes.
        """
        has = self._tables.get(table, set())
        run_id, run_name = (name if name in has else "NULL" for name in ("run_id", "run_name"))
        if has and (run_id, run_name) == ("NULL", "NULL"):
            what = f"rows of the table {table} of {self.path}"
            self.report.missing(what, "it has neither a column run_id nor run_name")
        if (run_id, run_name) == ("NULL", "NULL"):
            return
        query = f"SELECT {run_id}, {run_name} FROM {table} GROUP BY 1, 2 ORDER BY max(rowid)"  # noqa: S608
        for own_id, name in self._rows(query):
            key = text_of(own_id) or text_of(name)
            names[key] = text_of(name) or names.get(key, "")
            places = self._places.setdefault((table, key), [])
            place: tuple[str, dict[str, Any]] = ("run_id IS :id", {"id": own_id})
            if not text_of(own_id):
                place = (f"{run_id} IS :id AND run_name IS :name", {"id": own_id, "name": name})
            if place not in places:
                places.append(place)

    def _rows(self, query: str, **values: Any) -> Iterator[tuple[Any, ...]]:
        if self._database is not None:
            yield from self._database.rows(query, **values)


class _Run:
    """One run, whose rows are read at once."""

    def __init__(self, project: _Project, key: str, name: str) -> None:
        self._project, self._key, self._name = project, key, name
        self._report = project.report
        self._logged, self._system = Rows(), Rows()
        self._items = LoggedItems()
        self._config: dict[str, Any] = {}
        self._created: list[int] = []
        self._times: list[int] = []
        self._step = -1  # of the row before
        # A resumed run states its configuration and its creation time once more.
        for row in project.rows(_CONFIGS, key):
            self._config |= row.values
            for stamp in (row.values.get("_Created"), row.stamp):
                created = iso_milliseconds(stamp) if isinstance(stamp, str) else None
                self._created += [] if created is None else [created]
        rows, system = list(project.rows(_METRICS, key)), list(project.rows(_SYSTEM, key))
        # The first time of all rows, for rows without a time.
        stamps = [row.stamp for row in (*rows, *system) if isinstance(row.stamp, str)]
        times = [time for time in map(iso_milliseconds, stamps) if time is not None]
        changed = [round(path.stat().st_mtime * 1000) for path in {row.file for row in rows}]
        self._last = min(self._created or times[:1] or changed, default=0)
        for row in rows:
            self._take(row)
        for row in system:
            self._take_system(row)

    def source_run(self, experiment: str) -> SourceRun:
        """The run as an import takes it."""
        key, config, project = self._key, dict(self._config), self._project
        config.pop("_Created", None)
        user, group = config.pop("_Username", None), config.pop("_Group", None)
        tags = {} if group is None else {"trackio.group": str(group)}
        for name, value in self._logged.last_texts().items():
            tags[f"trackio.last.{name}"] = param_text(value)
        run = IncomingRun(
            key if _RUN_ID.fullmatch(key) else run_id_of("trackio", project.name, key),
            experiment,
            self._name,
            user=str(user or ""),
            status=RunStatus.FINISHED,  # Trackio does not keep how a run ended
            start_ms=min([*self._created, *self._times], default=self._last),
            end_ms=max(self._times, default=None),
            params={path: param_text(value) for path, value in flat(config)},
            tags=tags,
        )
        items = self._items.series()
        return SourceRun(f"{project.name}/{key}", run, self._series(), self._files(), items)

    def _series(self) -> Series:
        yield from self._logged.series()
        yield from self._system.series()

    def _files(self) -> Iterator[IncomingFile]:
        media = self._project.path.parent / "media" / self._project.name
        folder = media / self._name
        if self._name and media in folder.resolve().parents:
            yield from files_below(folder, self._report)
        yield from self._logged.files()

    def _take(self, row: Row) -> None:
        time = self._time(row)
        step = None if row.step is None else rounded(row.step, "step", row.damaged(self._report))
        self._step = self._step + 1 if step is None else step
        values, media = without_media(leaves(row.values))
        folder = self._project.path.parent / "media"
        for path, value in media:
            name = self._logged.names.name(path)
            if not self._items.logged(name, self._step, time, value, folder):
                kind = value.get("_type")
                self._report.left_out(f"logged media of the type {kind}", place=row.file)
        self._logged.row(self._step, time, values)

    def _take_system(self, row: Row) -> None:
        time = self._time(row)
        for path, value in leaves(row.values):
            point = number(value)
            if point is None:
                what = "statistics of the system that are no numbers"
                self._report.left_out(what, place=row.file)
                continue
            name = self._logged.names.name(("system", *path), f"system/{'.'.join(path)}")
            self._system.point(name, 0, time, point)

    def _time(self, row: Row) -> int:
        """The row's time in milliseconds; else the time of the row before it."""
        time = iso_milliseconds(row.stamp) if isinstance(row.stamp, str) else None
        if time is not None:
            self._last = time
        elif row.stamp is not None:
            row.damaged(self._report)(f"no time: {row.stamp!r:.100}; it has the one before")
        self._times.append(self._last)
        return self._last
