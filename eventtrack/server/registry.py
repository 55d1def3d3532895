"""The model registry over HTTP: registered models, versions, aliases, stages, and their files."""

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from eventtrack.compat import checks, sources
from eventtrack.compat import registry_requests as requests
from eventtrack.compat.errors import NotServedError
from eventtrack.compat.messages import Values
from eventtrack.compat.responses import PROXY_SCHEME, Json, page, pairs
from eventtrack.server import files
from eventtrack.server.endpoint import AJAX_2, Endpoint, Streamed
from eventtrack.server.files import Owned
from eventtrack.server.threads import Services
from eventtrack.store import Store
from eventtrack.tags import MODEL_VERSIONS_TAG
from eventtrack.tokens import Role
from eventtrack.views.records import ModelVersion, RegisteredModel
from eventtrack.views.search.registered import PROMPT_TAG


def _create(store: Store, sent: Values) -> Json:
    made = store.registry.create(sent["name"], description=sent["description"], tags=_tags(sent))
    return {"registered_model": _model(store, made)}


def _get(store: Store, sent: Values) -> Json:
    return {"registered_model": _model(store, store.registry.get(sent["name"]))}


def _update(store: Store, sent: Values) -> Json:
    known = store.registry.describe(sent["name"], sent["description"])
    return {"registered_model": _model(store, known)}


def _rename(store: Store, sent: Values) -> Json:
    known = store.registry.rename(sent["name"], sent["new_name"])
    return {"registered_model": _model(store, known)}


def _delete(store: Store, sent: Values) -> Json:
    store.registry.delete(sent["name"])
    return {}


def _search(store: Store, sent: Values) -> Json:
    models = store.registry.search(
        sent["filter"], sent["max_results"], sent["order_by"], sent["page_token"] or None
    )
    return page("registered_models", [_model(store, model) for model in models], models.token)


def _latest(store: Store, sent: Values) -> Json:
    versions = store.registry.latest_versions(sent["name"], sent["stages"])
    return page("model_versions", [_version(store, version) for version in versions], None)


def _set_tag(store: Store, sent: Values) -> Json:
    store.registry.set_tag(sent["name"], *checks.registry_tag(sent["key"], sent["value"]))
    return {}


def _delete_tag(store: Store, sent: Values) -> Json:
    store.registry.delete_tag(sent["name"], sent["key"])
    return {}


def _set_alias(store: Store, sent: Values) -> Json:
    store.registry.set_alias(sent["name"], sent["alias"], sent["version"])
    return {}


def _delete_alias(store: Store, sent: Values) -> Json:
    store.registry.delete_alias(sent["name"], sent["alias"])
    return {}


def _get_by_alias(store: Store, sent: Values) -> Json:
    version = store.registry.version_by_alias(sent["name"], sent["alias"])
    return {"model_version": _version(store, version)}


def _create_version(store: Store, sent: Values) -> Json:
    tags = _tags(sent)
    prompt = tags.get(PROMPT_TAG, "false").lower() == "true"
    if prompt:
        origin = sources.prompt_origin(sent["source"])
    else:
        known = (sent.given("run_id"), sent.given("model_id"))
        origin = sources.origin(store, sent["source"], *known)
    with store.batch():
        made = store.registry.create_version(
            sent["name"],
            origin.source,
            location=origin.location,
            run_id=sent["run_id"] if prompt else origin.run_id,
            run_link=sent["run_link"],
            model_id=origin.model_id or None,
            description=sent["description"],
            tags=tags,
        )
        if origin.model_id:
            _note_version(store, origin.model_id, made)
    return {"model_version": _version(store, made)}


def _note_version(store: Store, model_id: str, made: ModelVersion) -> None:
    """Say in a tag of the logged model that it was registered, as MLflow does."""
    known = store.models.get(model_id).tags.get(MODEL_VERSIONS_TAG)
    noted: list[Any] = json.loads(known) if known else []
    noted.append({"name": made.name, "version": made.version})
    store.models.set_tags(model_id, {MODEL_VERSIONS_TAG: json.dumps(noted)})


def _get_version(store: Store, sent: Values) -> Json:
    version = store.registry.get_version(sent["name"], sent["version"])
    return {"model_version": _version(store, version)}


def _update_version(store: Store, sent: Values) -> Json:
    text = sent.given("description")
    version = store.registry.describe_version(sent["name"], sent["version"], text)
    return {"model_version": _version(store, version)}


def _set_stage(store: Store, sent: Values) -> Json:
    version = store.registry.set_stage(
        sent["name"],
        sent["version"],
        sent["stage"],
        archive_existing=sent["archive_existing_versions"],
    )
    return {"model_version": _version(store, version)}


def _delete_version(store: Store, sent: Values) -> Json:
    store.registry.delete_version(sent["name"], sent["version"])
    return {}


def _set_version_tag(store: Store, sent: Values) -> Json:
    tag = checks.registry_tag(sent["key"], sent["value"])
    store.registry.set_version_tag(sent["name"], sent["version"], *tag)
    return {}


def _delete_version_tag(store: Store, sent: Values) -> Json:
    store.registry.delete_version_tag(sent["name"], sent["version"], sent["key"])
    return {}


def _search_versions(store: Store, sent: Values) -> Json:
    versions = store.registry.search_versions(
        sent["filter"], sent["max_results"], sent["order_by"], sent["page_token"] or None
    )
    items = [_version(store, version, aliases=False) for version in versions]
    return page("model_versions", items, versions.token)


