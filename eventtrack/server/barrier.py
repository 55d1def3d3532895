"""The barrier before each answer of a server in a cluster.

A request must see everything that any server answered before the request began. So before it is
answered, this server asks the shared log for its end, and takes in everything up to there. All
requests that wait share one question: the question has to begin after the request did, so a request
that comes while one is under way waits for the next.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor


class Barrier:
    """Lets requests pass once this server is as new as they are. Used by the loop's thread.

    Args:
        ask: Asks for the end, and takes in what is missing. Runs on a thread of its own.
    """

    def __init__(self, ask: Callable[[], object]) -> None:
        self._ask = ask
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="eventtrack-barrier")
        self._asking: asyncio.Task[None] | None = None
        self._next: asyncio.Task[None] | None = None

    async def passed(self) -> None:
        """Return when everything answered before this call is here.

        Raises:
            EventtrackError: As `ask` does.
        """
        if self._next is None:
            self._next = asyncio.create_task(self._ask_after(self._asking))
            self._next.add_done_callback(_note_seen)
        await asyncio.shield(self._next)  # a client that breaks off leaves the question to others

    def close(self) -> None:
        """Ask no more."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _ask_after(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait({before})
        # From here on the question is under way: whoever comes now waits for the next.
        self._asking, self._next = self._next, None
        await asyncio.get_running_loop().run_in_executor(self._thread, self._ask)


def _note_seen(asked: "asyncio.Task[None]") -> None:
    if not asked.cancelled():
        asked.exception()
