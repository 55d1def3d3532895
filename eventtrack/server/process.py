"""The server as a process: its socket, its loop, and how it ends."""

import asyncio
import contextlib
import math
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial

import uvicorn
from starlette.types import ASGIApp

from eventtrack.errors import InvalidValueError
from eventtrack.server import cluster_view, multipart, pages, sign_in, verification, web_pages
from eventtrack.server.access import Access
from eventtrack.server.application import Application
from eventtrack.server.clustered import Clustered
from eventtrack.server.followers import Followers
from eventtrack.server.guard import Guard, is_loopback
from eventtrack.server.presence import Presence, announced
from eventtrack.server.protocol import KEEP_ALIVE_S, BoundedProtocol, allow_connections
from eventtrack.server.routes import Routes
from eventtrack.server.shortcut import Shortcut, ShortcutProtocol
from eventtrack.server.tls import TlsFiles
from eventtrack.store import Store
from eventtrack.tokens import Tokens

# Requests that run when the signal comes get this long. Answered requests are durable in any case.
_DRAIN_S = 1.0
# Requests still running then are cut off. They get this long to notice, before uvicorn cancels them
# and complains.
_NOTICE_S = 1.0
# The longest that a query or a fold keeps the interpreter while the loop wants it. Each answer
# passes through several threads, and Python's default of 5 ms for each would add up.
_SWITCH_S = 0.0005
# Connections that may wait to be accepted: a thousand jobs of a sweep that start at once.
_BACKLOG = 2048
# Connections accepted in one turn of the loop. A connection too many is closed some turns later;
# those of all these turns need fewer files than are kept free for everything else. asyncio also
# logs a traceback for each of so many when it has no file for a connection.
_ACCEPTED_AT_ONCE = 16
# The server looks this often for a signal to end, and at its connections once a second. uvicorn's
# own ten times a second would keep a laptop awake.
_TICK_S = 0.25
_TICKS_A_SECOND = 4


def serve(
    store: Store,
    host: str,
    port: int,
    *,
    allow_remote: bool = False,
    mlflow_pages: bool = False,
    allowed_hosts: Sequence[str] = (),
    tls: TlsFiles | None = None,
    followers: Followers | None = None,
    clustered: Clustered | None = None,
    on_ready: Callable[[str], None],
) -> None:
    """Serve a store until a signal ends it: SIGTERM and SIGINT drain, then this returns.

    Args:
        port: 0 takes a free port.
        allow_remote: Serve other machines also without tokens: then anybody who reaches the port
            may read and write.
        mlflow_pages: Serve the pages of the installed MLflow in place of our own.
        allowed_hosts: Names under which clients may ask the server; see `Guard`. Empty: the names
            of this machine if the server listens only there, else all names.
        tls: Speak HTTPS.
        followers: Keep the store in step with others while it is served.
        clustered: Makes this one of several servers, which share a log.
        on_ready: Gets the server's URL once it answers.

    Raises:
        InvalidValueError: The host is not this machine's alone, there are no tokens and
            `allow_remote` is not given; or the address is not free, MLflow's pages are not
            installed, or TLS's files are no good.
    """
    given = clustered.given if clustered is not None else None
    is_open = allow_remote or is_loopback(host)
    # What tokens a shared log gives shows only when the cache is full. Until then nobody gets in.
    access = Access(Tokens(store.path), given=given, always=given is not None and not is_open)
    if not (is_open or access.required):
        raise InvalidValueError(
            f"cannot listen on {host}: other machines could read and change everything, for this "
            "store has no tokens",
            hint="make one with `eventtrack token create NAME`: then every request needs one; or "
            "keep 127.0.0.1 and come in through ssh -L; or add --allow-remote if all who reach the "
            "port may read and change everything",
        )
    ours = (
        *web_pages.endpoints(),
        *sign_in.endpoints(access),
        *verification.endpoints(),
        *cluster_view.ENDPOINTS,
    )
    shown = pages.endpoints(pages.find()) if mlflow_pages else ours
    if tls is not None:
        tls.check()
    local_only = not allow_remote and is_loopback(host)
    names = allowed_hosts if allowed_hosts or local_only else None
    multipart.sweep(store)
    allow_connections()
    sys.setswitchinterval(_SWITCH_S)
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(_listening(host, port))
        near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared
        presence = Presence(
            url=_url(near, listener, tls), pages="mlflow" if mlflow_pages else "eventtrack"
        )

        def ready() -> None:
            stack.enter_context(announced(store.path, presence))
            on_ready(_url(host, listener, tls))
            if followers is not None:
                followers.start()

        def ending() -> None:
            application.end_streams()
            if followers is not None:
                followers.stop()

        application = Application(store, Routes(shown), access, clustered)
        guard = Guard(application, access, names)
        config = _configuration(guard, Shortcut(application, guard, access), tls)
        server = _Server(config, ready, ending)
        # uvicorn raises the signal again when it has ended; by then nothing is left to end.
        before = signal.signal(signal.SIGTERM, lambda *_: None)
        try:
            with contextlib.suppress(KeyboardInterrupt):
                server.run(sockets=[listener])
        finally:
            signal.signal(signal.SIGTERM, before)
            if followers is not None:
                followers.wait()


