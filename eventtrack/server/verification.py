"""Verifying the log on the server, on request: one look at a time, told of while it goes on."""

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from eventtrack.clock import SystemClock
from eventtrack.server.endpoint import Streamed
from eventtrack.server.threads import Services
from eventtrack.server.web_api import PREFIX
from eventtrack.tokens import Role

# Problems that an answer names; a log with more is broken all over.
_NAMED_MAX = 20


class Verification(msgspec.Struct):
    """What this server has verified since it started.

    Attributes:
        running: Whether it looks now, and has read `done` of `total` envelopes.
        verified: Up to which position every header, hash and Merkle root was right, when last
            looked at; None before.
        problems: What was not right then.
        failed: Why the last look came to no end.
    """

    running: bool = False
    done: int = 0
    total: int = 0
    verified: int | None = None
    finished_ms: int | None = None
    problems: list[str] = []
    failed: str | None = None


def endpoints() -> tuple[Streamed, ...]:
    """What tells of it, and what begins it."""
    found = Verification()
    under_way: set[asyncio.Task[None]] = set()

    def note(done: int, total: int) -> None:
        found.done, found.total = done, total

    async def look(services: Services) -> None:
        try:
            report = await services.read(lambda: services.store.maintenance.check_log(note))
            found.problems = [f"{one.where}: {one.what}" for one in report.problems[:_NAMED_MAX]]
            found.verified = None if report.problems else report.envelopes
            found.finished_ms, found.failed = SystemClock().now_ms(), None
        except Exception as error:
            found.failed = str(error)
            raise
        finally:
            found.running = False

    async def tell(services: Services, request: Request, _: str) -> Response:
        return Response(msgspec.json.encode(found), media_type="application/json")

    async def begin(services: Services, request: Request, _: str) -> Response:
        if not found.running:
            found.running, found.done, found.total = True, 0, 0
            task = asyncio.create_task(look(services))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        return Response(msgspec.json.encode(found), 202, media_type="application/json")

    return (
        Streamed("GET", f"{PREFIX}verification", tell, role=Role.READ),
        # It changes nothing, but reads the whole log: not for everybody who may look.
        Streamed("POST", f"{PREFIX}verify", begin, role=Role.WRITE),
    )
