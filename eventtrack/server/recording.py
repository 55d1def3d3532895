"""Recording of runs over HTTP: metrics, params, tags, batches, inputs and outputs."""

import json
from collections.abc import Sequence
from typing import Any

from eventtrack.compat import checks, quick, requests
from eventtrack.compat.messages import Fields, Values
from eventtrack.compat.responses import Json
from eventtrack.errors import InvalidValueError
from eventtrack.server.endpoint import Change, Endpoint
from eventtrack.store import Store
from eventtrack.store.points import PointLike
from eventtrack.views.records import LoggedModelInput, LoggedModelOutput, Metric, Param, RunTag

_MODELS_TAG = "mlflow.log-model.history"
_MODEL_KEYS = ("run_id", "artifact_path", "utc_time_created", "model_uuid")
_MODEL_NEEDED = ("artifact_path", "flavors", "utc_time_created", "run_id")


def _log_metric(store: Store, sent: Fields) -> Change:
    point, run_id = checks.logged_metric(sent), checks.run_of(sent)
    if isinstance(point, Metric) and point.model_id:
        return lambda: _log_facts(store, run_id, [point], [], [])
    return store.metrics.prepare(run_id, [point], typed=isinstance(point, quick.LoggedMetric))


def _log_param(store: Store, sent: Values) -> Json:
    param = checks.param(sent)
    store.runs.log_params(checks.run_of(sent), {param.key: param.value})
    return {}


def _set_tag(store: Store, sent: Values) -> Json:
    tag = checks.run_tag(sent)
    store.runs.set_tags(checks.run_of(sent), {tag.key: tag.value})
    return {}


def _delete_tag(store: Store, sent: Values) -> Json:
    store.runs.delete_tag(checks.known_run_id(sent["run_id"]), sent["key"])
    return {}


def _log_batch(store: Store, sent: Fields) -> Change:
    run_id = checks.run_id(sent["run_id"])
    points, params, tags = checks.batch(sent)
    is_plain = points is sent["metrics"]  # as they were decoded, so of no model
    of_models = not is_plain and any(
        isinstance(point, Metric) and point.model_id for point in points
    )
    if points and not params and not tags and not of_models:
        return store.metrics.prepare(run_id, points, typed=is_plain)
    return lambda: _log_facts(store, run_id, points, params, tags)


def _log_facts(
    store: Store,
    run_id: str,
    points: Sequence[PointLike],
    params: list[Param],
    tags: list[RunTag],
) -> Json:
    try:
        store.runs.log_batch(run_id, points, params, tags)
    except InvalidValueError:
        logged = store.runs.get(run_id).data.params
        changed = [
            {"key": param.key, "old_value": logged[param.key], "new_value": param.value}
            for param in params
            if logged.get(param.key, param.value) != param.value
        ]
        if not changed:
            raise
        checks.refuse(
            "Changing param values is not allowed. Params were already "
            f"logged='{changed}' for run ID='{run_id}'."
        )
    return {}


def _log_inputs(store: Store, sent: Values) -> Json:
    run_id = checks.run_id(sent["run_id"])
    datasets = [checks.dataset_input(dataset) for dataset in sent["datasets"]]
    models = [LoggedModelInput(model_id=model["model_id"]) for model in sent["models"]]
    store.runs.log_inputs(run_id, datasets, models)
    return {}


def _log_outputs(store: Store, sent: Values) -> Json:
    models = [
        LoggedModelOutput(model_id=output["model_id"], step=output["step"])
        for output in sent["models"]
    ]
    store.runs.log_outputs(checks.known_run_id(sent["run_id"]), models)
    return {}


def _log_model(store: Store, sent: Values) -> Json:
    """Note a model in a tag, for clients older than logged models."""
    text = sent["model_json"]
    try:
        model: Any = json.loads(text)
    except (ValueError, RecursionError):
        checks.refuse(f"Malformed model info. \n {text} \n is not a valid JSON.")
    missing = set(_MODEL_NEEDED) - set(model if isinstance(model, dict) else ())
    if missing:
        checks.refuse(f"Model json is missing mandatory fields: {missing}")
    flavors = model["flavors"] if isinstance(model["flavors"], dict) else {}
    noted = {key: model[key] for key in _MODEL_KEYS if key in model}
    noted["flavors"] = {
        name: {key: value for key, value in settings.items() if key != "config"}
        if isinstance(settings, dict)
        else settings
        for name, settings in flavors.items()
    }
    run_id = checks.known_run_id(sent["run_id"])
    before = store.runs.get(run_id).data.tags.get(_MODELS_TAG)
    history = json.dumps([*(json.loads(before) if before else []), noted])
    store.runs.set_tags(run_id, {_MODELS_TAG: history})
    return {}


ENDPOINTS = (
    Endpoint(
        "POST", "runs/log-metric", requests.LOG_METRIC, _log_metric, writes=True, prepares=True
    ),
    Endpoint("POST", "runs/log-parameter", requests.LOG_PARAM, _log_param, writes=True),
    Endpoint("POST", "runs/set-tag", requests.SET_TAG, _set_tag, writes=True),
    Endpoint("POST", "runs/delete-tag", requests.DELETE_TAG, _delete_tag, writes=True),
    Endpoint("POST", "runs/log-batch", requests.LOG_BATCH, _log_batch, writes=True, prepares=True),
    Endpoint("POST", "runs/log-inputs", requests.LOG_INPUTS, _log_inputs, writes=True),
    Endpoint("POST", "runs/outputs", requests.LOG_OUTPUTS, _log_outputs, writes=True),
    Endpoint("POST", "runs/log-model", requests.LOG_MODEL, _log_model, writes=True),
)