def _configuration(
    application: ASGIApp, shortcut: Shortcut, tls: TlsFiles | None
) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http=partial(ShortcutProtocol, shortcut),  # type: ignore[arg-type]
        ws="none",
        backlog=_ACCEPTED_AT_ONCE,
        loop="asyncio",
        lifespan="on",
        # It warns of each single bad request, so any passer-by could fill a disk with warnings.
        log_level="error",
        access_log=False,
        server_header=False,
        # Nothing here asks who forwarded a request, so headers about that are ignored.
        proxy_headers=False,
        ssl_certfile=tls.certificate if tls is not None else None,
        ssl_keyfile=tls.key if tls is not None else None,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=math.ceil(_DRAIN_S + _NOTICE_S),
    )


class _Server(uvicorn.Server):
    """uvicorn's server, which says when it is ready and when it is about to end."""

    def __init__(
        self,
        config: uvicorn.Config,
        on_started: Callable[[], None],
        on_ending: Callable[[], None],
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._on_ending = on_ending

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or ():
            listener.listen(_BACKLOG)  # asyncio took the number of its turns for it
        if self.started:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_ending()
        asyncio.get_running_loop().call_later(_DRAIN_S, self._cut_off)
        await super().shutdown(sockets)

    def _cut_off(self) -> None:
        """Abort the connections that have not finished: streams, above all."""
        for connection in list(self.server_state.connections):
            assert isinstance(connection, BoundedProtocol)
            connection.transport.abort()

    async def main_loop(self) -> None:
        tick = 0
        # uvicorn renews the answers' date at each number that ten divides.
        while not await self.on_tick(0 if tick % _TICKS_A_SECOND == 0 else 1):
            tick += 1
            await asyncio.sleep(_TICK_S)

    async def on_tick(self, counter: int) -> bool:
        if counter == 0:
            now = time.monotonic()
            for connection in list(self.server_state.connections):
                assert isinstance(connection, BoundedProtocol)
                connection.patrol(now)
        return await super().on_tick(counter)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # TCP is named: asyncio sends small answers at once (TCP_NODELAY) only on a known TCP socket.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise InvalidValueError(
            f"cannot listen on {host}:{port}: {error.strerror or error}",
            hint="is another server running there? Choose another with --port",
        ) from error
    return listener


def _url(host: str, listener: socket.socket, tls: TlsFiles | None) -> str:
    shown = f"[{host}]" if ":" in host else host
    return f"http{'s' if tls is not None else ''}://{shown}:{listener.getsockname()[1]}"
