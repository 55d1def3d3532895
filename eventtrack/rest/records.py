"""MLflow's JSON and our records, both ways. Numbers may come as texts, lists may be missing."""

import math
from collections.abc import Iterable, Mapping
from typing import Any

from eventtrack.views.records import (
    Dataset,
    DatasetInput,
    Experiment,
    FileInfo,
    InputTag,
    LoggedModelInput,
    LoggedModelOutput,
    Metric,
    Run,
    RunData,
    RunInfo,
    RunInputs,
    RunOutputs,
)

Json = dict[str, Any]


def experiment(source: Json) -> Experiment:
    """An experiment."""
    return Experiment(
        experiment_id=str(source["experiment_id"]),
        name=source.get("name", ""),
        artifact_location=source.get("artifact_location", ""),
        lifecycle_stage=source.get("lifecycle_stage", "active"),
        tags=_texts(source.get("tags")),
        creation_time=int(source.get("creation_time") or 0),
        last_update_time=int(source.get("last_update_time") or 0),
        workspace=source.get("workspace"),
    )


def run_info(source: Json) -> RunInfo:
    """The basic facts of a run."""
    end = source.get("end_time")
    return RunInfo(
        run_id=source.get("run_id") or source["run_uuid"],
        run_name=source.get("run_name", ""),
        experiment_id=str(source.get("experiment_id", "")),
        user_id=source.get("user_id", ""),
        status=source.get("status", "RUNNING"),
        start_time=int(source.get("start_time") or 0),
        end_time=int(end) if end is not None else None,
        lifecycle_stage=source.get("lifecycle_stage", "active"),
        artifact_uri=source.get("artifact_uri", ""),
    )


def run(source: Json) -> Run:
    """A run with the latest value of each of its metrics."""
    data = source.get("data") or {}
    inputs, outputs = source.get("inputs") or {}, source.get("outputs") or {}
    return Run(
        info=run_info(source["info"]),
        data=RunData(
            metrics={
                point["key"]: number(point.get("value", 0)) for point in data.get("metrics") or ()
            },
            params=_texts(data.get("params")),
            tags=_texts(data.get("tags")),
        ),
        inputs=RunInputs(
            dataset_inputs=[_dataset_input(used) for used in inputs.get("dataset_inputs") or ()],
            model_inputs=[
                LoggedModelInput(model_id=model["model_id"])
                for model in inputs.get("model_inputs") or ()
            ],
        ),
        outputs=RunOutputs(
            model_outputs=[
                LoggedModelOutput(model_id=model["model_id"], step=int(model.get("step") or 0))
                for model in outputs.get("model_outputs") or ()
            ]
        ),
    )


def metric(source: Json, run_id: str | None = None) -> Metric:
    """One point of a metric."""
    return Metric(
        key=source["key"],
        value=number(source.get("value", 0)),
        timestamp=int(source.get("timestamp") or 0),
        step=int(source.get("step") or 0),
        run_id=run_id,
    )


def file(source: Json) -> FileInfo:
    """A file or a folder."""
    is_dir = bool(source.get("is_dir"))
    # An empty file's size is left out of the JSON.
    size = None if is_dir else int(source.get("file_size") or 0)
    return FileInfo(path=str(source["path"]), is_dir=is_dir, file_size=size)


def number(value: float | str) -> float:
    """A number, also from the words `NaN` and `Infinity`, for which JSON has no literals."""
    return float(value)


def number_json(value: float) -> float | str:
    """A number as protobuf's JSON writes it."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def pairs(texts: Mapping[str, str]) -> list[Json]:
    """Texts by name as MLflow's list of keys and values."""
    return [{"key": key, "value": value} for key, value in texts.items()]


def metric_json(point: Metric) -> Json:
    """A point of a metric in the form of a request."""
    fields: Json = {
        "key": point.key,
        "value": number_json(point.value),
        "timestamp": point.timestamp,
        "step": point.step,
    }
    for name in ("model_id", "dataset_name", "dataset_digest"):
        if (text := getattr(point, name)) is not None:
            fields[name] = text
    return fields


def dataset_input_json(used: DatasetInput) -> Json:
    """A run's use of a dataset in the form of a request."""
    dataset = used.dataset
    described = {name: value for name, value in dataset if value is not None}
    return {
        "tags": [{"key": tag.key, "value": tag.value} for tag in used.tags],
        "dataset": described,
    }


def _texts(source: Iterable[Json] | None) -> dict[str, str]:
    return {pair["key"]: pair.get("value", "") for pair in source or ()}


def _dataset_input(source: Json) -> DatasetInput:
    dataset = source.get("dataset") or {}
    return DatasetInput(
        dataset=Dataset(
            name=dataset.get("name", ""),
            digest=dataset.get("digest", ""),
            source_type=dataset.get("source_type", ""),
            source=dataset.get("source", ""),
            schema=dataset.get("schema"),
            profile=dataset.get("profile"),
        ),
        tags=[InputTag(key=key, value=value) for key, value in _texts(source.get("tags")).items()],
    )
