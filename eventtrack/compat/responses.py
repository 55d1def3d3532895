"""Answers in MLflow's JSON: empty lists and unset fields are left out."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from eventtrack.compat import words
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

# The version of MLflow with these words and shapes; clients decide by it which calls to make.
MLFLOW_VERSION = "3.17.2"
# Clients read and write the files that the server keeps through this proxy.
PROXY_SCHEME = "mlflow-artifacts:/"
OWN_SCHEME = "eventtrack:"


def served_by_us(location: str) -> bool:
    """Whether the server keeps the files of a location: in the store, whatever its name is."""
    return location.startswith((OWN_SCHEME, PROXY_SCHEME))


def experiment_location(experiment: Experiment) -> str:
    """The location to which a client sends an experiment's files."""
    if experiment.artifact_location.startswith(OWN_SCHEME):
        return f"{PROXY_SCHEME}{experiment.experiment_id}"
    return experiment.artifact_location


def run_location(info: RunInfo) -> str:
    """The location to which a client sends a run's files."""
    return location_of(info.experiment_id, info.run_id, info.artifact_uri)


def location_of(experiment_id: str, run_id: str, uri: str) -> str:
    """The location to which a client sends the files of a run that the store keeps at `uri`.

    Args:
        experiment_id: The run's experiment, or an experiment that it was in: both locations work.
    """
    if uri.startswith(OWN_SCHEME):
        return f"{PROXY_SCHEME}{experiment_id}/{run_id}/artifacts"
    return uri


def experiment(record: Experiment) -> Json:
    """An experiment."""
    answer: Json = {
        "experiment_id": record.experiment_id,
        "name": record.name,
        "artifact_location": experiment_location(record),
        "lifecycle_stage": record.lifecycle_stage,
        "last_update_time": record.last_update_time,
        "creation_time": record.creation_time,
    }
    _add_list(answer, "tags", pairs(record.tags))
    answer["workspace"] = "default"
    return answer


def run_info(info: RunInfo) -> Json:
    """The basic facts of a run."""
    answer: Json = {
        "run_uuid": info.run_id,
        "experiment_id": info.experiment_id,
        "run_name": info.run_name,
        "user_id": info.user_id,
        "status": words.run_status(info.status),
        "start_time": info.start_time,
    }
    if info.end_time is not None:
        answer["end_time"] = info.end_time
    answer["artifact_uri"] = run_location(info)
    answer["lifecycle_stage"] = info.lifecycle_stage
    answer["run_id"] = info.run_id
    return answer


def run(record: Run, latest: Iterable[Metric]) -> Json:
    """A run with the newest point of each of its metrics."""
    data: Json = {}
    _add_list(data, "metrics", [metric(point) for point in latest])
    _add_list(data, "params", pairs(record.data.params))
    _add_list(data, "tags", pairs(record.data.tags))
    inputs: Json = {}
    _add_list(inputs, "dataset_inputs", [_dataset_input(i) for i in record.inputs.dataset_inputs])
    _add_list(
        inputs,
        "model_inputs",
        [{"model_id": model.model_id} for model in record.inputs.model_inputs],
    )
    outputs: Json = {}
    _add_list(
        outputs,
        "model_outputs",
        [
            {"model_id": model.model_id, "step": model.step}
            for model in record.outputs.model_outputs
        ],
    )
    return {"info": run_info(record.info), "data": data, "inputs": inputs, "outputs": outputs}


def model_location(record: LoggedModel) -> str:
    """The location to which a client sends a logged model's files."""
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
        "status": MODEL_STATUS_WORDS[words.model_status(record.status)],
        "model_type": record.model_type or "",
        "source_run_id": record.source_run_id or "",
    }
    _add_list(info, "tags", pairs(record.tags))
    data: Json = {}
    _add_list(data, "params", pairs(record.params))
    _add_list(data, "metrics", [metric(point) for point in record.metrics])
    return {"info": info, "data": data}


def metric(point: Metric) -> Json:
    """A point of a metric, with the model and the dataset that it describes if they are known."""
    value = point.value
    answer: Json = {
        "key": point.key,
        "value": value if math.isfinite(value) else double(value),
        "timestamp": point.timestamp,
        "step": point.step,
    }
    if point.model_id:
        # MLflow's clients refuse a dataset without one of the two.
        dataset = ("dataset_name", "dataset_digest")
        whole = dataset if all(getattr(point, name) for name in dataset) else ()
        for name in (*whole, "model_id", "run_id"):
            if text := getattr(point, name):
                answer[name] = text
    return answer


def double(value: float) -> float | str:
    """A number as MLflow writes it: NaN as a text, infinities as the largest doubles."""
    return "NaN" if math.isnan(value) else stored_double(value)


def file(info: FileInfo) -> Json:
    """A file or a folder; an empty file has no size, as in MLflow."""
    answer: Json = {"path": info.path, "is_dir": info.is_dir}
    if info.file_size:
        answer["file_size"] = info.file_size
    return answer


def page(name: str, items: Sequence[Json | msgspec.Raw], token: str | None) -> Json:
    """A page of results."""
    answer: Json = {}
    _add_list(answer, name, items)
    if token:
        answer["next_page_token"] = token
    return answer


def pairs(texts: Mapping[str, str]) -> list[Json]:
    """Tags or params as a list."""
    return [{"key": key, "value": value} for key, value in texts.items()]


def _dataset_input(used: DatasetInput) -> Json:
    answer: Json = {}
    _add_list(answer, "tags", [{"key": tag.key, "value": tag.value} for tag in used.tags])
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
    answer["dataset"] = described
    return answer


def _add_list(target: Json, name: str, items: Sequence[Json | msgspec.Raw]) -> None:
    if items:
        target[name] = items