def _download_uri(store: Store, sent: Values) -> Json:
    version = store.registry.get_version(sent["name"], sent["version"])
    return {"artifact_uri": sources.shown(store, version.location)}


async def _get_file(services: Services, request: Request, _: str) -> Response:
    query, store = request.query_params, services.store
    if "path" not in query:
        checks.refuse("Missing value for required parameter 'path'.")
    path = checks.artifact_path(query["path"])

    def find() -> str:
        version = store.registry.get_version(query.get("name", ""), query.get("version", ""))
        return sources.shown(store, version.location)

    location = await services.read(find)
    if location.startswith("runs:/"):
        run_id, _, below = location.removeprefix("runs:/").strip("/").partition("/")
        return await files.send(
            services, request, Owned("run", run_id, f"{below}/{path}".lstrip("/"))
        )
    if not location.startswith(PROXY_SCHEME):
        raise NotServedError(f"the files of this version lie at {location}: read them there")
    inside = location.removeprefix(PROXY_SCHEME).strip("/")
    return await files.send(services, request, files.owned(f"{inside}/{path}"))


def _tags(sent: Values) -> dict[str, str]:
    return dict(checks.registry_tag(tag["key"], tag["value"]) for tag in sent["tags"])


def _model(store: Store, known: RegisteredModel) -> Json:
    answer: Json = {
        "name": known.name,
        "creation_timestamp": known.creation_timestamp,
        "last_updated_timestamp": known.last_updated_timestamp,
    }
    if known.description:
        answer["description"] = known.description
    latest = [_version(store, version, aliases=False) for version in known.latest_versions]
    aliases = [{"alias": name, "version": str(of)} for name, of in sorted(known.aliases.items())]
    lists = {"latest_versions": latest, "tags": pairs(known.tags), "aliases": aliases}
    return {**answer, **{name: items for name, items in lists.items() if items}}


def _version(store: Store, known: ModelVersion, *, aliases: bool = True) -> Json:
    answer: Json = {
        "name": known.name,
        "version": str(known.version),
        "creation_timestamp": known.creation_timestamp,
        "last_updated_timestamp": known.last_updated_timestamp,
        "current_stage": known.current_stage,
        "source": sources.shown(store, known.source),
        "status": known.status,
    }
    for name in ("description", "user_id", "run_id", "run_link"):
        if (text := getattr(known, name)) is not None:
            answer[name] = text
    if known.tags:
        answer["tags"] = pairs(known.tags)
    if aliases and known.aliases:
        answer["aliases"] = known.aliases
    return answer


_ALIAS, _MODELS, _VERSIONS = "registered-models/alias", "registered-models", "model-versions"
ENDPOINTS = (
    Endpoint("POST", f"{_MODELS}/create", requests.CREATE, _create, writes=True),
    Endpoint("GET", f"{_MODELS}/get", requests.ONE, _get),
    Endpoint("PATCH", f"{_MODELS}/update", requests.UPDATE, _update, writes=True),
    Endpoint("POST", f"{_MODELS}/rename", requests.RENAME, _rename, writes=True),
    Endpoint("DELETE", f"{_MODELS}/delete", requests.ONE, _delete, writes=True),
    Endpoint("GET", f"{_MODELS}/search", requests.SEARCH, _search),
    Endpoint("GET", f"{_MODELS}/get-latest-versions", requests.LATEST, _latest),
    Endpoint("POST", f"{_MODELS}/get-latest-versions", requests.LATEST, _latest, role=Role.READ),
    Endpoint("POST", f"{_MODELS}/set-tag", requests.SET_TAG, _set_tag, writes=True),
    Endpoint("DELETE", f"{_MODELS}/delete-tag", requests.DELETE_TAG, _delete_tag, writes=True),
    Endpoint("POST", _ALIAS, requests.SET_ALIAS, _set_alias, writes=True),
    Endpoint("DELETE", _ALIAS, requests.ONE_ALIAS, _delete_alias, writes=True),
    Endpoint("GET", _ALIAS, requests.ONE_ALIAS, _get_by_alias),
    Endpoint("POST", f"{_VERSIONS}/create", requests.CREATE_VERSION, _create_version, writes=True),
    Endpoint("GET", f"{_VERSIONS}/get", requests.ONE_VERSION, _get_version),
    Endpoint("PATCH", f"{_VERSIONS}/update", requests.UPDATE_VERSION, _update_version, writes=True),
    Endpoint("POST", f"{_VERSIONS}/transition-stage", requests.SET_STAGE, _set_stage, writes=True),
    Endpoint("DELETE", f"{_VERSIONS}/delete", requests.ONE_VERSION, _delete_version, writes=True),
    Endpoint("GET", f"{_VERSIONS}/search", requests.SEARCH_VERSIONS, _search_versions),
    Endpoint("GET", f"{_VERSIONS}/get-download-uri", requests.DOWNLOAD_URI, _download_uri),
    Endpoint(
        "POST", f"{_VERSIONS}/set-tag", requests.SET_VERSION_TAG, _set_version_tag, writes=True
    ),
    Endpoint(
        *("DELETE", f"{_VERSIONS}/delete-tag", requests.DELETE_VERSION_TAG, _delete_version_tag),
        writes=True,
    ),
)
STREAMED = (
    Streamed("GET", "/model-versions/get-artifact", _get_file),
    Streamed("GET", f"{AJAX_2}model-versions/get-artifact", _get_file),
)
