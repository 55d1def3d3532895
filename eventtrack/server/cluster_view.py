"""The servers and writers of a cluster and their lag, for the page about sync."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from eventtrack.clock import SystemClock
from eventtrack.server.endpoint import Streamed
from eventtrack.server.threads import Services
from eventtrack.server.web_api import PREFIX
from eventtrack.tokens import Role


async def _tell(services: Services, request: Request, _: str) -> Response:
    clustered = services.clustered
    answer: dict[str, object] = {"url": None, "servers": [], "writers": []}
    if clustered is not None:
        lags = await services.read(clustered.lags)
        servers = msgspec.to_builtins(lags.servers)
        rows = [{**server, "own": server["name"] == clustered.name} for server in servers]
        writers = msgspec.to_builtins(lags.writers)
        answer = {"url": clustered.url, "servers": rows, "writers": writers}
    answer["now_ms"] = SystemClock().now_ms()
    return Response(msgspec.json.encode(answer), media_type="application/json")


ENDPOINTS = (Streamed("GET", f"{PREFIX}cluster", _tell, role=Role.READ),)
