"""Answers in MLflow's JSON: lists that are empty and fields that are not set are left out."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from eventtrack.compat.checks import stored_double
from eventtrack.compat.requests import MODEL_STATUSES
from eventtrack.views.records import (
    DatasetInput,
    Experiment,
    FileInfo,
    LoggedModel,
    Metric,
    Run,
    RunInfo,
)

Json = dict[str, Any]

MODEL_STATUS_WORDS = {status: word for word, status in MODEL_STATUSES.items()}

# The version whose words and shapes these are; clients choose what to ask for by it.
MLFLOW_VERSION = "3.17.2"
# Files of runs that the server keeps are fetched and sent through it.
PROXY_SCHEME = "mlflow-artifacts:/"
OWN_SCHEME = "eventtrack:"


def served_by_us(location: str) -> bool:
    """Whether the server keeps the files of a location: in the store, whatever its name is."""
    return location.startswith((OWN_SCHEME, PROXY_SCHEME))


def experiment_location(experiment: Experiment) -> str:
    """Where a client sends an experiment's files."""
    if experiment.artifact_location.startswith(OWN_SCHEME):
        return f"{PROXY_SCHEME}{experiment.experiment_id}"
    return experiment.artifact_location


def run_location(info: RunInfo) -> str:
    """Where a client sends a run's files."""
    return location_of(info, info.artifact_uri)


class OfRun(Protocol):
    """What has the ids of a run."""

    @property
    def experiment_id(self) -> str:
        """The run's experiment."""
        ...

    @property
    def run_id(self) -> str:
        """The run."""
        ...


def location_of(run: OfRun, uri: str) -> str:
    """Where a client sends the files of a run which the store keeps at `uri`."""
    if uri.startswith(OWN_SCHEME):
        return f"{PROXY_SCHEME}{run.experiment_id}/{run.run_id}/artifacts"
    return uri


def experiment(record: Experiment) -> Json:
    """An experiment."""
    found: Json = {
        "experiment_id": record.experiment_id,
        "name": record.name,
        "artifact_location": experiment_location(record),
        "lifecycle_stage": record.lifecycle_stage,
        "last_update_time": record.last_update_time,
        "creation_time": record.creation_time,
    }
    _add_list(found, "tags", pairs(record.tags))
    found["workspace"] = "default"
    return found


def run_info(info: RunInfo) -> Json:
    """What a run is."""
    found: Json = {
        "run_uuid": info.run_id,
        "experiment_id": info.experiment_id,
        "run_name": info.run_name,
        "user_id": info.user_id,
        "status": info.status,
        "start_time": info.start_time,
    }
    if info.end_time is not None:
        found["end_time"] = info.end_time
    found["artifact_uri"] = run_location(info)
    found["lifecycle_stage"] = info.lifecycle_stage
    found["run_id"] = info.run_id
    return found


def run(record: Run, latest: Iterable[Metric]) -> Json:
    """A run with the newest point of each of its metrics."""
    data: Json = {}
    _add_list(data, "metrics", [metric(point) for point in latest])
    _add_list(data, "params", pairs(record.data.params))
    _add_list(data, "tags", pairs(record.data.tags))
    inputs: Json = {}
    _add_list(inputs, "dataset_inputs", [_dataset_input(i) for i in record.inputs.dataset_inputs])
    _add_list(
        inputs, "model_inputs", [{"model_id": one.model_id} for one in record.inputs.model_inputs]
    )
    outputs: Json = {}
    _add_list(
        outputs,
        "model_outputs",
        [{"model_id": one.model_id, "step": one.step} for one in record.outputs.model_outputs],
    )
    return {"info": run_info(record.info), "data": data, "inputs": inputs, "outputs": outputs}


def model_location(record: LoggedModel) -> str:
    """Where a client sends a logged model's files."""
    if record.artifact_location.startswith(OWN_SCHEME):
        return f"{PROXY_SCHEME}{record.experiment_id}/models/{record.model_id}/artifacts"
    return record.artifact_location


def logged_model(record: LoggedModel) -> Json:
    """A logged model with all points that describe it."""
    info: Json = {
        "model_id": record.model_id,
        "experiment_id": record.experiment_id,
        "name": record.name,
        "creation_timestamp_ms": record.creation_timestamp,
        "last_updated_timestamp_ms": record.last_updated_timestamp,
        "artifact_uri": model_location(record),
        "status": MODEL_STATUS_WORDS[record.status],
        "model_type": record.model_type or "",
        "source_run_id": record.source_run_id or "",
    }
    _add_list(info, "tags", pairs(record.tags))
    data: Json = {}
    _add_list(data, "params", pairs(record.params))
    _add_list(data, "metrics", [metric(point) for point in record.metrics])
    return {"info": info, "data": data}


def metric(point: Metric) -> Json:
    """One point of a metric, with what it describes if that is known."""
    found: Json = {
        "key": point.key,
        "value": double(point.value),
        "timestamp": point.timestamp,
        "step": point.step,
    }
    if point.model_id:
        for name in ("dataset_name", "dataset_digest", "model_id", "run_id"):
            if text := getattr(point, name):
                found[name] = text
    return found


def double(value: float) -> float | str:
    """A number as MLflow writes it: NaN as a text, infinities as the largest doubles."""
    return "NaN" if math.isnan(value) else stored_double(value)


def file(info: FileInfo) -> Json:
    """A file or a folder; an empty file has no size, as in MLflow."""
    found: Json = {"path": info.path, "is_dir": info.is_dir}
    if info.file_size:
        found["file_size"] = info.file_size
    return found


def page(name: str, items: list[Json], token: str | None) -> Json:
    """A page of results."""
    found: Json = {}
    _add_list(found, name, items)
    if token:
        found["next_page_token"] = token
    return found


def pairs(texts: Mapping[str, str]) -> list[Json]:
    """Tags or params as a list."""
    return [{"key": key, "value": value} for key, value in texts.items()]


def _dataset_input(used: DatasetInput) -> Json:
    found: Json = {}
    _add_list(found, "tags", [{"key": tag.key, "value": tag.value} for tag in used.tags])
    dataset = used.dataset
    described: Json = {
        "name": dataset.name,
        "digest": dataset.digest,
        "source_type": dataset.source_type,
        "source": dataset.source,
    }
    for name, text in (("schema", dataset.schema), ("profile", dataset.profile)):
        if text:
            described[name] = text
    found["dataset"] = described
    return found


def _add_list(target: Json, name: str, items: list[Json]) -> None:
    if items:
        target[name] = items
