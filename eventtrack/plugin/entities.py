"""Translation between our records and MLflow's entities, both ways."""

from collections.abc import Iterable, Mapping
from math import inf

from mlflow import entities
from mlflow.entities.dataset_summary import _DatasetSummary

from eventtrack.compat import words
from eventtrack.views import records

# MLflow's SQL store reads this back for an infinity, which its databases cannot hold.
_LARGEST = 1.7976931348623157e308

DatasetSummary = _DatasetSummary


def finite(value: float) -> float:
    """A metric's value as MLflow shows it: infinities as the largest double, NaN as it is."""
    return max(-_LARGEST, min(_LARGEST, value)) if value in (inf, -inf) else value


def experiment(record: records.Experiment, location: str) -> entities.Experiment:
    """An experiment as MLflow's entity.

    Args:
        location: The place of its files; a server and a client show different places.
    """
    return entities.Experiment(
        experiment_id=record.experiment_id,
        name=record.name,
        artifact_location=location,
        lifecycle_stage=record.lifecycle_stage,
        tags=[entities.ExperimentTag(key, value) for key, value in record.tags.items()],
        creation_time=record.creation_time,
        last_update_time=record.last_update_time,
    )


def run_info(info: records.RunInfo, artifact_uri: str) -> entities.RunInfo:
    """The basic facts of a run as MLflow's entity."""
    return entities.RunInfo(
        run_id=info.run_id,
        experiment_id=info.experiment_id,
        user_id=info.user_id,
        status=words.run_status(info.status),
        start_time=info.start_time,
        end_time=info.end_time,
        lifecycle_stage=info.lifecycle_stage,
        artifact_uri=artifact_uri,
        run_name=info.run_name,
    )


def run(record: records.Run, latest: Iterable[records.Metric], uri: str) -> entities.Run:
    """A run as MLflow's entity; `latest` are its metrics' latest points with step and time."""
    data = entities.RunData(
        metrics=[metric(point) for point in latest],
        params=[entities.Param(key, value) for key, value in record.data.params.items()],
        tags=[entities.RunTag(key, value) for key, value in record.data.tags.items()],
    )
    return entities.Run(
        run_info(record.info, uri),
        data,
        entities.RunInputs(
            [_dataset_input(used) for used in record.inputs.dataset_inputs],
            [entities.LoggedModelInput(model.model_id) for model in record.inputs.model_inputs],
        ),
        entities.RunOutputs(
            [
                entities.LoggedModelOutput(model.model_id, model.step)
                for model in record.outputs.model_outputs
            ]
        ),
    )


def logged_model(record: records.LoggedModel, location: str) -> entities.LoggedModel:
    """A logged model as MLflow's entity."""
    return entities.LoggedModel(
        experiment_id=record.experiment_id,
        model_id=record.model_id,
        name=record.name,
        artifact_location=location,
        creation_timestamp=record.creation_timestamp,
        last_updated_timestamp=record.last_updated_timestamp,
        model_type=record.model_type,
        source_run_id=record.source_run_id,
        status=entities.LoggedModelStatus(words.model_status(record.status)),
        tags=record.tags,
        params=record.params,
        metrics=[_model_metric(point) for point in record.metrics] or None,
    )


def metric(point: records.Metric) -> entities.Metric:
    """One point as MLflow's entity."""
    return entities.Metric(point.key, finite(point.value), point.timestamp, point.step)


def _model_metric(point: records.Metric) -> entities.Metric:
    is_whole = bool(point.dataset_name and point.dataset_digest)  # MLflow refuses a half
    return entities.Metric(
        point.key,
        finite(point.value),
        point.timestamp,
        point.step,
        model_id=point.model_id,
        dataset_name=point.dataset_name if is_whole else None,
        dataset_digest=point.dataset_digest if is_whole else None,
        run_id=point.run_id,
    )


def metric_record(point: entities.Metric) -> records.Metric:
    """One point as our record."""
    return records.Metric(
        key=point.key,
        value=point.value,
        timestamp=point.timestamp,
        step=point.step or 0,
        model_id=point.model_id,
        dataset_name=point.dataset_name,
        dataset_digest=point.dataset_digest,
    )


def param_record(param: entities.Param) -> records.Param:
    """One param as our record."""
    return records.Param(key=param.key, value=_text(param.value))


def tag_record(tag: entities.RunTag) -> records.RunTag:
    """One run tag as our record."""
    return records.RunTag(key=tag.key, value=_text(tag.value))


def pairs(tags: Iterable[entities.RunTag] | None) -> Mapping[str, str]:
    """MLflow's list of tags or params as a dictionary; the last value of a key counts."""
    return {tag.key: tag.value for tag in tags or ()}


def dataset_input_record(used: entities.DatasetInput) -> records.DatasetInput:
    """A run's use of a dataset as our record."""
    dataset = used.dataset
    return records.DatasetInput(
        dataset=records.Dataset(
            name=dataset.name,
            digest=dataset.digest,
            source_type=dataset.source_type,
            source=dataset.source,
            schema=dataset.schema,
            profile=dataset.profile,
        ),
        tags=[records.InputTag(key=tag.key, value=tag.value) for tag in used.tags],
    )


def _dataset_input(used: records.DatasetInput) -> entities.DatasetInput:
    dataset = used.dataset
    return entities.DatasetInput(
        entities.Dataset(
            name=dataset.name,
            digest=dataset.digest,
            source_type=dataset.source_type,
            source=dataset.source,
            schema=dataset.schema,
            profile=dataset.profile,
        ),
        [entities.InputTag(tag.key, tag.value) for tag in used.tags],
    )


def _text(value: object) -> str:
    return "" if value is None else str(value)
