"""The short way of the most frequent requests: points to log, from the parser to the writer.

Training programs send little else, and half of what such a request cost went into ASGI's task,
messages and objects. A request takes the short way only if nothing about it is odd; any other, and
any that is to be refused, goes the usual way from its beginning. So this decides nothing.

A server of a cluster does not ask for news first. It admits the sender by what it knows, and the
shared log takes the points only if nobody decided anything since. Otherwise it asks, and begins
anew.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from eventtrack.errors import EventtrackError
from eventtrack.server.access import CHALLENGE, Access, Visitor
from eventtrack.server.application import Application, refused
from eventtrack.server.endpoint import Endpoint
from eventtrack.server.guard import Guard
from eventtrack.server.protocol import BoundedProtocol
from eventtrack.server.routes import served
from eventtrack.store.recorder import Prepared
from eventtrack.store.session import AUTHOR

# A request with another header goes the usual way.
_HEADERS = frozenset(
    (
        *("accept", "accept-encoding", "authorization", "connection", "content-length"),
        *("content-type", "host", "user-agent", "x-mlflow-client-version"),
    )
)
# A longer body goes the usual way, which asks who its client is before it is read.
_BODY_BYTES_MAX = 2**17
_DONE = b"content-length: 2\r\ncontent-type: application/json\r\n\r\n{}"


class Sender(NamedTuple):
    """The sender of a request that may go the short way.

    `known` is the position of a cluster's store up to which this server knew who may do what; None
    for a server of its own, which always knows. `headers` are those of the request.
    """

    visitor: Visitor
    known: int | None
    headers: Mapping[str, str]


class Shortcut:
    """Takes requests that log points and hands the points over."""

    def __init__(self, application: Application, guard: Guard, access: Access) -> None:
        self._application = application
        self._guard = guard
        self._access = access
        self._endpoints = {
            path.encode(): endpoint
            for method, path, endpoint in served()
            if isinstance(endpoint, Endpoint)
            and endpoint.prepares
            and endpoint.request.quick is not None
            and method == "POST"
        }

    def knows(self, url: bytes) -> bool:
        """Whether requests of an address may go the short way."""
        return url in self._endpoints

    def admit(self, url: bytes, headers: Sequence[tuple[bytes, bytes]]) -> Sender | None:
        """The sender of a request; None if it has to go the usual way.

        Called before the body is read: nobody's is held here whom the usual way would refuse.
        """
        services = self._application.services
        sent = {name.decode("latin-1"): value.decode("latin-1") for name, value in headers}
        if (
            services is None
            or len(sent) != len(headers)
            or not _HEADERS.issuperset(sent)
            or sent.get("content-type") != "application/json"
            or self._guard.problem("POST", url.decode(), sent) is not None
        ):
            return None
        known = None
        if services.clustered is not None and (known := services.clustered.unasked()) is None:
            return None
        try:
            return Sender(self._access.admit(self._endpoints[url].needs, sent), known, sent)
        except EventtrackError:
            return None

    def take(self, url: bytes, sender: Sender, body: bytes) -> "asyncio.Future[bool] | None":
        """Hand over the points of a request; see `Writer.log` for the future.

        Returns None if the request has to go the usual way; then nothing was done.
        """
        endpoint, services = self._endpoints[url], self._application.services
        assert services is not None
        assert endpoint.request.quick is not None
        token = AUTHOR.set(sender.visitor.name)
        try:
            fields = endpoint.request.quick(body)
            change = None if fields is None else endpoint.answer(services.store, fields)
            if not isinstance(change, Prepared):
                return None
            return services.log(change._replace(known=sender.known))
        except Exception:
            return None  # the usual way says what it is
        finally:
            AUTHOR.reset(token)

    async def take_again(self, url: bytes, sender: Sender, body: bytes) -> bool:
        """Ask for news, then admit the sender of a request and log its points, or refuse them.

        Raises:
            EventtrackError: The reason.
        """
        services = self._application.services
        assert services is not None
        assert services.clustered is not None
        await services.clustered.current(reads=False)
        visitor = self._access.admit(self._endpoints[url].needs, sender.headers)
        logged = self.take(url, Sender(visitor, None, sender.headers), body)
        assert logged is not None  # it was taken before
        return await logged


class _Taken:
    """Stands in uvicorn's protocol for the cycle of a request that went the short way."""

    message_event = asyncio.Event()  # nobody waits for it

    def __init__(self) -> None:
        self.response_started = self.response_complete = self.disconnected = False
        self.keep_alive = True


