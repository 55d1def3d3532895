"""The inputs and outputs of the active run: datasets and models."""

from collections.abc import Mapping, Sequence

from eventtrack.errors import InvalidValueError
from eventtrack.fluent.datasets import AnyDataset, dataset_record
from eventtrack.fluent.runs import target
from eventtrack.tags import DATASET_CONTEXT_TAG
from eventtrack.views.records import DatasetInput, InputTag, LoggedModelInput, LoggedModelOutput


def log_input(
    dataset: AnyDataset | None = None,
    context: str | None = None,
    tags: Mapping[str, str] | None = None,
    model: LoggedModelInput | None = None,
) -> None:
    """Record that the active run read a dataset, a model, or both.

    Args:
        dataset: From `eventtrack.data`, or a dataset of the `mlflow` package.
        context: The purpose of the use, for example `training`.
        tags: Tags on this use of the dataset.
        model: The model that was read.
    """
    datasets = [] if dataset is None else [_dataset_input(dataset, context, tags)]
    if dataset is None and (context or tags):
        raise InvalidValueError("`dataset` must be specified if `context` or `tags` is specified.")
    client, run_id = target(None)
    client.log_inputs(run_id, datasets, [model] if model is not None else None)


def log_inputs(
    datasets: Sequence[AnyDataset] | None = None,
    contexts: Sequence[str | None] | None = None,
    tags_list: Sequence[Mapping[str, str] | None] | None = None,
    models: Sequence[LoggedModelInput] | None = None,
) -> None:
    """Record several datasets in one commit; the three sequences belong together by place."""
    datasets, contexts, tags_list = datasets or [], contexts or [], tags_list or []
    if not len(datasets) == len(contexts) == len(tags_list):
        raise InvalidValueError(
            "`mlflow.log_inputs` requires `datasets`, `contexts`, `tags_list` to be non-empty list "
            "and have the same length."
        )
    inputs = [
        _dataset_input(dataset, context, tags)
        for dataset, context, tags in zip(datasets, contexts, tags_list, strict=True)
    ]
    client, run_id = target(None)
    client.log_inputs(run_id, inputs, models)


def log_outputs(models: Sequence[LoggedModelOutput] | None = None) -> None:
    """Record the models that the active run wrote."""
    client, run_id = target(None)
    client.log_outputs(run_id, models or [])


def _dataset_input(
    dataset: AnyDataset, context: str | None, tags: Mapping[str, str] | None
) -> DatasetInput:
    input_tags = [InputTag(key, str(value)) for key, value in (tags or {}).items()]
    if context:
        input_tags.append(InputTag(DATASET_CONTEXT_TAG, context))
    return DatasetInput(dataset_record(dataset), input_tags)
