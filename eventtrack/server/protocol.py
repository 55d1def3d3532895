"""The bounds of one connection: on the size of a request's head, and on the time it may take.

uvicorn bounds neither, so a few hundred connections that send a byte now and then would keep
everybody else out. No request costs a timer: the server looks at all connections once a second
(`patrol`).
"""

import asyncio
import resource
import time
from enum import Enum

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from eventtrack.server.transport import JoiningTransport

# The request line and all headers: the usual limit of proxies, eight times what browsers send.
HEAD_BYTES_MAX = 64 * 2**10
HEADERS_MAX = 100
# The time from the connection, or from the first byte of a head, to the last byte of the head.
HEAD_S = 20
# A body, or an answer, has to advance by this many bytes in this time. This ends the connection of
# a sleeping laptop or a lost network, but not that of the slowest modem.
STALL_S = 30
STALL_BYTES = 1024
# A request that was refused before its end may go on for this long, so that its client sees the
# answer.
LINGER_S = 5
# Longer than clients' pools keep idle connections, so that the clients close them, not the server.
KEEP_ALIVE_S = 75
# Connections at once: some thousands of jobs with one connection each.
CONNECTIONS_MAX = 4096
# File descriptors kept free for everything but connections.
_FILES_KEPT = 256

_TEXTS = {
    400: (b"Bad Request", b"Invalid HTTP request received."),
    408: (b"Request Timeout", b"The request did not arrive in time."),
    431: (b"Request Header Fields Too Large", b"The head of the request is too large."),
    503: (b"Service Unavailable", b"Too many connections; try again in a moment."),
}


class _Phase(Enum):
    HEAD = 1
    BODY = 2
    DONE = 3


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's protocol, with an end for clients that send too much or too slowly."""

    _phase = _Phase.HEAD
    # The time when the phase began or data last moved, by the monotonic clock.
    _since = 0.0
    _received = 0
    _received_then = 0
    _unsent_then = 0
    _unsent_since: float | None = None
    _head_bytes = 0
    _head_too_large = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection if there is room."""
        super().connection_made(JoiningTransport(transport, self.loop))
        self._since = time.monotonic()
        if len(self.connections) > connections_max():
            self._refuse(503)

    def data_received(self, data: bytes) -> None:
        """Read on, within bounds."""
        if self.transport.is_closing():
            return
        self._received += len(data)
        if self._phase is not _Phase.BODY:
            # Between two heads or within a head: bytes that the parser still holds count as well.
            self._head_bytes += len(data)
        super().data_received(data)
        if self._phase is _Phase.HEAD and self._head_bytes > HEAD_BYTES_MAX:
            self._refuse(431)

    def on_message_begin(self) -> None:
        """A head begins."""
        super().on_message_begin()
        if self._phase is _Phase.DONE:
            self._phase, self._since = _Phase.HEAD, time.monotonic()
            self._head_bytes = 0

    def on_url(self, url: bytes) -> None:
        """A part of the request line."""
        super().on_url(url)
        if len(self.url) > HEAD_BYTES_MAX:
            self._give_up_on_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        super().on_header(name, value)
        if len(self.headers) > HEADERS_MAX or len(value) > HEAD_BYTES_MAX:
            self._give_up_on_head()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self.note_head()
        super().on_headers_complete()

    def note_head(self) -> None:
        """Hold the head to its bound: the body comes next."""
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > (
            HEAD_BYTES_MAX
        ):
            self._give_up_on_head()
        self._phase, self._since = _Phase.BODY, time.monotonic()
        self._received_then = self._received

    def on_message_complete(self) -> None:
        """The body is whole."""
        self.note_end()
        super().on_message_complete()

    def note_end(self) -> None:
        """Wait for the next request from now on."""
        self._phase = _Phase.DONE
        self._head_bytes = 0

    def on_response_complete(self) -> None:
        """The answer is on its way."""
        self._since = time.monotonic()
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that cannot be parsed."""
        self._refuse(431 if self._head_too_large else 400)

    def patrol(self, now: float) -> None:
        """Give up on the connection if its client took too long. Called about once a second."""
        if self._stuck_in_writing(now):
            self.transport.abort()
        elif self._phase is _Phase.HEAD:
            if self.flow.read_paused:  # the server is not reading, so the client is not late
                self._since = now
            elif now - self._since > HEAD_S:
                self._refuse(408)
        elif self.cycle is not None and self.cycle.response_complete:
            if now - self._since > (LINGER_S if self._phase is _Phase.BODY else KEEP_ALIVE_S):
                self.transport.close()
        elif self._phase is _Phase.BODY:
            self._patrol_body(now)

    def _patrol_body(self, now: float) -> None:
        moved = self._received - self._received_then >= STALL_BYTES
        if moved or self.flow.read_paused:
            self._since, self._received_then = now, self._received
        elif now - self._since > STALL_S:
            self._refuse(408)

    def _stuck_in_writing(self, now: float) -> bool:
        unsent = self.transport.get_write_buffer_size()
        if not unsent:
            self._unsent_since = None
        elif self._unsent_since is None or self._unsent_then - unsent >= STALL_BYTES:
            self._unsent_since, self._unsent_then = now, unsent
        return self._unsent_since is not None and now - self._unsent_since > STALL_S

    def _give_up_on_head(self) -> None:
        self._head_too_large = True
        raise ValueError("the head of a request is too large")  # for the parser, which stops

    def _refuse(self, status: int) -> None:
        """Answer without the application, and close. An answer that began is left as it is."""
        if self.transport.is_closing():
            return
        silent = (
            self.cycle is None
            or self.cycle.response_complete
            or not (self.pipeline or self.cycle.response_started)
        )
        if silent:
            reason, text = _TEXTS[status]
            self.transport.write(
                b"HTTP/1.1 %d %s\r\ncontent-type: text/plain; charset=utf-8\r\n"
                b"content-length: %d\r\nconnection: close\r\n\r\n%s"
                % (status, reason, len(text), text)
            )
        self.transport.close()


def connections_max() -> int:
    """The most connections at once, bounded by the number of files this process may open."""
    return max(min(CONNECTIONS_MAX, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _FILES_KEPT), 1)


def allow_connections() -> None:
    """Let this process open as many files as the system allows, up to what connections need."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS_MAX + _FILES_KEPT
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
