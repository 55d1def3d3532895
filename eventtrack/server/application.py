"""The ASGI application: finds the endpoint, reads the request, answers."""

import asyncio
import contextlib
import logging
import math
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

import msgspec
from starlette.requests import ClientDisconnect
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from eventtrack.compat.errors import refusal, refuse
from eventtrack.compat.messages import Fields, Values
from eventtrack.compat.responses import Json
from eventtrack.errors import EventtrackError, InvalidValueError
from eventtrack.projections.older import SHOWS_OLDER
from eventtrack.server import bodies
from eventtrack.server.access import CHALLENGE, Access
from eventtrack.server.clustered import Clustered
from eventtrack.server.endpoint import Change, Endpoint, Remarked, Streamed
from eventtrack.server.routes import Routes
from eventtrack.server.threads import Services
from eventtrack.server.visits import Visit
from eventtrack.store import Store
from eventtrack.store.reasons import HEADER, REASON, from_header, header_of
from eventtrack.store.recorder import Prepared
from eventtrack.store.session import AUTHOR
from eventtrack.tokens import Role
from eventtrack.waiting import AbandonedError

_log = logging.getLogger("eventtrack.server")

# A request in JSON: the largest is a dataset with a profile of 16 MiB, escaped.
BODY_BYTES_MAX = 64 * 2**20
# Says that an answer is of older views: the last event that they have, and the head of the log.
_OLDER = "eventtrack-older-views"
# Says what made a search slow; UTF-8 with percent signs, as the header of reasons.
_REMARK = "eventtrack-remark"
# For clients of a server that cannot answer for a moment.
_RETRY_AFTER_S = "1"


class Application:
    """Answers MLflow's requests from a store.

    Its threads start when the server opens the `lifespan`. At its end they finish their work.

    Args:
        clustered: The server's part in a cluster; None for a server of its own.
    """

    def __init__(
        self, store: Store, routes: Routes, access: Access, clustered: Clustered | None = None
    ) -> None:
        self._clustered = clustered
        self._store = store
        self._routes = routes
        self._access = access
        self.services: Services | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or open and close the threads."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            request = HttpRequest(scope, receive)
            response = await self._answer(request)
            if response is None:
                return
            visit: Visit | None = getattr(request.state, "lasting", None)
            if visit is None:
                await response(scope, receive, send)
                return
            with contextlib.suppress(EventtrackError):  # the connection then ends, half-way
                await visit.lasting(response(scope, receive, visit.sending(send)))

    def end_streams(self) -> None:
        """End the streams of changes, which would never end by themselves."""
        if self.services is not None:
            self.services.ending.set()

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        self.services = Services(self._store, self._clustered)
        if self._clustered is not None:
            self._clustered.start()
        warming = asyncio.create_task(self.services.keep_warm())
        await send({"type": "lifespan.startup.complete"})
        await receive()
        warming.cancel()
        self.services.close()
        await send({"type": "lifespan.shutdown.complete"})

    async def _answer(self, request: HttpRequest) -> Response | None:
        """The answer to a request, whatever happens; None when the client has gone."""
        assert self.services is not None
        try:
            _check_text(request.scope)
            # Not the path of `request.url`, which ends at a question mark that belongs to a name.
            match = self._routes.find(request.method, request.scope["path"])
            if isinstance(match.entry, Response):
                return match.entry
            needs = match.entry.needs
            age = 0.0
            if self._clustered is not None and needs:  # pages and /health hold nothing of the store
                self._access.refuse_unnamed(needs, request.headers)
                # Whether a token counts is known once this server is as new as the request.
                age = await self._clustered.current(reads=needs <= Role.READ)
            visit = Visit(self._access, needs, request.headers)
            request.state.role = visit.visitor.role
            AUTHOR.set(visit.visitor.name)
            REASON.set(from_header(request.headers.get(HEADER)))
            reads = isinstance(match.entry, Endpoint) and not match.entry.writes
            SHOWS_OLDER.set(reads and needs <= Role.READ)
            if isinstance(match.entry, Streamed):
                rest = match.rest or "".join(match.pieces.values())
                work = match.entry.answer(self.services, request, rest)
                response = await visit.lasting(work)
                request.state.lasting = visit
            else:
                response = await self._json(visit, match.entry, request, match.pieces)
            if (building := self._store.maintenance.building()) and SHOWS_OLDER.get():
                response.headers[_OLDER] = f"{building.shown}/{building.head}"
            if age:
                response.headers["age"] = str(math.ceil(age))
            return response
        except (ClientDisconnect, AbandonedError):
            return None
        except Exception as error:
            response = refused(error, request.scope["path"])
            if response.status_code == 401 and not _by_script(request):
                response.headers["www-authenticate"] = CHALLENGE
            return response

    async def _json(
        self,
        visit: Visit,
        endpoint: Endpoint,
        request: HttpRequest,
        pieces: Mapping[str, str],
    ) -> Response:
        assert self.services is not None
        sent: Fields
        if request.method in ("GET", "HEAD") and request.scope["query_string"]:
            sent = endpoint.request.from_query(request.query_params.multi_items())
        else:
            _check_content_type(request)
            body = await bodies.read(request, BODY_BYTES_MAX)
            visit.renew()  # it may have taken long to arrive
            sent = endpoint.request.from_body(body)
        if isinstance(sent, Values):
            for name, piece in pieces.items():
                sent.put(name, piece)
        return await _answer_json(self.services, endpoint, sent, request.receive)


