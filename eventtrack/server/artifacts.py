"""Artifacts over HTTP: by the id of a run, and by path through the `mlflow-artifacts` proxy."""

import posixpath

from starlette.requests import Request
from starlette.responses import Response

from eventtrack.compat import checks, requests, responses
from eventtrack.compat.messages import Values
from eventtrack.compat.responses import Json
from eventtrack.errors import NotFoundError
from eventtrack.server import files
from eventtrack.server.endpoint import AJAX_2, PROXY_PREFIXES, Endpoint, Streamed
from eventtrack.server.files import Owned
from eventtrack.server.threads import Services
from eventtrack.store import Store
from eventtrack.tokens import Role

# MLflow (server/handlers.py): the largest upload from its pages.
_UPLOAD_BYTES_MAX = 10 * 2**20
_TOO_LARGE = "Artifact size is too large. Max size is 10MB."


def _list(store: Store, sent: Values) -> Json:
    path = checks.artifact_path(sent["path"]) if sent.has("path") else ""
    info = store.runs.get(checks.run_of(sent)).info
    entries = store.artifacts.list(info.run_id, path or None)
    if not entries and not path:
        files.refuse_elsewhere(store, Owned("run", info.run_id, ""))
    answer: Json = {"root_uri": responses.run_location(info)}
    if entries:
        answer["files"] = [responses.file(entry) for entry in entries]
    return answer


async def _get(services: Services, request: Request, _: str) -> Response:
    query = request.query_params
    run_id = query.get("run_id") or query.get("run_uuid") or ""
    if "path" not in query:
        checks.refuse("Missing value for required parameter 'path'.")
    wanted = Owned("run", run_id, checks.artifact_path(query["path"]))
    return await files.send(services, request, wanted)


async def _upload(services: Services, request: Request, _: str) -> Response:
    run_id, path = request.query_params.get("run_uuid"), request.query_params.get("path")
    if not run_id:
        checks.refuse("Request must specify run_uuid.")
    if not path:
        checks.refuse("Request must specify path.")
    path = checks.artifact_path(path)
    size = request.headers.get("content-length")
    if size is None:
        checks.refuse("Request must specify data with its Content-Length.")
    if int(size) == 0:
        checks.refuse("Request must specify data.")
    if int(size) > _UPLOAD_BYTES_MAX:
        checks.refuse(_TOO_LARGE)
    await files.receive(services, request, Owned("run", run_id, path))
    return Response(b"", media_type="application/json")


def _list_proxied(store: Store, sent: Values) -> Json:
    path = checks.artifact_path(sent["path"]) if sent.has("path") else ""
    try:
        below = files.owned(path)
        entries = below.files(store).list(below.owner, below.path or None)
    except NotFoundError:
        return {}  # a folder that does not exist is an empty one, as in MLflow
    listed = []
    for entry in entries:
        shown = responses.file(entry)
        shown["path"] = posixpath.basename(entry.path)
        listed.append(shown)
    return {"files": listed} if listed else {}


async def _download_proxied(services: Services, request: Request, path: str) -> Response:
    return await files.send(services, request, files.owned(checks.artifact_path(path)))


async def _upload_proxied(services: Services, request: Request, path: str) -> Response:
    await files.receive(services, request, files.owned(checks.artifact_path(path)))
    return Response()


async def _delete_proxied(services: Services, request: Request, path: str) -> Response:
    below = files.owned(checks.artifact_path(path))

    def delete() -> None:
        files.refuse_elsewhere(services.store, below)
        kept = below.files(services.store)
        for entry in kept.list(below.owner) if not below.path else ():
            kept.delete(below.owner, entry.path)
        if below.path:
            kept.delete(below.owner, below.path)

    await services.read(delete)
    return Response(b"{}", media_type="application/json")


ENDPOINTS = (
    Endpoint("GET", "artifacts/list", requests.LIST_ARTIFACTS, _list),
    Endpoint("GET", "artifacts", requests.LIST_PROXIED, _list_proxied, prefixes=PROXY_PREFIXES),
)
STREAMED = (
    Streamed("GET", "/get-artifact", _get),
    Streamed("GET", f"{AJAX_2}get-artifact", _get),
    Streamed("POST", f"{AJAX_2}upload-artifact", _upload, role=Role.WRITE),
    *(
        Streamed(method, f"{prefix}artifacts/", answer, role=role)
        for prefix in PROXY_PREFIXES
        for method, answer, role in (
            ("GET", _download_proxied, Role.READ),
            ("PUT", _upload_proxied, Role.WRITE),
            ("DELETE", _delete_proxied, Role.WRITE),
        )
    ),
)
