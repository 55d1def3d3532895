"""The folds of the events of logged models."""

from collections.abc import Callable, Mapping
from typing import Any

from eventtrack.events import types
from eventtrack.projections import model_points
from eventtrack.projections.runs import keep_artifacts, remove_artifacts
from eventtrack.projections.state import ModelState, Stamp, latest, merge_tags
from eventtrack.projections.tables import Tables

ModelFold = Callable[[Tables, ModelState, Any, Stamp], None]


def created(tables: Tables, model: ModelState, event: types.ModelCreated, stamp: Stamp) -> None:
    """The birth of a model; should one be recorded twice, the earliest counts."""
    rival = (model.born, model.experiment_id, model.name, model.source_run_id or "")
    if (stamp, event.experiment_id, event.name, event.source_run_id or "") < rival:
        model.born = stamp
        model.experiment_id = event.experiment_id
        model.name = event.name
        model.source_run_id = event.source_run_id
        model.model_type = event.model_type
        model.created_ms = event.created_ms
    _claim_params(model, event.params, stamp)
    merge_tags(model.tags, event.tags, stamp)
    _note_update(model, event.created_ms)


def finalized(tables: Tables, model: ModelState, event: types.ModelFinalized, stamp: Stamp) -> None:
    """A new status."""
    model.status = latest(model.status, event.status, stamp)
    _note_update(model, event.at_ms)


def params_logged(
    tables: Tables, model: ModelState, event: types.ModelParamsLogged, stamp: Stamp
) -> None:
    """More params."""
    _claim_params(model, event.params, stamp)


def tags_set(tables: Tables, model: ModelState, event: types.ModelTagsSet, stamp: Stamp) -> None:
    """Tags take new values."""
    merge_tags(model.tags, event.tags, stamp)


def tag_deleted(
    tables: Tables, model: ModelState, event: types.ModelTagDeleted, stamp: Stamp
) -> None:
    """A tag goes away."""
    merge_tags(model.tags, {event.key: None}, stamp)


def deleted(tables: Tables, model: ModelState, event: types.ModelDeleted, stamp: Stamp) -> None:
    """The model is deleted."""
    model.lifecycle = latest(model.lifecycle, "deleted", stamp)
    _note_update(model, event.at_ms)


def restored(tables: Tables, model: ModelState, event: types.ModelRestored, stamp: Stamp) -> None:
    """The model is active again."""
    model.lifecycle = latest(model.lifecycle, "active", stamp)
    _note_update(model, event.at_ms)


def metrics_logged(
    tables: Tables, model: ModelState, event: types.ModelMetricsLogged, stamp: Stamp
) -> None:
    """Points of a run that measured the model."""
    for point in event.points:
        model_points.keep(tables, model.number, event.run_id, point, stamp)


def artifacts_logged(
    tables: Tables, model: ModelState, event: types.ModelArtifactsLogged, stamp: Stamp
) -> None:
    """Files appear, or are replaced."""
    keep_artifacts(tables, model.number, event.files, stamp)


def artifacts_deleted(
    tables: Tables, model: ModelState, event: types.ModelArtifactsDeleted, stamp: Stamp
) -> None:
    """Files go away from the list."""
    remove_artifacts(tables, model.number, event.paths, stamp)


def change_model(tables: Tables, stream: str) -> ModelState:
    """A model that is about to change, made when it was never heard of."""
    model_id = stream.partition("/")[2]
    return tables.model(model_id) or ModelState(tables.stream_number(stream), model_id)


def _claim_params(model: ModelState, params: Mapping[str, str], stamp: Stamp) -> None:
    for key, value in params.items():
        known = model.params.get(key)
        # The first claim counts, on every machine.
        if known is None or (stamp, value) < (known[1], known[0]):
            model.params[key] = (value, stamp)


def _note_update(model: ModelState, at_ms: int) -> None:
    model.updated_ms = max(model.updated_ms, at_ms)


MODEL_FOLDS: dict[str, ModelFold] = {
    "model.created": created,
    "model.finalized": finalized,
    "model.params_logged": params_logged,
    "model.tags_set": tags_set,
    "model.tag_deleted": tag_deleted,
    "model.metrics_logged": metrics_logged,
    "model.deleted": deleted,
    "model.restored": restored,
    "model.artifacts_logged": artifacts_logged,
    "model.artifacts_deleted": artifacts_deleted,
}
