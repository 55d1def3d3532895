"""MLflow's SQL store, as `mlflow server --backend-store-uri sqlite:///mlflow.db` keeps it.

Only columns that a table really has are read: the schemas of MLflow 0.9 to today differ in their
columns, and the version that a database states does not tell which it has.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from eventtrack.errors import InvalidValueError
from eventtrack.store.intake import IncomingExperiment, IncomingModel, IncomingRun
from eventtrack.tags import RUN_NAME_TAG, USER_TAG
from eventtrack.transfer.database import Database, open_database, sqlite_file, without_password
from eventtrack.transfer.mlflow_facts import (
    Artifacts,
    dataset_input,
    milliseconds,
    model_status,
    rounded,
    run_status,
    source_tags,
    text_of,
    texts,
    whole,
)
from eventtrack.transfer.mlflow_points import PointRow, measured, series
from eventtrack.transfer.source import Series, Source, SourceModel, SourceRun

_DELETED = "deleted"
_TAKEN = {"experiments", "runs", "metrics", "params", "tags"}
# Tables with things that have no place here, with the words for the report.
_LEFT_OUT = {
    "registered_models": "registered models",
    "model_versions": "versions of registered models",
    "trace_info": "traces",
    "assessments": "assessments of traces",
    "evaluation_datasets": "evaluation datasets",
}
# Tables that are taken, that belong to a table above, or that are MLflow's own bookkeeping.
_KNOWN = re.compile(
    r"experiments|experiment_tags|runs|metrics|latest_metrics|params|tags|datasets|inputs"
    r"|input_tags|logged_model.*|registered_model.*|model_version.*|trace_.*|span.*|assessments"
    r"|evaluation_dataset.*|entity_associations|alembic_.*|sqlite_.*|sql_.*|workspaces|jobs"
    r"|job_locks|scheduler_leases"
)
# Tables of rows that belong to a row of another.
_OWNED = (
    ("metrics", "run_uuid", "runs"),
    ("params", "run_uuid", "runs"),
    ("tags", "run_uuid", "runs"),
    ("experiment_tags", "experiment_id", "experiments"),
)
_RUN_FIELDS = (
    *("run_uuid", "experiment_id", "name", "user_id", "status", "start_time", "end_time"),
    *("lifecycle_stage", "artifact_uri", "deleted_time", "source_type", "source_name"),
    *("entry_point_name", "source_version"),
)
_MODEL_FIELDS = (
    *("model_id", "experiment_id", "name", "artifact_location", "creation_timestamp_ms"),
    *("last_updated_timestamp_ms", "status", "lifecycle_stage", "model_type", "source_run_id"),
)
_EXPERIMENT_FIELDS = (
    *("experiment_id", "name", "lifecycle_stage", "creation_time", "last_update_time"),
    "workspace",
)
_MEASURED_FIELDS = (
    *("metric_name", "metric_timestamp_ms", "metric_step", "metric_value", "run_id"),
    *("dataset_name", "dataset_digest"),
)
_DATASET_FIELDS = {
    "name": "name",
    "digest": "digest",
    "dataset_source_type": "source_type",
    "dataset_source": "source",
    "dataset_schema": "schema",
    "dataset_profile": "profile",
}


class SqlStore(Source):
    """Everything in a database that MLflow's SQL store wrote, from MLflow 0.9 on."""

    kind = "mlflow"

    def __init__(self, url: str) -> None:
        if "://" not in url:
            url = f"sqlite:///{url}"  # a plain path
        super().__init__(without_password(url))
        self._database: Database = open_database(url, self.report)
        self._tables = self._database.tables()
        if not set(self._tables) >= _TAKEN:
            self.close()
            raise InvalidValueError(
                f"cannot import {self.place}: it has no tables of MLflow's",
                hint="name the database of the tracking server (its --backend-store-uri)",
            )
        self._file = sqlite_file(url).resolve() if url.startswith("sqlite:///") else None
        base = Path.cwd() if self._file is None else self._file.parent
        self._artifacts = Artifacts(self.report, base)
        self._created: dict[str, int] = {}  # when experiments were created
        for table in sorted(self._tables):
            if table in _LEFT_OUT or not _KNOWN.fullmatch(table):
                what = _LEFT_OUT.get(table, f"rows of the table {table}")
                self.report.left_out(what, self._count(table), place=f"{self.place}: {table}")

    def experiments(self) -> Mapping[str, IncomingExperiment]:
        """The experiments by their ids, deleted ones too."""
        experiments: dict[str, IncomingExperiment] = {}
        names: set[str] = set()
        for row in self._records("experiments", _EXPERIMENT_FIELDS):
            source_id = _id_of(row["experiment_id"])
            damaged = self._damaged(f"experiment {source_id}")
            updated_ms = milliseconds(row["last_update_time"], damaged)
            created_ms = milliseconds(row["creation_time"], damaged)
            self._created[source_id] = created_ms or updated_ms or 0
            name = text_of(row["name"]) or source_id
            if name in names:
                # Workspaces may each have an experiment of that name.
                self.report.renamed[name] = name = (
                    f"{name} ({text_of(row['workspace'])}{source_id})"
                )
            names.add(name)
            experiments[source_id] = IncomingExperiment(
                name,
                tags=self._pairs("experiment_tags", "experiment_id", row["experiment_id"]),
                created_ms=created_ms,
                updated_ms=updated_ms,
                deleted_ms=(updated_ms or 0) if _is_deleted(row) else None,
            )
        for table in ("runs", "logged_models"):
            for row in self._records(table, ("experiment_id",), distinct=True):
                source_id = _id_of(row["experiment_id"])
                if source_id not in experiments:
                    self._damaged(table)(f"there is no experiment {source_id}; it is named so here")
                    experiments[source_id] = IncomingExperiment(source_id)
        return experiments

    def count(self) -> int:
        """The number of runs."""
        return self._count("runs")

    def runs(self) -> Iterator[SourceRun]:
        """Every run, in order of their ids."""
        # Read at once, since a database may allow one open query; a run is a few hundred bytes.
        for row in list(self._records("runs", _RUN_FIELDS, order="run_uuid")):
            yield self._run(row)
        for table, column, owners in _OWNED:
            self._check_owners(table, column, owners)

    def models(self) -> Iterator[SourceModel]:
        """Every logged model."""
        for row in list(self._records("logged_models", _MODEL_FIELDS, order="model_id")):
            yield self._model(row)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def _run(self, row: Mapping[str, Any]) -> SourceRun:
        run_id = text_of(row["run_uuid"])
        experiment_id = _id_of(row["experiment_id"])
        damaged = self._damaged(f"run {run_id}")
        tags = source_tags(row) | self._pairs("tags", "run_uuid", row["run_uuid"])
        end_ms = milliseconds(row["end_time"], damaged)
        start_ms = milliseconds(row["start_time"], damaged)
        if start_ms is None:
            start_ms = (
                self._first_time(row["run_uuid"]) or end_ms or self._created.get(experiment_id)
            )
        if not start_ms:
            start_ms = 0 if self._file is None else round(self._file.stat().st_mtime * 1000)
        deleted_ms = milliseconds(row["deleted_time"], damaged) or end_ms or start_ms
        run = IncomingRun(
            run_id,
            experiment_id,
            text_of(row["name"]) or tags.get(RUN_NAME_TAG, ""),
            user=text_of(row["user_id"]) or tags.get(USER_TAG, ""),
            status=run_status(row["status"], damaged),
            start_ms=start_ms,
            end_ms=end_ms,
            deleted_ms=deleted_ms if _is_deleted(row) else None,
            params=self._pairs("params", "run_uuid", row["run_uuid"]),
            tags=tags,
        )
        self._inputs(run, row["run_uuid"])
        files = self._artifacts.files(text_of(row["artifact_uri"]), f"run {run_id}", run_id)
        return SourceRun(run_id, run, self._series(row["run_uuid"], start_ms), files)

    def _model(self, row: Mapping[str, Any]) -> SourceModel:
        model_id = text_of(row["model_id"])
        damaged = self._damaged(f"model {model_id}")
        updated_ms = milliseconds(row["last_updated_timestamp_ms"], damaged)
        created_ms = milliseconds(row["creation_timestamp_ms"], damaged) or updated_ms or 0
        updated_ms = updated_ms or created_ms
        rows = self._records(
            "logged_model_metrics",
            _MEASURED_FIELDS,
            order="metric_name, metric_timestamp_ms, metric_step, run_id",
            where=("model_id", row["model_id"]),
        )
        model = IncomingModel(
            model_id,
            _id_of(row["experiment_id"]),
            text_of(row["name"]),
            status=model_status(row["status"]),
            created_ms=created_ms,
            updated_ms=updated_ms,
            deleted_ms=updated_ms if _is_deleted(row) else None,
            source_run_id=text_of(row["source_run_id"]) or None,
            model_type=text_of(row["model_type"]) or None,
            params=self._pairs("logged_model_params", "model_id", row["model_id"], "param_"),
            tags=self._pairs("logged_model_tags", "model_id", row["model_id"], "tag_"),
            points=list(measured(rows, created_ms, damaged)),
        )
        uri = text_of(row["artifact_location"])
        return SourceModel(model, self._artifacts.files(uri, f"model {model_id}", model_id))

    def _series(self, run_id: object, start_ms: int) -> Series:
        has = self._tables["metrics"]
        step = "m.step" if "step" in has else "NULL"
        nan = "m.is_nan" if "is_nan" in has else "0"
        rows: Iterator[PointRow] = self._database.rows(
            f"SELECT m.key, m.timestamp, {step}, m.value, {nan} FROM metrics m "  # noqa: S608
            "WHERE m.run_uuid = :run ORDER BY m.key, m.timestamp" + (", m.step" * ("step" in has)),
            run=run_id,
        )
        damaged = self._damaged(f"metrics of run {text_of(run_id)}")
        return series(rows, start_ms, damaged, has_steps="step" in has)

    def _first_time(self, run_id: object) -> int | None:
        query = "SELECT m.timestamp FROM metrics m WHERE m.run_uuid = :run"
        times = [whole(row[0]) for row in self._database.rows(query, run=run_id)]
        return min((time for time in times if time), default=None)

    def _inputs(self, run: IncomingRun, run_id: object) -> None:
        if "inputs" not in self._tables:
            return
        damaged = self._damaged(f"inputs of run {run.run_id}")
        step = "step" if "step" in self._tables["inputs"] else "0"
        fields = f"input_uuid, source_type, source_id, destination_type, destination_id, {step}"
        query = (
            f"SELECT {fields} FROM inputs WHERE source_id = :run OR destination_id = :run "  # noqa: S608 - our own names
            "ORDER BY input_uuid"
        )
        links = list(self._database.rows(query, run=run_id))
        for link, source_type, source_id, target_type, target_id, at_step in links:
            if (source_type, target_type) == ("RUN_OUTPUT", "MODEL_OUTPUT"):
                at = rounded(at_step or 0, "step", damaged) or 0
                run.models_written.append((text_of(target_id), at))
            elif (source_type, target_type) == ("RUN_INPUT", "MODEL_INPUT"):
                run.models_read.append(text_of(target_id))
            elif (source_type, target_type) == ("DATASET", "RUN"):
                self._dataset(run, link, source_id)
            else:
                what = f"links from {source_type} to {target_type}"
                self.report.left_out(what, place=f"{self.place}: run {run.run_id}")

    def _dataset(self, run: IncomingRun, link: object, dataset_id: object) -> None:
        tags = self._pairs("input_tags", "input_uuid", link, names=("name", "value"))
        where = ("dataset_uuid", dataset_id)
        rows = list(self._records("datasets", tuple(_DATASET_FIELDS), where=where))
        if not rows:
            what = f"dataset {text_of(dataset_id)} of run {run.run_id}"
            self.report.missing(what, "the table datasets does not have it")
        for row in rows:
            used = {name: row[column] for column, name in _DATASET_FIELDS.items()}
            run.datasets.append(dataset_input(used, tags))

    def _check_owners(self, table: str, column: str, owners: str) -> None:
        """Report rows without an owner: no run or experiment has them."""
        query = (
            f"SELECT t.{column}, count(*) FROM {table} t "  # noqa: S608 - our own names
            f"LEFT JOIN {owners} o ON o.{column} = t.{column} "
            f"WHERE o.{column} IS NULL GROUP BY t.{column}"
        )
        for owner, count in self._database.rows(query) if table in self._tables else ():
            problem = (
                f"{count} rows belong to {column} {owner!r:.100}, which {owners} does not have"
            )
            self.report.damaged(self.place, None, problem, place=table, count=count)

    def _records(
        self,
        table: str,
        fields: tuple[str, ...],
        order: str = "1",
        where: tuple[str, object] | None = None,
        *,
        distinct: bool = False,
    ) -> Iterator[dict[str, Any]]:
        """Rows by field; a field that this version of MLflow did not have is None."""
        has = self._tables.get(table, set())
        columns = ", ".join(name if name in has else f"NULL AS {name}" for name in fields)
        if has:
            which = "" if where is None else f"WHERE {where[0]} = :value"
            values = {} if where is None else {"value": where[1]}
            query = (
                f"SELECT {'DISTINCT ' * distinct}{columns} FROM {table} {which} ORDER BY {order}"  # noqa: S608 - our own names
            )
            for row in self._database.rows(query, **values):
                yield dict(zip(fields, row, strict=True))

    def _pairs(
        self,
        table: str,
        column: str,
        value: Any,
        prefix: str = "",
        names: tuple[str, str] = ("key", "value"),
    ) -> dict[str, str]:
        if table not in self._tables:
            return {}
        key, text = (prefix + name for name in names)
        # After a dot, for databases in which `key` alone is a reserved word.
        query = f"SELECT t.{key}, t.{text} FROM {table} t WHERE t.{column} = :value"  # noqa: S608
        return texts(dict(self._database.rows(query, value=value)))

    def _count(self, table: str) -> int:
        counts = list(self._database.rows(f'SELECT count(*) FROM "{table}"'))  # noqa: S608
        return int(counts[0][0]) if counts else 0  # none where the file is damaged

    def _damaged(self, place: str) -> "_Damaged":
        return _Damaged(self, place)


class _Damaged:
    """Reports odd values in the rows of one run, model or table."""

    def __init__(self, source: SqlStore, place: str) -> None:
        self._source, self._place = source, place

    def __call__(self, problem: str) -> None:
        self._source.report.damaged(self._source.place, None, problem, place=self._place)


def _id_of(value: object) -> str:
    """An experiment's id as a text; some rows have it as a number."""
    number = whole(value)
    return text_of(value) if number is None else str(number)


def _is_deleted(row: Mapping[str, Any]) -> bool:
    return text_of(row["lifecycle_stage"]).lower() == _DELETED