def refused(error: BaseException, path: str) -> Response:
    """The answer to a request that raised an error."""
    if isinstance(error, EventtrackError):
        answer = refusal(error)
    elif isinstance(error, bodies.TooLargeError):
        answer = refuse("INVALID_PARAMETER_VALUE", str(error), status=413)
    else:
        _log.error("cannot answer %r", path, exc_info=error)
        answer = refuse("INTERNAL_ERROR", "Internal server error; the server's log says more.")
    headers = {"retry-after": _RETRY_AFTER_S} if answer.status == 503 else {}
    return Response(answer.body, answer.status, headers, "application/json")


async def _answer_json(
    services: Services, endpoint: Endpoint, sent: Fields, receive: Receive
) -> Response:
    store, answer, headers = services.store, endpoint.answer, dict[str, str]()

    def query() -> bytes:
        answered = answer(store, sent)
        if isinstance(answered, Remarked):
            if answered.remark:
                headers[_REMARK] = header_of(answered.remark)
            answered = answered.answer
        return msgspec.json.encode(answered)

    if endpoint.prepares:
        body = await _make(services, answer(store, sent))
    elif endpoint.writes:
        body = msgspec.json.encode(await services.write(lambda: answer(store, sent)))
    elif endpoint.watched and isinstance(sent, Values):
        slow = endpoint.slow or bool(sent.given("at"))
        body = await services.answer(query, receive, slow=slow)
    else:
        body = await services.read(query)
    return Response(body, headers=headers, media_type="application/json")


async def _make(services: Services, change: Json | Change) -> bytes:
    if isinstance(change, Prepared):
        await services.log(change)
        return b"{}"
    assert callable(change)
    return msgspec.json.encode(await services.write(change))


def _check_text(scope: Scope) -> None:
    """Refuse bytes that are no text: decoded with replacements, two names would become equal."""
    for part in (scope.get("raw_path") or b"", scope["query_string"]):
        if b"%" in part:
            try:
                unquote_to_bytes(part).decode()
            except UnicodeDecodeError as error:
                raise InvalidValueError(
                    f"Bad Request. The address holds bytes that are no UTF-8 ({error.reason}).",
                    hint="encode names as UTF-8 before they are written with percent signs",
                ) from error


def _by_script(request: HttpRequest) -> bool:
    """Whether a script of our pages asks: the pages show a form, a browser would open a dialog."""
    headers = request.headers
    return "x-requested-with" in headers or "text/event-stream" in headers.get("accept", "")


def _check_content_type(request: HttpRequest) -> None:
    if request.method not in ("POST", "PUT"):
        return
    sent = request.headers.get("content-type")
    if sent is None:
        raise InvalidValueError("Bad Request. Content-Type header is missing.")
    if sent.split(";")[0] != "application/json":
        raise InvalidValueError("Bad Request. Content-Type must be one of ['application/json'].")
