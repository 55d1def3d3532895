"""Verification of the log on request: one at a time, with its progress."""

import asyncio

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from eventtrack.clock import SystemClock
from eventtrack.server.endpoint import Streamed
from eventtrack.server.threads import Services
from eventtrack.server.web_api import PREFIX
from eventtrack.tokens import Role

# The most problems that an answer names; a log with more is broken all over.
_NAMED_MAX = 20


class Verification(msgspec.Struct):
    """The state of the verification since this server started.

    Attributes:
        running: Whether a verification runs now; it has read `done` of `total` envelopes.
        verified: Every header, hash and Merkle root up to this position was right at the last
            verification; None before the first, and after one with problems.
        problems: The problems of the last verification.
        failed: Why the last verification broke off.
    """

    running: bool = False
    done: int = 0
    total: int = 0
    verified: int | None = None
    finished_ms: int | None = None
    problems: list[str] = []
    failed: str | None = None


def endpoints() -> tuple[Streamed, ...]:
    """The endpoints that tell the state of the verification, and begin one."""
    state = Verification()
    under_way: set[asyncio.Task[None]] = set()

    def note(done: int, total: int) -> None:
        state.done, state.total = done, total

    async def look(services: Services) -> None:
        try:
            report = await services.read(lambda: services.store.maintenance.check_log(note))
            state.problems = [
                f"{problem.where}: {problem.what}" for problem in report.problems[:_NAMED_MAX]
            ]
            state.verified = None if report.problems else report.envelopes
            state.finished_ms, state.failed = SystemClock().now_ms(), None
        except Exception as error:
            state.failed = str(error)
            raise
        finally:
            state.running = False

    async def tell(services: Services, request: Request, _: str) -> Response:
        return Response(msgspec.json.encode(state), media_type="application/json")

    async def begin(services: Services, request: Request, _: str) -> Response:
        if not state.running:
            state.running, state.done, state.total = True, 0, 0
            task = asyncio.create_task(look(services))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        return Response(msgspec.json.encode(state), 202, media_type="application/json")

    return (
        Streamed("GET", f"{PREFIX}verification", tell, role=Role.READ),
        # It changes nothing, but reads the whole log, so the role to read is not enough.
        Streamed("POST", f"{PREFIX}verify", begin, role=Role.WRITE),
    )
