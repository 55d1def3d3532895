"""Live news for pages: the names of the streams that changed (server-sent events).

The id of an event is a position of the log. A page that reconnects sends the last id it saw, as
browsers do by themselves, and misses nothing. For any number of pages, one watcher waits for
commits and the log is read once; without a page there is no watcher. The latest news are kept, so a
slow page delays no other page. A page that fell behind further reads the log for itself.

Points that wait in a journal are news without an id: they have no position yet (decision 0055).
"""

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from eventtrack.compat.errors import refuse
from eventtrack.errors import EventtrackError
from eventtrack.log.living import NO_MARK
from eventtrack.server.endpoint import Streamed
from eventtrack.server.protocol import connections_max
from eventtrack.server.threads import Services
from eventtrack.server.web_api import PREFIX
from eventtrack.store import Store
from eventtrack.watch import commits

_log = logging.getLogger("eventtrack.server")

# The shortest time between two news: a page draws no faster, and folds share the interpreter.
_TELL_EVERY_S = 0.1
# A comment now and then keeps proxies from taking the stream for dead.
_BEAT_S = 15.0
# The time after which a browser reconnects to a server that has gone.
_RETRY_MS = 1000
_ENVELOPES_MAX = 4096
# Streams stay open for hours. The other connections are for programs that log.
_STREAMS_SHARE = 0.5
_KEPT = 64


class _News(NamedTuple):
    """The changes after position `after` up to `position`, encoded for pages."""

    after: int
    position: int
    event: bytes


