"""MLflow's SQL store, as `mlflow server --backend-store-uri sqlite:///mlflow.db` keeps it."""

import math
from array import array
from collections.abc import Iterator, Mapping
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

from eventtrack.errors import InvalidValueError
from eventtrack.projections.points import Points
from eventtrack.store.intake import (
    IncomingExperiment,
    IncomingFile,
    IncomingModel,
    IncomingRun,
)
from eventtrack.tags import RUN_NAME_TAG
from eventtrack.transfer.database import Database, open_database, without_password
from eventtrack.transfer.folders import files_below
from eventtrack.transfer.mlflow_facts import (
    dataset_input,
    local_folder,
    milliseconds,
    model_status,
    run_status,
    texts,
)
from eventtrack.transfer.source import Series, Source, SourceModel, SourceRun
from eventtrack.views.records import Metric

_DELETED = "deleted"
# Tables with things that have no place here, as they are told.
_LEFT_OUT = {
    "registered_models": "registered models",
    "model_versions": "versions of registered models",
    "trace_info": "traces",
    "assessments": "assessments of traces",
    "evaluation_datasets": "evaluation datasets",
}


class SqlStore(Source):
    """Everything in a database that MLflow's SQL store wrote, from MLflow 1.0 on."""

    kind = "mlflow"

    def __init__(self, url: str) -> None:
        if "://" not in url:
            url = f"sqlite:///{url}"  # a plain path
        super().__init__(without_password(url))
        self._database: Database = open_database(url, self.report.damaged)
        self._tables = self._database.tables()
        if not {"experiments", "runs", "metrics", "params", "tags"} <= set(self._tables):
            self.close()
            raise InvalidValueError(
                f"cannot import {self.place}: it has no tables of MLflow's",
                hint="name the database of the tracking server (its --backend-store-uri)",
            )
        path = url.removeprefix("sqlite:///") if url.startswith("sqlite:///") else ""
        self._base = Path(path).resolve().parent
        for table, what in _LEFT_OUT.items():
            if table in self._tables:
                self.report.left_out(what, self._count(table))

    def experiments(self) -> Mapping[str, IncomingExperiment]:
        """The experiments by their ids, deleted ones too."""
        fields = "experiment_id", "name", "lifecycle_stage", "creation_time", "last_update_time"
        found = {}
        for row in self._records("experiments", fields):
            name = str(row["experiment_id"])
            updated_ms = milliseconds(row["last_update_time"])
            found[name] = IncomingExperiment(
                str(row["name"]),
                tags=self._pairs("experiment_tags", "experiment_id", row["experiment_id"]),
                created_ms=milliseconds(row["creation_time"]),
                updated_ms=updated_ms,
                deleted_ms=(updated_ms or 0) if row["lifecycle_stage"] == _DELETED else None,
            )
        return found

    def count(self) -> int:
        """How many runs there are."""
        return self._count("runs")

    def runs(self) -> Iterator[SourceRun]:
        """Every run, in order of their ids."""
        fields = (
            *("run_uuid", "experiment_id", "name", "user_id", "status", "start_time", "end_time"),
            *("lifecycle_stage", "artifact_uri", "deleted_time"),
        )
        # Read at once, since a database may allow one open query; a run is a few hundred bytes.
        for row in list(self._records("runs", fields, order="run_uuid")):
            run_id = str(row["run_uuid"])
            tags = self._pairs("tags", "run_uuid", run_id)
            end_ms = milliseconds(row["end_time"])
            start_ms = milliseconds(row["start_time"]) or 0
            deleted_ms = milliseconds(row["deleted_time"]) or end_ms or start_ms
            run = IncomingRun(
                run_id,
                str(row["experiment_id"]),
                str(row["name"] or tags.get(RUN_NAME_TAG, "")),
                user=str(row["user_id"] or ""),
                status=run_status(row["status"]),
                start_ms=start_ms,
                end_ms=end_ms,
                deleted_ms=deleted_ms if row["lifecycle_stage"] == _DELETED else None,
                params=self._pairs("params", "run_uuid", run_id),
                tags=tags,
            )
            self._inputs(run)
            files = self._files(str(row["artifact_uri"] or ""), f"run {run_id}")
            yield SourceRun(run_id, run, self._series(run_id), files)

    def models(self) -> Iterator[SourceModel]:
        """Every logged model."""
        fields = (
            *("model_id", "experiment_id", "name", "artifact_location", "creation_timestamp_ms"),
            *("last_updated_timestamp_ms", "status", "lifecycle_stage", "model_type"),
            "source_run_id",
        )
        for row in list(self._records("logged_models", fields, order="model_id")):
            model_id = str(row["model_id"])
            updated_ms = milliseconds(row["last_updated_timestamp_ms"]) or 0
            model = IncomingModel(
                model_id,
                str(row["experiment_id"]),
                str(row["name"]),
                status=model_status(row["status"]),
                created_ms=milliseconds(row["creation_timestamp_ms"]) or 0,
                updated_ms=updated_ms,
                deleted_ms=updated_ms if row["lifecycle_stage"] == _DELETED else None,
                source_run_id=row["source_run_id"],
                model_type=row["model_type"],
                params=self._pairs("logged_model_params", "model_id", model_id, "param_"),
                tags=self._pairs("logged_model_tags", "model_id", model_id, "tag_"),
                points=list(self._measured(model_id)),
            )
            files = self._files(str(row["artifact_location"] or ""), f"model {model_id}")
            yield SourceModel(model, files)

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def _series(self, run_id: str) -> Series:
        rows = self._database.rows(
            "SELECT m.key, m.timestamp, m.step, m.value, m.is_nan FROM metrics m "
            "WHERE m.run_uuid = :run ORDER BY m.key, m.timestamp, m.step",
            run=run_id,
        )
        for key, group in groupby(rows, key=itemgetter(0)):
            _, timestamps, steps, values, nans = zip(*group, strict=True)
            points = Points()
            points.timestamps, points.steps = array("q", timestamps), array("q", steps)
            points.values = array("d", values)
            if any(nans):
                nan = float("nan")
                points.values = array(
                    "d", [nan if no else value for value, no in zip(values, nans, strict=True)]
                )
            yield str(key), points

    def _measured(self, model_id: str) -> Iterator[Metric]:
        if "logged_model_metrics" not in self._tables:
            return
        for key, timestamp, step, value, run_id, dataset, digest in self._database.rows(
            "SELECT metric_name, metric_timestamp_ms, metric_step, metric_value, run_id, "
            "dataset_name, dataset_digest FROM logged_model_metrics WHERE model_id = :model "
            "ORDER BY metric_name, metric_timestamp_ms, metric_step, run_id",
            model=model_id,
        ):
            yield Metric(
                key=key,
                value=math.nan if value is None else value,
                timestamp=timestamp,
                step=step,
                run_id=run_id,
                dataset_name=dataset,
                dataset_digest=digest,
            )

    def _inputs(self, run: IncomingRun) -> None:
        if "inputs" not in self._tables:
            return
        step = "step" if "step" in self._tables["inputs"] else "0"
        fields = f"input_uuid, source_type, source_id, destination_type, destination_id, {step}"
        query = (
            f"SELECT {fields} FROM inputs WHERE source_id = :run OR destination_id = :run "  # noqa: S608 - our own names
            "ORDER BY input_uuid"
        )
        links = list(self._database.rows(query, run=run.run_id))
        for link, source_type, source_id, target_type, target_id, at_step in links:
            if (source_type, target_type) == ("RUN_OUTPUT", "MODEL_OUTPUT"):
                run.models_written.append((str(target_id), int(at_step or 0)))
            elif (source_type, target_type) == ("RUN_INPUT", "MODEL_INPUT"):
                run.models_read.append(str(target_id))
            elif (source_type, target_type) == ("DATASET", "RUN"):
                tags = self._pairs("input_tags", "input_uuid", link, names=("name", "value"))
                for row in self._database.rows(
                    "SELECT name, digest, dataset_source_type, dataset_source, dataset_schema, "
                    "dataset_profile FROM datasets WHERE dataset_uuid = :dataset",
                    dataset=source_id,
                ):
                    names = ("name", "digest", "source_type", "source", "schema", "profile")
                    run.datasets.append(dataset_input(dict(zip(names, row, strict=True)), tags))

    def _files(self, uri: str, owner: str) -> Iterator[IncomingFile]:
        """The files at a URI that leads to a folder here; else that they are elsewhere is told."""
        folder = local_folder(uri, self._base) if uri else None
        if uri.startswith("mlflow-artifacts:"):
            # The server kept them in its --artifacts-destination: by default beside the database.
            below = uri.removeprefix("mlflow-artifacts:").lstrip("/")
            folder = self._base / "mlartifacts" / below
            if not folder.is_dir():
                folder = None
        if folder is None and uri:
            self.report.missing(
                f"artifacts of {owner}", f"they are in {uri}: import from the server to take them"
            )
        elif folder is not None:
            yield from files_below(folder, self.report)

    def _records(
        self, table: str, fields: tuple[str, ...], order: str = "1"
    ) -> Iterator[dict[str, Any]]:
        """Rows by field; a field that this version of MLflow did not have is None."""
        has = self._tables.get(table, set())
        columns = ", ".join(one if one in has else f"NULL AS {one}" for one in fields)
        if has:
            query = f"SELECT {columns} FROM {table} ORDER BY {order}"  # noqa: S608 - our own names
            for row in self._database.rows(query):
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
        # Behind a dot, for databases to which `key` alone is a word of their own.
        query = f"SELECT t.{key}, t.{text} FROM {table} t WHERE t.{column} = :value"  # noqa: S608
        return texts(dict(self._database.rows(query, value=value)))

    def _count(self, table: str) -> int:
        counts = list(self._database.rows(f"SELECT count(*) FROM {table}"))  # noqa: S608 - as above
        return int(counts[0][0]) if counts else 0  # none where the file is damaged