class ShortcutProtocol(BoundedProtocol):
    """The protocol of a server, with the short way."""

    _body: bytearray | None = None  # of a request that may go the short way
    _sender: Sender | None = None  # who sends it

    def __init__(self, shortcut: Shortcut, **options: Any) -> None:
        super().__init__(**options)
        self._shortcut = shortcut

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._sender = None
        if self._is_plain():
            self._sender = self._shortcut.admit(self.url, self.headers)
        if self._sender is None:
            super().on_headers_complete()
            return
        self.note_head()
        self._body = bytearray()

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if self._body is None:
            super().on_body(body)
            return
        self._body += body

    def on_message_complete(self) -> None:
        """The body is whole."""
        if self._body is not None and self._sender is not None:
            request = (self.url, self._sender, bytes(self._body))
            logged = self._shortcut.take(*request)
            if logged is not None:
                self._body = None
                taken = _Taken()
                self.cycle = taken  # type: ignore[assignment]
                self.note_end()
                logged.add_done_callback(partial(self._answer, taken, request))
                return
            self._go_usual_way()
        super().on_message_complete()

    def shutdown(self) -> None:
        """End after the request that is under way."""
        if self._body is not None:
            self._go_usual_way()
        super().shutdown()

    def _is_plain(self) -> bool:
        return (
            self._shortcut.knows(self.url)
            and self.parser.get_method() == b"POST"
            and self.parser.get_http_version() == "1.1"
            and self.parser.should_keep_alive()
            and not self.parser.should_upgrade()
            and not self.expect_100_continue
            and (self.cycle is None or self.cycle.response_complete)
            and 0 < _length(self.headers) <= _BODY_BYTES_MAX
        )

    def _go_usual_way(self) -> None:
        body, self._body = self._body, None
        super().on_headers_complete()
        if body:
            super().on_body(bytes(body))

    def _answer(
        self, taken: _Taken, request: tuple[bytes, Sender, bytes], logged: "asyncio.Future[bool]"
    ) -> None:
        error = None if logged.cancelled() else logged.exception()  # noqa: LOG004 - of a future
        if error is None and not logged.cancelled() and not logged.result():
            again = asyncio.ensure_future(self._shortcut.take_again(*request))
            again.add_done_callback(partial(self._answer, taken, request))
            return
        if taken.disconnected or self.transport.is_closing():
            return
        parts = [STATUS_LINE[200]]
        parts += [b"%b: %b\r\n" % pair for pair in self.server_state.default_headers]
        if error is None:
            parts.append(_DONE)
        else:
            answer = refused(error, request[0].decode())
            if answer.status_code == 401:
                answer.headers["www-authenticate"] = CHALLENGE
            parts[0] = STATUS_LINE[answer.status_code]
            parts += [b"%b: %b\r\n" % pair for pair in answer.raw_headers]
            parts += [b"\r\n", bytes(answer.body)]
        if not taken.keep_alive:
            parts.insert(1, b"connection: close\r\n")
        taken.response_started = taken.response_complete = True
        self.transport.write(b"".join(parts))
        if not taken.keep_alive:
            self.transport.close()
        self.on_response_complete()


def _length(headers: Sequence[tuple[bytes, bytes]]) -> int:
    """The length of a body, 0 if the headers do not say it."""
    return next((int(value) for name, value in headers if name == b"content-length"), 0)