class _Tidings:
    """The latest news, for all pages of a server. Only the loop may touch them."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._kept: deque[_News] = deque(maxlen=_KEPT)
        self.readers = 0
        self._position = 0
        self._mark = NO_MARK  # of the points in journals that pages know of
        # News of points in journals, and the number of all so far.
        self._ahead: deque[bytes] = deque(maxlen=_KEPT)
        self._news_ahead = 0
        self._watcher: _Watcher | None = None
        self._task: asyncio.Task[None] | None = None
        self.news = asyncio.Event()  # replaced by a new event each time it was set
        services.closing.callback(self._end)

    @contextlib.contextmanager
    def following(self, head: int) -> Iterator[None]:
        """Watch while somebody listens. `head` is the head of the log, read just before."""
        self.readers += 1
        if self.readers == 1:
            self._position = head
            self._kept.clear()
            woken = asyncio.Event()
            self._watcher = _Watcher(self._services.store, woken)
            self._task = asyncio.create_task(self._tell(woken))
        try:
            yield
        finally:
            self.readers -= 1
            if self.readers == 0 and self._watcher is not None and self._task is not None:
                self._watcher.stop.set()
                self._task.cancel()

    async def since(self, position: int) -> tuple[int, bytes]:
        """The position that all news after `position` lead to, and these news; b"" for none."""
        events = []
        while position < self._position:
            news = next(
                (kept for kept in self._kept if kept.after <= position < kept.position), None
            )
            if news is None:
                news = await self._read(position)
                if news is None:
                    break
            events.append(news.event)
            position = news.position
        return position, b"".join(events)

    def ahead(self, number: int) -> tuple[int, bytes]:
        """The number of all news of points that wait in journals, and those after `number`."""
        missing = min(self._news_ahead - number, len(self._ahead))
        return self._news_ahead, b"".join(list(self._ahead)[len(self._ahead) - missing :])

    async def _tell(self, woken: asyncio.Event) -> None:
        """Read the changes after each commit, and wake the pages."""
        while True:
            await woken.wait()
            woken.clear()
            try:
                news, streams = await self._services.read(self._look)
            except EventtrackError:  # the next query of the store says the same
                _log.exception("cannot read what is new in %s", self._services.store.path)
                continue
            if news is not None:
                self._kept.append(news)
                self._position = news.position
            if streams:
                self._ahead.append(_event(self._position, {"streams": sorted(streams)}, ahead=True))
                self._news_ahead += 1
            if news is not None or streams:
                previous, self.news = self.news, asyncio.Event()
                previous.set()
                await asyncio.sleep(_TELL_EVERY_S)

    def _look(self) -> tuple[_News | None, set[str]]:
        return _changes(self._services.store, self._position), self._look_ahead()

    def _look_ahead(self) -> set[str]:
        """The streams with points that came into journals since the last look."""
        waiting = self._services.store.waiting()
        if waiting is None:
            return set()
        streams, self._mark = waiting.since(self._mark), waiting.mark
        return streams

    async def _read(self, after: int) -> _News | None:
        return await self._services.read(lambda: _changes(self._services.store, after))

    def _end(self) -> None:
        """Stop the watcher before the store is closed."""
        if self._watcher is not None:
            self._watcher.stop.set()
            self._watcher.thread.join()


class _Watcher:
    """A thread that sets an event of this loop after each commit of any process to the log."""

    def __init__(self, store: Store, woken: asyncio.Event) -> None:
        self.stop = threading.Event()
        self._store = store
        self._woken = woken
        self._loop = asyncio.get_running_loop()
        self.thread = threading.Thread(target=self._run, name="eventtrack-watcher", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        # Also wakes after a second without commits: a look costs little, and no wake-up is missed.
        for _ in commits(self._store, stop=self.stop):
            self._loop.call_soon_threadsafe(self._woken.set)


def _changes(store: Store, after: int) -> _News | None:
    """The news after a position: the streams that changed, or `all` where they are many."""
    envelopes = store.events.envelopes(after, _ENVELOPES_MAX)
    if not envelopes:
        return None
    position = envelopes[-1].position
    what: dict[str, object] = {
        "streams": sorted({envelope.header.stream for envelope in envelopes})
    }
    if len(envelopes) == _ENVELOPES_MAX:
        position, what = max(store.events.head(), position), {"all": True}
    return _News(after, position, _event(position, what))


async def _live(services: Services, request: Request, _: str) -> Response:
    sent = request.headers.get("last-event-id") or request.query_params.get("after") or ""
    after = int(sent) if sent.isascii() and sent.isdigit() and len(sent) < 19 else None
    if services.shared(_Tidings).readers >= connections_max() * _STREAMS_SHARE:
        many = refuse("TEMPORARILY_UNAVAILABLE", "Too many pages listen; try again in a moment.")
        headers = {"retry-after": "3", "connection": "close"}
        return Response(many.body, many.status, headers, "application/json")
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(
        _stream(services, after), headers=headers, media_type="text/event-stream"
    )


async def _stream(services: Services, after: int | None) -> AsyncIterator[bytes]:
    tidings = services.shared(_Tidings)
    head = await services.read(services.store.events.head)
    with tidings.following(head):
        position = head if after is None else after
        number, _ = tidings.ahead(0)
        hello = f"retry: {_RETRY_MS}\nid: {min(position, head)}\nevent: hello\ndata: {{}}\n\n"
        yield hello.encode()
        if position > head:  # another log, or a log restored from a copy: everything may differ
            position = head
            yield _event(position, {"all": True})
        while not services.ending.is_set():
            news = tidings.news
            position, events = await tidings.since(position)
            number, ahead = tidings.ahead(number)
            if events or ahead:
                yield events + ahead
                continue
            if not await _any(news, services.ending):
                yield b": still here\n\n"


async def _any(*events: asyncio.Event) -> bool:
    """Whether an event is set before the next beat is due."""
    waiting = [asyncio.ensure_future(event.wait()) for event in events]
    try:
        done, _ = await asyncio.wait(waiting, timeout=_BEAT_S, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
    return bool(done)


def _event(position: int, what: dict[str, object], *, ahead: bool = False) -> bytes:
    body = msgspec.json.encode({"position": position, **what}).decode()
    name = "" if ahead else f"id: {position}\n"
    return f"{name}event: changes\ndata: {body}\n\n".encode()


STREAMED = (Streamed("GET", f"{PREFIX}live", _live),)
