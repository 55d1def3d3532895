"""Metrics, params and tags of the active run. `log_metric` is called in inner loops."""

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eventtrack.errors import InvalidValueError
from eventtrack.fluent.client import EventtrackClient
from eventtrack.fluent.operations import RunOperations, perform
from eventtrack.fluent.runs import sink_of, target
from eventtrack.fluent.stack import top
from eventtrack.lazy import lazy
from eventtrack.views.records import DatasetInput, LoggedModelInput, Metric

if TYPE_CHECKING:
    from eventtrack.fluent import datasets as inputs
    from eventtrack.fluent.datasets import AnyDataset
else:
    inputs = lazy("eventtrack.fluent.datasets")


def log_metric(
    key: str,
    value: float,
    step: int | None = None,
    synchronous: bool | None = None,
    timestamp: int | None = None,
    run_id: str | None = None,
    model_id: str | None = None,
    dataset: "AnyDataset | None" = None,
) -> RunOperations | None:
    """Log one point of a metric; a run is started if none is active.

    When the call returns, the point survives the death of this process.

    Args:
        key: Letters, digits, `_ - . : /` and spaces; at most 250 characters.
        value: Any number; NaN and the infinities are kept as they are.
        step: Any integer of 64 bits; None means 0.
        synchronous: False returns an outcome to wait for instead of raising.
        timestamp: Milliseconds since 1970; None means now.
        run_id: A run; None means the active run.
        model_id: The model that the metric describes.
        dataset: The dataset on which the value was measured.

    Raises:
        InvalidValueError: Key, value, step or timestamp cannot be recorded; nothing was written.
    """
    if run_id is None and synchronous is None and model_id is None and dataset is None:
        frame = top.get()
        if frame is not None and frame.is_open:
            frame.log(key, value, 0 if step is None else step, timestamp)
            return None
    return log_metrics({key: value}, step, synchronous, run_id, timestamp, model_id, dataset)


def log_metrics(
    metrics: Mapping[str, float],
    step: int | None = None,
    synchronous: bool | None = None,
    run_id: str | None = None,
    timestamp: int | None = None,
    model_id: str | None = None,
    dataset: "AnyDataset | None" = None,
) -> RunOperations | None:
    """Log one point of each metric, all with the same step and time. Arguments as `log_metric`."""
    _require_mapping("metrics", metrics)
    step = 0 if step is None else step
    if model_id is None and dataset is None and synchronous is None and run_id is None:
        frame = top.get()
        if frame is not None and frame.is_open:
            frame.log_many(metrics, step, timestamp)
            return None
    if model_id is None and dataset is None:
        return perform(lambda: sink_of(run_id).log_many(metrics, step, timestamp), synchronous)
    client, target_id = target(run_id)
    return perform(
        lambda: _log_described(client, target_id, metrics, step, timestamp, model_id, dataset),
        synchronous,
    )


def log_param(key: str, value: Any, synchronous: bool | None = None) -> Any:
    """Log one param and return `value`; a param may be logged again, but not changed.

    Raises:
        InvalidValueError: The run has this param with another value, or the key is not allowed.
    """
    client, run_id = target(None)
    return client.log_param(run_id, key, value, synchronous)


def log_params(
    params: Mapping[str, Any], synchronous: bool | None = None, run_id: str | None = None
) -> RunOperations | None:
    """Log params in one commit: all of them, or none. The values are stored as text."""
    _require_mapping("params", params)
    client, target_id = target(run_id)
    return perform(lambda: client.store.runs.log_params(target_id, params), synchronous)


def set_tag(key: str, value: Any, synchronous: bool | None = None) -> RunOperations | None:
    """Set one tag of the active run; the value is stored as text and may be changed."""
    client, run_id = target(None)
    return client.set_tag(run_id, key, value, synchronous)


def set_tags(tags: Mapping[str, Any], synchronous: bool | None = None) -> RunOperations | None:
    """Set tags of the active run in one commit."""
    _require_mapping("tags", tags)
    client, run_id = target(None)
    return perform(lambda: client.store.runs.set_tags(run_id, tags), synchronous)


def delete_tag(key: str) -> None:
    """Remove one tag of the active run.

    Raises:
        NotFoundError: The run has no such tag.
    """
    client, run_id = target(None)
    client.delete_tag(run_id, key)


def _require_mapping(what: str, value: object) -> None:
    if type(value) is not dict and not isinstance(value, Mapping):
        raise InvalidValueError(
            f"Invalid value {value!r} for parameter '{what}' supplied: "
            f"expected a dictionary, got {type(value).__name__}",
            hint=f'pass {what}={{"key": value}}',
        )


def _log_described(
    client: EventtrackClient,
    run_id: str,
    metrics: Mapping[str, float],
    step: int,
    timestamp: int | None,
    model_id: str | None,
    dataset: "AnyDataset | None",
) -> None:
    """Log points that name a model or a dataset; record these as inputs of the run if new."""
    record = inputs.dataset_record(dataset) if dataset is not None else None
    if timestamp is None:
        timestamp = time.time_ns() // 1_000_000
    points = [
        Metric(
            key=key,
            value=value,
            timestamp=timestamp,
            step=step,
            model_id=model_id,
            dataset_name=record.name if record is not None else None,
            dataset_digest=record.digest if record is not None else None,
        )
        for key, value in metrics.items()
    ]
    run = client.store.runs.at_hand(run_id)
    known_models = {known.model_id for known in run.inputs.model_inputs}
    known_models |= {known.model_id for known in run.outputs.model_outputs}
    known_datasets = {
        (known.dataset.name, known.dataset.digest) for known in run.inputs.dataset_inputs
    }
    models = [LoggedModelInput(model_id)] if model_id and model_id not in known_models else []
    datasets = []
    if record is not None and (record.name, record.digest) not in known_datasets:
        datasets.append(DatasetInput(record))
    with client.store.batch():
        if models or datasets:
            client.log_inputs(run_id, datasets, models)
        client.log_batch(run_id, points)
