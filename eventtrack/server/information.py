"""The server's answers about itself: its features, health and version."""

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from eventtrack.compat.messages import Message, Values
from eventtrack.compat.requests import Request as JsonRequest
from eventtrack.compat.responses import MLFLOW_VERSION, Json
from eventtrack.server.endpoint import AJAX_3, API_3, Endpoint, Streamed
from eventtrack.server.threads import Services
from eventtrack.store import Store
from eventtrack.tokens import Role


def _server_info(store: Store, sent: Values) -> Json:
    """The features of this server. It names no store type: MLflow's types do not include ours."""
    return {
        "store_type": None,
        "workspaces_enabled": False,
        "trace_archival_enabled": False,
        "multipart_uploads_enabled": False,
        "multipart_downloads_enabled": False,
        "presigned_upload_run_id_supported": False,
        "presigned_upload_model_id_supported": False,
        "features_enabled": {"gateway": False},
        # Ours: a client may choose the id of a new run, so that a repeated request makes no second
        # run; and runs take series of text, histograms and media.
        "eventtrack": {"runs_take_ids": True, "runs_take_series": True},
    }


async def _health(services: Services, request: Request, _: str) -> Response:
    problem = "" if services.clustered is None else services.clustered.problem()
    if problem:
        return PlainTextResponse(problem, 503, {"retry-after": "1"})
    return PlainTextResponse("OK")


async def _version(services: Services, request: Request, _: str) -> Response:
    return PlainTextResponse(MLFLOW_VERSION)


ENDPOINTS = (
    Endpoint(
        "GET", "server-info", JsonRequest(Message(())), _server_info, prefixes=(API_3, AJAX_3)
    ),
)
# Monitors ask for these, and clients that have no token yet.
STREAMED = (
    Streamed("GET", "/health", _health, role=Role.NOBODY),
    Streamed("GET", "/version", _version, role=Role.NOBODY),
)
