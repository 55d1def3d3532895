"""Servers of a cluster in this process, with their HTTP but without sockets."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx

from eventtrack.cluster.cache import Cache
from eventtrack.server.access import Access
from eventtrack.server.application import Application
from eventtrack.server.clustered import Clustered
from eventtrack.server.routes import Routes
from eventtrack.sharedlog.memory import Shelf
from eventtrack.tokens import Tokens
from tests.cluster.servers import FaultyLog

API = "/api/2.0/mlflow/"


class Served:
    """A server that answers, its log, and a client of it."""

    def __init__(self, cache: Cache, log: FaultyLog, client: httpx.AsyncClient) -> None:
        self.cache = cache
        self.log = log
        self.client = client

    async def post(self, path: str, **body: Any) -> httpx.Response:
        """The answer to a request in JSON."""
        return await self.client.post(API + path, json=body)

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
            yield Served(cache, log, client)
    finally:
        said.put_nowait({"type": "lifespan.shutdown"})
        await life
        cache.close()
