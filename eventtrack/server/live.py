"""Which streams changed, told to pages as it happens (server-sent events).

An id is a position of the log: a page that comes back with the last one it saw (browsers do so by
themselves) misses nothing. No thread waits for the file: to ask whether the log has changed costs
a microsecond, so each page's stream asks for itself, and there is nothing to end but the stream.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from eventtrack.server.endpoint import Streamed
from eventtrack.server.threads import Services
from eventtrack.server.web_api import PREFIX
from eventtrack.store import Store

_LOOK_S = 0.05
# Changes are told of this often at most: a page draws no faster, and folds share the interpreter.
_TELL_EVERY_S = 0.1
# A comment now and then keeps proxies from taking the stream for dead.
_BEAT_S = 15.0
_ENVELOPES_MAX = 4096


async def _live(services: Services, request: Request, _: str) -> Response:
    sent = request.headers.get("last-event-id") or request.query_params.get("after") or ""
    after = int(sent) if sent.isascii() and sent.isdigit() and len(sent) < 19 else None
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(
        _told(services, after), headers=headers, media_type="text/event-stream"
    )


async def _told(services: Services, after: int | None) -> AsyncIterator[bytes]:
    store, loop = services.store, asyncio.get_running_loop()
    seen = -1
    head = await services.read(store.events.head)
    position = head if after is None else after
    if position > head:  # of another log, or one that was restored from a copy: all may differ
        position = head
        yield _event(position, {"position": position, "all": True})
    else:
        yield f"id: {position}\nevent: hello\ndata: {{}}\n\n".encode()
    beat_at = loop.time() + _BEAT_S
    while not services.ending.is_set():
        change = store.change_count()
        if change != seen:
            # A commit may be announced before it can be read: what is missed now is found by the
            # next look, for until nothing new is found the count is not taken as seen.
            found, streams = await services.read(lambda: _changes(store, position))  # noqa: B023
            if found == position:
                seen = change
            else:
                position = found
                yield _event(position, {"position": position, **streams})
                beat_at = loop.time() + _BEAT_S
                await _pause(services, _TELL_EVERY_S)
                continue
        if loop.time() >= beat_at:
            yield b": still here\n\n"
            beat_at = loop.time() + _BEAT_S
        await _pause(services, _LOOK_S)


async def _pause(services: Services, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(services.ending.wait(), seconds)


def _changes(store: Store, after: int) -> tuple[int, dict[str, object]]:
    """The position up to which changes are told, and the streams that they are of."""
    envelopes = store.events.envelopes(after, _ENVELOPES_MAX)
    if not envelopes:
        return after, {}
    if len(envelopes) == _ENVELOPES_MAX:
        return max(store.events.head(), after), {"all": True}
    return envelopes[-1].position, {"streams": sorted({one.header.stream for one in envelopes})}


def _event(position: int, data: object) -> bytes:
    body = msgspec.json.encode(data).decode()
    return f"id: {position}\nevent: changes\ndata: {body}\n\n".encode()


STREAMED = (Streamed("GET", f"{PREFIX}live", _live),)
