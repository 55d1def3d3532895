"""The endpoint that takes text, histograms and media of runs; see `docs/web-api.md`."""

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from eventtrack.compat import checks
from eventtrack.server import bodies
from eventtrack.server.endpoint import Streamed
from eventtrack.server.threads import Services
from eventtrack.store.receiving import decode_calls
from eventtrack.tokens import Role

# Twice the bytes of the items that a request may have: JSON takes more than they do on disk.
_BODY_BYTES_MAX = 16 * 2**20


async def _receive(services: Services, request: HttpRequest, _: str) -> Response:
    body = await bodies.read(request, _BODY_BYTES_MAX)
    sent = await services.read(lambda: decode_calls(body))
    run_id = checks.known_run_id(sent.run_id)
    store = services.store
    missing = await services.write(lambda: store.items.receive(run_id, sent.items))
    answer = msgspec.json.encode({"missing": [digest.hex() for digest in missing]})
    return Response(answer, media_type="application/json")


STREAMED = (Streamed("POST", "/api/eventtrack/1/items", _receive, role=Role.WRITE),)
