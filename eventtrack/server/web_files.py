"""The files of runs as the pages show and save them, at any moment; and curves as CSV."""

import asyncio
import contextlib
import posixpath
from collections.abc import AsyncIterator, Callable, Iterator
from typing import NamedTuple

from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse

from eventtrack.compat import checks
from eventtrack.compat.messages import Message, Values, text
from eventtrack.compat.requests import Request
from eventtrack.compat.responses import Json
from eventtrack.compat.rules import REQUIRED, STRING
from eventtrack.errors import InvalidValueError
from eventtrack.server import files
from eventtrack.server.endpoint import Endpoint, Streamed
from eventtrack.server.threads import Services
from eventtrack.server.web_api import PREFIX
from eventtrack.store import Queries, Store
from eventtrack.web import answers, exports

_PAGE = {
    "content-type": "text/html; charset=utf-8",
    "x-content-type-options": "nosniff",
    "content-security-policy": (
        "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
        "frame-ancestors 'self'"
    ),
}
# Browsers show a PDF in a viewer of their own, which a sandbox would keep from starting.
_PDF = {
    "content-type": "application/pdf",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; object-src 'self'; frame-ancestors 'self'",
}
_SHOWN = {".html": _PAGE, ".htm": _PAGE, ".pdf": _PDF}


class _Asked(NamedTuple):
    run_id: str
    path: str
    at: str


def _asked(request: HttpRequest) -> _Asked:
    asked = request.query_params
    path = asked.get("path", "")
    clean = checks.artifact_path(path) if path else ""
    return _Asked(checks.known_run_id(asked.get("run_id", "")), clean, asked.get("at", ""))


def _list(store: Store, sent: Values) -> Json:
    run_id = checks.known_run_id(sent["run_id"])
    with answers.as_of(store, sent["at"]) as queries:
        listed = queries.artifacts.list(run_id, sent["path"] or None)
    return {"files": [file.to_dictionary() for file in listed]}


async def _file(services: Services, request: HttpRequest, _: str) -> Response:
    asked = _asked(request)
    owned = files.Owned("run", asked.run_id, asked.path)
    return await files.send(services, request, owned, asked.at)


async def _page(services: Services, request: HttpRequest, _: str) -> Response:
    """A logged page, or a PDF, for a frame: without scripts, forms, origin or network."""
    asked = _asked(request)
    shown = _SHOWN.get(posixpath.splitext(asked.path)[1].lower())
    if shown is None:
        raise InvalidValueError(
            f"{asked.path[:80]!r} is no page", hint=f"pages end in {', '.join(_SHOWN)}"
        )
    owned = files.Owned("run", asked.run_id, asked.path)
    return await files.send(services, request, owned, asked.at, shown=shown)


async def _folder(services: Services, request: HttpRequest, _: str) -> Response:
    run_id, path, at = _asked(request)

    def pieces(queries: Queries) -> Iterator[bytes]:
        queries.runs.get(run_id)  # a run that is not there is refused before the answer begins
        return exports.folder(queries, run_id, path)

    name = posixpath.basename(path) or run_id
    return await _streamed(services, at, pieces, f"{name}.zip", "application/zip")


async def _curves(services: Services, request: HttpRequest, _: str) -> Response:
    asked = request.query_params
    run_ids = [checks.known_run_id(run_id) for run_id in asked.getlist("run_ids")]
    keys = asked.getlist("keys")

    def pieces(queries: Queries) -> Iterator[bytes]:
        return exports.curves(queries, run_ids, keys)

    return await _streamed(services, asked.get("at", ""), pieces, "curves.csv", "text/csv")


async def _streamed(
    services: Services,
    at: str,
    pieces: Callable[[Queries], Iterator[bytes]],
    name: str,
    media_type: str,
) -> Response:
    """An answer that a thread makes piece by piece, no sooner than the client takes them."""
    opened = contextlib.ExitStack()

    def begin() -> Iterator[bytes]:
        return pieces(opened.enter_context(answers.as_of(services.store, at)))

    try:
        waiting = await services.read(begin)
    except BaseException:
        opened.close()
        raise

    async def body() -> AsyncIterator[bytes]:
        try:
            while (piece := await services.read(lambda: next(waiting, None))) is not None:
                yield piece
        finally:
            await asyncio.shield(services.read(opened.close))

    headers = {"content-disposition": files.attachment(name), **files.CLOSED}
    return StreamingResponse(body(), headers=headers, media_type=media_type)


_FILES = Request(
    Message((text("run_id"), text("path"), text("at"))), {"run_id": (REQUIRED, STRING)}
)

ENDPOINTS = (Endpoint("GET", "files", _FILES, _list, watched=True, prefixes=(PREFIX,)),)
STREAMED = (
    Streamed("GET", f"{PREFIX}file", _file),
    Streamed("GET", f"{PREFIX}page", _page),
    Streamed("GET", f"{PREFIX}folder", _folder),
    Streamed("GET", f"{PREFIX}curves", _curves),
)
