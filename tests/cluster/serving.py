"""Servers of a cluster in this process, with their HTTP but without sockets."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx

from eventtrack.cluster.cache import Cache
from eventtrack.server.access import Access
from eventtrack.server.application import Application
from eventtrack.server.clustered import Clustered
from eventtrack.server.guard import Guard
from eventtrack.server.routes import Routes
from eventtrack.server.shortcut import Shortcut
from eventtrack.sharedlog.memory import Shelf
from eventtrack.tokens import Tokens
from tests.cluster.servers import FaultyLog

API = "/api/2.0/mlflow/"


class Served:
    """A server that answers, its log, and a client of it."""

    def __init__(
        self, cache: Cache, log: FaultyLog, client: httpx.AsyncClient, shortcut: Shortcut
    ) -> None:
        self.cache = cache
        self.log = log
        self.client = client
        self._shortcut = shortcut
        self._steps = itertools.count(1)

    async def post(self, path: str, **body: Any) -> httpx.Response:
        """The answer to a request in JSON."""
        return await self.client.post(API + path, json=body)

    async def log_shortly(
        self, run_id: str, token: str = "", between: Callable[[], object] | None = None
    ) -> str:
        """Log a new point as a server with a socket does; returns the way that it took.

        Args:
            between: Called between the look at the token and the handing over.

        Raises:
            EventtrackError: It was refused on the short way. The usual way refuses by itself.
        """
        url = f"{API}runs/log-batch".encode()
        headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
        if token:
            headers.append((b"authorization", f"Bearer {token}".encode()))
        point = {"key": "loss", "value": 0.5, "timestamp": 1, "step": next(self._steps)}
        body = json.dumps({"run_id": run_id, "metrics": [point]}).encode()
        sender = self._shortcut.admit(url, headers)
        if sender is None:
            return "usual"
        if between is not None:
            between()
        logged = self._shortcut.take(url, sender, body)
        assert logged is not None
        if await logged:
            return "short"
        assert await self._shortcut.take_again(url, sender, body)
        return "asked"

    async def get(self, path: str, **query: Any) -> httpx.Response:
        """The answer to a query."""
        return await self.client.get(API + path, params=query)

    async def new_run(self) -> str:
        """The id of a new run of the default experiment."""
        answer = await self.post("runs/create", experiment_id="0")
        assert answer.status_code == 200, answer.text
        run_id: str = answer.json()["run"]["info"]["run_id"]
        return run_id

    async def ready(self) -> None:
        """Return once the server says that it is ready."""
        while not await self._is_ready():  # noqa: ASYNC110 - only asking shows it
            await asyncio.sleep(0.01)

    async def _is_ready(self) -> bool:
        return (await self.client.get("/health")).status_code == 200


@contextlib.asynccontextmanager
async def serving(
    folder: Path, shelf: Shelf, *, stale_reads: bool = False, log: FaultyLog | None = None
) -> AsyncIterator[Served]:
    """A server with a cache in a folder; it may not be ready yet."""
    log = log or FaultyLog(shelf)
    cache = Cache(log, folder, source="server")
    clustered = Clustered(cache.member, cache.store, stale_reads=stale_reads)
    access = Access(Tokens(folder), given=clustered.given)
    application = Application(cache.store, Routes(), access, clustered)
    said: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    heard: asyncio.Queue[Any] = asyncio.Queue()
    said.put_nowait({"type": "lifespan.startup"})
    life = asyncio.create_task(application({"type": "lifespan"}, said.get, heard.put))
    await heard.get()
    transport = httpx.ASGITransport(application)
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            shortcut = Shortcut(application, Guard(application, access, None), access)
            yield Served(cache, log, client, shortcut)
    finally:
        said.put_nowait({"type": "lifespan.shutdown"})
        await life
        cache.close()


def with_two(
    folder: Path,
    shelf: Shelf,
    work: Callable[[Served, Served], Awaitable[None]],
    stale_reads: bool = False,
) -> None:
    """Run `work` with two servers that are ready and learn of news by asking alone."""

    async def run() -> None:
        async with contextlib.AsyncExitStack() as stack:
            servers = [
                await stack.enter_async_context(
                    serving(folder / name, shelf, stale_reads=stale_reads)
                )
                for name in ("ada", "ben")
            ]
            for server in servers:
                await server.ready()
                server.log.is_deaf = True
            await work(*servers)

    asyncio.run(asyncio.wait_for(run(), 60))
