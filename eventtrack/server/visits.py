"""Long requests: uploads, downloads, streams of changes. Each ends when its token expires."""

import asyncio
import contextlib
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.types import Message, Send

from eventtrack.server.access import Access, Asked, Visitor
from eventtrack.tokens import Role

Result = TypeVar("Result")

# The time between two checks of a token: docs/security.md promises 15 seconds.
RECHECK_S = 5.0


class Visit:
    """One request, whose sender was admitted when it began.

    Args:
        needs: The role that the request needs.
        headers: The headers of the request.

    Raises:
        UnauthenticatedError, PermissionDeniedError: The request may not begin.
    """

    def __init__(self, access: Access, needs: Role, headers: Asked) -> None:
        self._access = access
        self._needs = needs
        self._headers = headers
        self._asked = asyncio.get_running_loop().time()
        self.visitor: Visitor = access.admit(needs, headers)

    def renew(self) -> None:
        """Check the token again, unless that was done in the last `RECHECK_S` seconds.

        Raises:
            UnauthenticatedError, PermissionDeniedError: The request may not go on.
        """
        now = asyncio.get_running_loop().time()
        if now - self._asked >= RECHECK_S:
            self._asked = now
            self._access.admit(self._needs, self._headers)

    def sending(self, send: Send) -> Send:
        """`send`, which raises as soon as the token counts no more."""

        async def send_if_admitted(message: Message) -> None:
            self._access.admit(self._needs, self._headers)
            await send(message)

        return send_if_admitted

    async def lasting(self, work: Coroutine[Any, Any, Result]) -> Result:
        """The result of the work, which is broken off when the token counts no more.

        Raises:
            UnauthenticatedError, PermissionDeniedError: The work was broken off.
        """
        task = asyncio.create_task(work)
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=RECHECK_S)
                self.renew()
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, Exception):
                    await task
