"""Datasets and models that runs read: checks them, and picks the new ones."""

from collections.abc import Sequence

from eventtrack import limits, validate
from eventtrack.errors import InvalidValueError
from eventtrack.events import types
from eventtrack.projections.state import RunState
from eventtrack.views.records import DatasetInput, LoggedModelInput


def inputs_events(
    datasets: Sequence[DatasetInput], models: Sequence[LoggedModelInput]
) -> list[types.InputsLogged]:
    """The events that record these inputs, one for each, in the order in which they are shown.

    Raises:
        InvalidValueError: A text is missing or longer than MLflow allows.
    """
    used: dict[tuple[str, str], types.DatasetUsed] = {}
    for dataset in map(_used, datasets):
        used.setdefault((dataset.name, dataset.digest), dataset)
    read = dict.fromkeys(validate.text("model id", model.model_id) for model in models)
    return [
        *(types.InputsLogged([dataset], []) for dataset in used.values()),
        *(types.InputsLogged([], [model_id]) for model_id in read),
    ]


def only_new(state: RunState, events: Sequence[types.InputsLogged]) -> list[types.InputsLogged]:
    """The events with an input that the run has not recorded before."""
    return [
        event
        for event in events
        if any(f"{used.name}\0{used.digest}" not in state.datasets for used in event.datasets)
        or any(model_id not in state.models_read for model_id in event.models)
    ]


def _used(used: DatasetInput) -> types.DatasetUsed:
    dataset = used.dataset
    bounds = (
        ("name", dataset.name, limits.DATASET_NAME_LENGTH_MAX),
        ("digest", dataset.digest, limits.DATASET_DIGEST_LENGTH_MAX),
        ("source", dataset.source, limits.DATASET_SOURCE_LENGTH_MAX),
        ("schema", dataset.schema or "", limits.DATASET_SCHEMA_LENGTH_MAX),
        ("profile", dataset.profile or "", limits.DATASET_PROFILE_LENGTH_MAX),
    )
    for name, text, longest in bounds:
        _check_length(name, text, longest)
    validate.text("dataset source_type", dataset.source_type)
    for name in ("name", "digest", "source_type"):
        if not getattr(dataset, name):
            raise InvalidValueError(
                f"Dataset {name} cannot be empty", hint=f"give the dataset a {name}"
            )
    for tag in used.tags:
        _check_length("key", tag.key, limits.INPUT_TAG_KEY_LENGTH_MAX)
        _check_length("value", tag.value, limits.INPUT_TAG_VALUE_LENGTH_MAX)
    return types.DatasetUsed(
        dataset.name,
        dataset.digest,
        dataset.source_type,
        dataset.source,
        dataset.schema,
        dataset.profile,
        {tag.key: tag.value for tag in used.tags},
    )


def _check_length(what: str, text: object, longest: int) -> None:
    validate.no_longer(what, longest, validate.text(what, text), "an artifact")
