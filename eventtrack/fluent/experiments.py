"""Experiments, and the choice of the experiment for new runs."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.fluent.client import EventtrackClient
from eventtrack.fluent.location import current_place, store_at
from eventtrack.ids import DEFAULT_EXPERIMENT_ID
from eventtrack.views.records import Experiment, LifecycleStage, ViewType

NAME_VARIABLE = "MLFLOW_EXPERIMENT_NAME"
ID_VARIABLE = "MLFLOW_EXPERIMENT_ID"

# The choice of `set_experiment`, for all threads of this process, as in MLflow.
_chosen_id: str | None = None


def set_experiment(
    experiment_name: str | None = None, experiment_id: str | None = None
) -> Experiment:
    """Choose the experiment for runs started from now on; an unknown name creates it.

    The choice is also written to MLFLOW_EXPERIMENT_ID, so that processes started later share it.

    Raises:
        InvalidValueError: Both or neither argument was given, or the experiment is deleted.
        NotFoundError: There is no experiment with that id.
    """
    global _chosen_id
    if (experiment_name is None) == (experiment_id is None):
        raise InvalidValueError(
            "Must specify exactly one of: `experiment_id` or `experiment_name`."
        )
    client = current_client()
    if experiment_id is not None:
        experiment = client.get_experiment(str(experiment_id))
    else:
        assert experiment_name is not None
        experiment = client.store.experiments.get_or_create(experiment_name)
    if experiment.lifecycle_stage != LifecycleStage.ACTIVE:
        raise InvalidValueError(
            f"Cannot set a deleted experiment {experiment.name!r} as the active experiment. You "
            "can restore the experiment, or permanently delete the experiment to create a new one.",
            hint=f'call restore_experiment("{experiment.experiment_id}") first',
        )
    _chosen_id = experiment.experiment_id
    os.environ[ID_VARIABLE] = _chosen_id
    # An old name in the environment would contradict the id in a process started later.
    os.environ.pop(NAME_VARIABLE, None)
    return experiment


def create_experiment(
    name: str, artifact_location: str | None = None, tags: Mapping[str, Any] | None = None
) -> str:
    """Create an experiment and return its id; call `set_experiment` to make it current.

    Raises:
        AlreadyExistsError: The name is taken, perhaps by a deleted experiment.
    """
    return current_client().create_experiment(name, artifact_location, tags)


def get_experiment(experiment_id: str) -> Experiment:
    """The experiment with this id, even if it is deleted.

    Raises:
        NotFoundError: There is no such experiment.
    """
    return current_client().get_experiment(experiment_id)


def get_experiment_by_name(name: str) -> Experiment | None:
    """The experiment of this name, even if it is deleted; None if there is none."""
    return current_client().get_experiment_by_name(name)


def search_experiments(
    view_type: int = ViewType.ACTIVE_ONLY,
    max_results: int | None = None,
    filter_string: str | None = None,
    order_by: Sequence[str] | None = None,
) -> list[Experiment]:
    """All matching experiments, newest first unless `order_by` says otherwise.

    Args:
        view_type: `ViewType.ACTIVE_ONLY`, `DELETED_ONLY` or `ALL`.
        max_results: None returns all.
        filter_string: For example `name LIKE 'mnist%' AND tags.team = 'vision'`.
        order_by: For example `["name ASC"]`.
    """
    client = current_client()
    page_size = 1000
    experiments: list[Experiment] = []
    token: str | None = None
    while max_results is None or len(experiments) < max_results:
        wanted = (
            page_size if max_results is None else min(page_size, max_results - len(experiments))
        )
        page = client.search_experiments(view_type, wanted, filter_string, order_by, token)
        experiments.extend(page)
        token = page.token
        if token is None:
            break
    return experiments


def delete_experiment(experiment_id: str) -> None:
    """Mark an experiment and its runs deleted; `restore_experiment` brings them back."""
    current_client().delete_experiment(experiment_id)


def restore_experiment(experiment_id: str) -> None:
    """Bring a deleted experiment and its runs back."""
    current_client().restore_experiment(experiment_id)


def set_experiment_tag(key: str, value: Any) -> None:
    """Set one tag of the current experiment; the value is stored as text."""
    client = current_client()
    client.set_experiment_tag(current_experiment_id(client), key, value)


def set_experiment_tags(tags: Mapping[str, Any]) -> None:
    """Set tags of the current experiment in one commit."""
    client = current_client()
    client.store.experiments.set_tags(current_experiment_id(client), tags)


def delete_experiment_tag(key: str) -> None:
    """Remove one tag of the current experiment.

    Raises:
        NotFoundError: The experiment has no such tag.
    """
    client = current_client()
    client.delete_experiment_tag(current_experiment_id(client), key)


def current_client() -> EventtrackClient:
    """A client of the store for the next run."""
    return EventtrackClient(store=store_at(current_place()))


def chosen_experiment_id() -> str | None:
    """The experiment that `set_experiment` chose in this process; None without a choice."""
    return _chosen_id


def current_experiment_id(client: EventtrackClient) -> str:
    """The experiment of a new run: of `set_experiment`, else of the environment, else the default.

    An unknown name in MLFLOW_EXPERIMENT_NAME creates the experiment.

    Raises:
        InvalidValueError: The environment names a missing experiment, or two experiments.
    """
    if _chosen_id is not None:
        return _chosen_id
    name, experiment_id = os.environ.get(NAME_VARIABLE), os.environ.get(ID_VARIABLE)
    if name:
        named_id = client.store.experiments.get_or_create(name).experiment_id
        if experiment_id and experiment_id != named_id:
            raise InvalidValueError(
                f"The provided {ID_VARIABLE} environment variable value `{experiment_id}` does not "
                f"match the experiment id `{named_id}` for experiment name `{name}`",
                hint="unset one of the two variables",
            )
        return named_id
    if experiment_id:
        try:
            return client.get_experiment(experiment_id).experiment_id
        except NotFoundError as error:
            raise InvalidValueError(
                f"The provided {ID_VARIABLE} environment variable value `{experiment_id}` does not "
                "exist in the tracking server. Provide a valid experiment_id.",
                hint=f"unset {ID_VARIABLE}, or set {NAME_VARIABLE}, which creates what is missing",
            ) from error
    return DEFAULT_EXPERIMENT_ID


def forget_choice() -> None:
    """Go back to the state after import, without touching the environment: for tests."""
    global _chosen_id
    _chosen_id = None
