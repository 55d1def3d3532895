"""Registered models, their versions, and logged models for the pages."""

from collections.abc import Iterable
from contextlib import suppress

from eventtrack import limits
from eventtrack.errors import NotFoundError
from eventtrack.store import Queries
from eventtrack.views.records import LoggedModel, ModelVersion, RegisteredModel, ViewType
from eventtrack.web.answers import Json, number, shortened

ROWS_MAX = 500
# MLflow's tag, by which prompts are told from models; a filter that names it finds prompts too.
_PROMPTS = "tags.`mlflow.prompt.is_prompt` = 'true'"


def registered(queries: Queries, filter_string: str, *, prompts: bool) -> Json:
    """The registered models that match, the last changed first; prompts if they are asked for."""
    asked = " AND ".join(filter(None, (filter_string, _PROMPTS if prompts else "")))
    order = ["last_updated_timestamp DESC"]
    known = queries.registry.search(asked, limits.SEARCH_REGISTERED_RESULTS_MAX, order)
    return {"models": [_model(model) for model in known], "more": known.token is not None}


def model(queries: Queries, name: str) -> Json:
    """A registered model with its versions, the newest first, and the runs they came from."""
    known = queries.registry.get(name)
    versions = queries.registry.versions(name)[::-1]
    return {
        **_model(known),
        "stream": queries.registry.stream(name),
        "versions": [_version(version) for version in versions],
        "runs": _run_names(queries, (version.run_id for version in versions)),
    }


def logged_models(
    queries: Queries, experiment_ids: list[str], filter_string: str, offset: int, limit: int
) -> Json:
    """Some logged models of some experiments (all without an id), newest first."""
    everything = queries.experiments.search(ViewType.ALL, limits.SEARCH_RESULTS_MAX)
    names = {experiment.experiment_id: experiment.name for experiment in everything}
    known = queries.models.search(
        experiment_ids or list(names), filter_string, max_results=offset + limit
    )
    shown = known[offset:]
    return {
        "models": [_logged(model) for model in shown],
        "more": known.token is not None,
        "experiments": {model.experiment_id: names.get(model.experiment_id, "") for model in shown},
        "runs": _run_names(queries, (model.source_run_id for model in shown)),
    }


def logged_model(queries: Queries, model_id: str) -> Json:
    """A logged model with all its points, and the versions of registered models made from it."""
    known = queries.models.get(model_id)
    versions = queries.registry.search_versions(
        None, limits.SEARCH_VERSIONS_RESULTS_MAX, ["creation_timestamp DESC"]
    )
    return {
        **_logged(known),
        "experiment": queries.experiments.get(known.experiment_id).name,
        "params": known.params,
        "tags": known.tags,
        "points": [
            {
                "key": point.key,
                "value": number(point.value),
                "step": point.step,
                "timestamp": point.timestamp,
                "run_id": point.run_id,
                "dataset": point.dataset_name,
                "digest": point.dataset_digest,
            }
            for point in known.metrics
        ],
        "runs": _run_names(queries, [known.source_run_id, *(p.run_id for p in known.metrics)]),
        "versions": [
            {"name": version.name, **_version(version)}
            for version in versions
            if model_id in (version.model_id, version.source.rpartition("/")[2])
        ],
    }


def _model(known: RegisteredModel) -> Json:
    return {
        "name": known.name,
        "description": known.description or "",
        "created": known.creation_timestamp,
        "updated": known.last_updated_timestamp,
        "tags": {key: shortened(value) for key, value in known.tags.items()},
        "aliases": known.aliases,
        "latest": max((version.version for version in known.latest_versions), default=None),
        "stages": {version.current_stage: version.version for version in known.latest_versions},
    }


def _version(known: ModelVersion) -> Json:
    return {
        "version": known.version,
        "created": known.creation_timestamp,
        "updated": known.last_updated_timestamp,
        "stage": known.current_stage,
        "aliases": known.aliases,
        "description": known.description or "",
        "user": known.user_id,
        "run_id": known.run_id,
        "model_id": known.model_id,
        "source": known.source,
        "status": known.status,
        "tags": known.tags,
    }


def _logged(known: LoggedModel) -> Json:
    latest = {point.key: number(point.value) for point in known.metrics}
    return {
        "model_id": known.model_id,
        "name": known.name,
        "experiment_id": known.experiment_id,
        "kind": known.model_type or "",
        "status": known.status,
        "lifecycle_stage": known.lifecycle_stage,
        "created": known.creation_timestamp,
        "updated": known.last_updated_timestamp,
        "run_id": known.source_run_id,
        "metrics": latest,
    }


def _run_names(queries: Queries, run_ids: Iterable[str | None]) -> dict[str, str]:
    """The names of those runs that are here."""
    names = {}
    for run_id in dict.fromkeys(run_ids):
        if run_id:
            with suppress(NotFoundError):
                names[run_id] = queries.runs.get(run_id).info.run_name
    return names
