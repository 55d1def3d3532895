"""eventtrack's own pages over HTTP."""

import hashlib

from starlette.requests import Request
from starlette.responses import Response

from eventtrack.compat.errors import NoSuchEndpointError
from eventtrack.server.endpoint import Streamed
from eventtrack.server.threads import Services
from eventtrack.tokens import Role
from eventtrack.web import assets

# A year: the names of the files change with their content.
_FILES_AGE_MAX_S = 31_536_000
_CLOSED = {"x-content-type-options": "nosniff", "referrer-policy": "no-referrer"}


def endpoints() -> tuple[Streamed, ...]:
    """The endpoints of the pages: `/`, and the files that it loads from `/static/`."""
    built = assets.load()
    etag = f'"{hashlib.sha256(built.page.body).hexdigest()[:16]}"'

    async def index(services: Services, request: Request, _: str) -> Response:
        headers = {
            "cache-control": "no-cache",
            "content-security-policy": built.policy,
            "etag": etag,
            **_CLOSED,
        }
        if etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return _answer(request, built.page, headers)

    async def file(services: Services, request: Request, path: str) -> Response:
        asset = built.files.get(path)
        if asset is None:
            raise NoSuchEndpointError(
                f"the pages have no file {path[:200]!r}",
                hint="was eventtrack updated under a running server? Restart it, reload the page",
            )
        kept = {"cache-control": f"public, max-age={_FILES_AGE_MAX_S}, immutable", **_CLOSED}
        return _answer(request, asset, kept)

    # The pages hold nothing of the store; a visitor without a token gets a form for pasting it.
    return (
        Streamed("GET", "/", index, role=Role.NOBODY),
        Streamed("GET", assets.PREFIX, file, role=Role.NOBODY),
    )


def _answer(request: Request, asset: assets.Asset, headers: dict[str, str]) -> Response:
    headers["vary"] = "accept-encoding"
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["content-encoding"] = "gzip"
        return Response(asset.compressed, headers=headers, media_type=asset.media_type)
    return Response(asset.body, headers=headers, media_type=asset.media_type)
