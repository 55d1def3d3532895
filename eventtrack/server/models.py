"""Logged models over HTTP: made, finalized, tagged, deleted, found, and their files."""

from starlette.requests import Request
from starlette.responses import Response

from eventtrack.compat import checks, requests, responses
from eventtrack.compat.messages import Values
from eventtrack.compat.responses import Json
from eventtrack.errors import NotFoundError, UsageError
from eventtrack.server import files
from eventtrack.server.endpoint import AJAX_2, Endpoint, Streamed
from eventtrack.server.files import Owned
from eventtrack.server.threads import Services
from eventtrack.store import Store
from eventtrack.tokens import Role
from eventtrack.views.records import LifecycleStage, LoggedModel

_ONE = "logged-models/<model_id>"


def _create(store: Store, sent: Values) -> Json:
    made = store.models.create(
        checks.experiment_id(sent["experiment_id"]),
        name=sent["name"] or None,
        source_run_id=sent["source_run_id"] or None,
        model_type=sent["model_type"] or None,
        params=checks.pairs(sent["params"]),
        tags=checks.pairs(sent["tags"]),
    )
    return {"model": responses.logged_model(made)}


def _get(store: Store, sent: Values) -> Json:
    allow_deleted = sent["allow_deleted"].lower() == "true"
    return {"model": responses.logged_model(_model(store, sent["model_id"], allow_deleted))}


def _finalize(store: Store, sent: Values) -> Json:
    status = requests.MODEL_STATUSES[sent["status"]]
    return {"model": responses.logged_model(store.models.finalize(sent["model_id"], status))}


def _delete(store: Store, sent: Values) -> Json:
    store.models.delete(sent["model_id"])
    return {}


def _log_params(store: Store, sent: Values) -> Json:
    store.models.log_params(sent["model_id"], checks.pairs(sent["params"]))
    return {}


def _set_tags(store: Store, sent: Values) -> Json:
    store.models.set_tags(sent["model_id"], checks.pairs(sent["tags"]))
    return {}


def _delete_tag(store: Store, sent: Values) -> Json:
    store.models.delete_tag(sent["model_id"], sent["tag_key"])
    return {}


def _search(store: Store, sent: Values) -> Json:
    models = store.models.search(
        list(map(checks.experiment_id, sent["experiment_ids"])),
        sent["filter"],
        [dataset.plain() for dataset in sent["datasets"]],
        sent["max_results"],
        [order.plain() for order in sent["order_by"]],
        sent["page_token"] or None,
    )
    return responses.page("models", list(map(responses.logged_model, models)), models.token)


def _list_artifacts(store: Store, sent: Values) -> Json:
    path = ""
    if sent.has("artifact_directory_path"):
        path = checks.artifact_path(sent["artifact_directory_path"])
    known = _model(store, sent["model_id"])
    entries = store.models.artifacts.list(known.model_id, path or None)
    if not entries and not path:
        files.refuse_elsewhere(store, Owned("model", known.model_id, ""))
    answer: Json = {"root_uri": responses.model_location(known)}
    if entries:
        answer["files"] = [responses.file(entry) for entry in entries]
    return answer


async def _get_file(services: Services, request: Request, model_id: str) -> Response:
    path = request.query_params.get("artifact_file_path")
    if not path:
        raise UsageError('Request must include the "artifact_file_path" query parameter.')
    clean = checks.artifact_path(path)
    await services.read(lambda: _model(services.store, model_id))
    return await files.send(services, request, Owned("model", model_id, clean))


def _model(store: Store, model_id: str, allow_deleted: bool = False) -> LoggedModel:
    known = store.models.get(model_id)
    if known.lifecycle_stage == LifecycleStage.DELETED and not allow_deleted:
        raise NotFoundError(f"Logged model with ID '{model_id}' not found.")
    return known


ENDPOINTS = (
    Endpoint("POST", "logged-models", requests.CREATE_MODEL, _create, writes=True),
    Endpoint("POST", "logged-models/search", requests.SEARCH_MODELS, _search, role=Role.READ),
    Endpoint("GET", _ONE, requests.GET_MODEL, _get),
    Endpoint("PATCH", _ONE, requests.FINALIZE_MODEL, _finalize, writes=True),
    Endpoint("DELETE", _ONE, requests.ONE_MODEL, _delete, writes=True),
    Endpoint("POST", f"{_ONE}/params", requests.LOG_MODEL_PARAMS, _log_params, writes=True),
    Endpoint("PATCH", f"{_ONE}/tags", requests.SET_MODEL_TAGS, _set_tags, writes=True),
    Endpoint("DELETE", f"{_ONE}/tags/<tag_key>", requests.ONE_MODEL, _delete_tag, writes=True),
    Endpoint(
        "GET", f"{_ONE}/artifacts/directories", requests.LIST_MODEL_ARTIFACTS, _list_artifacts
    ),
)
STREAMED = (Streamed("GET", f"{AJAX_2}{_ONE}/artifacts/files", _get_file),)
