"""The threads that work for the event loop: one writes, some read, and none blocks the loop.

Writes that arrive while the disk is busy with others wait in a queue and then share one durable
commit. Each is a change of its own all the same: one that is refused leaves the others alone, and
each runs in the context of its request, so that it is recorded for who asked.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar, cast

from eventtrack.errors import EventtrackError, StoreClosedError, UsageError
from eventtrack.store import Store
from eventtrack.store.recorder import Prepared

Result = TypeVar("Result")

# Writes that share a commit at most: bounds how long the first of them waits.
GROUP_MAX = 256
# How long a change waits for company when the one before had some: a fraction of a disk's sync.
_LINGER_S = 0.002
# Threads that answer queries and copy files. Queries hold the interpreter, so few are enough.
READERS = 8
# How long points may wait to be folded: the more at once, the less each of them costs. Ten times as
# often made the slowest hundredth of writes five times as slow, for they share the interpreter.
WARM_EVERY_S = 2.0


class _Pending:
    """One change that waits for its turn, and then for its commit: points, or anything else."""

    def __init__(
        self,
        work: Prepared | Callable[[], Any],
        loop: asyncio.AbstractEventLoop,
        future: asyncio.Future[Any],
    ) -> None:
        self.work = work
        self.context = copy_context()
        self.loop = loop
        self.future = future
        self.result: Any = None
        self.error: Exception | None = None

    def attempt(self) -> None:
        """Do the work; keep a refusal for whoever asked, let everything else out."""
        self.result, self.error = None, None
        assert not isinstance(self.work, Prepared)
        try:
            self.result = self.context.run(self.work)
        except UsageError as error:
            self.error = error

    def settle(self) -> None:
        """On the loop: hand over what came out, unless nobody waits any more."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """The one thread of a server that changes the store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._queue: queue.SimpleQueue[_Pending | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="eventtrack-writer", daemon=True)
        self._thread.start()

    async def submit(self, work: Callable[[], Result]) -> Result:
        """What `work` returns, once what it changed is durable; or what it raised.

        Args:
            work: Makes at most one change, and raises a `UsageError` only before it.
        """
        result: Result = await self._wait(work)
        return result

    async def record(self, points: Prepared) -> None:
        """Log points, or raise why they are refused; they are durable on return."""
        await self._wait(points)

    def close(self) -> None:
        """Finish what was submitted, then end."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def _wait(self, work: Prepared | Callable[[], Any]) -> asyncio.Future[Any]:
        if self._closed:
            raise StoreClosedError("the server is going down", hint="ask again when it is back")
        loop = asyncio.get_running_loop()
        pending = _Pending(work, loop, loop.create_future())
        self._queue.put(pending)
        return pending.future

    def _run(self) -> None:
        crowded = False
        while (first := self._queue.get()) is not None:
            group = [first]
            # Clients that were answered together come back together: not without the others.
            deadline = time.monotonic() + (_LINGER_S if crowded else 0)
            while len(group) < GROUP_MAX and (following := self._next(deadline)) is not None:
                group.append(following)
            # No client has two of them under way, so it does not matter which come first.
            points = [one for one in group if isinstance(one.work, Prepared)]
            self._record(points)
            self._commit([one for one in group if one not in points] if points else group)
            crowded = len(group) > 1
            first.loop.call_soon_threadsafe(_settle, group)

    def _next(self, deadline: float) -> _Pending | None:
        """The next change, if one comes in time; None also when the end has come."""
        try:
            following = self._queue.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            return None
        if following is None:
            self._queue.put(None)  # for the loop that waits without an end
        return following

    def _record(self, group: list[_Pending]) -> None:
        if not group:
            return
        refused: Sequence[Exception | None]
        try:
            refused = self._store.metrics.record([cast("Prepared", one.work) for one in group])
        except Exception as error:
            refused = [error] * len(group)
        for pending, problem in zip(group, refused, strict=True):
            pending.error = problem

    def _commit(self, group: list[_Pending]) -> None:
        if len(group) > 1:
            try:
                with self._store.batch():
                    for pending in group:
                        pending.attempt()
                return
            except Exception:  # noqa: S110 - nothing of the group was written: one by one tells whose it is
                pass
        for pending in group:
            try:
                pending.attempt()
            except Exception as error:
                pending.error = error


def _settle(group: list[_Pending]) -> None:
    for pending in group:
        pending.settle()


class Services:
    """The store and the threads that work on it.

    Attributes:
        ending: Set when the server is about to end: what streams without an end goes first.
        closing: What is to be done before the threads end.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.ending = asyncio.Event()
        self.closing = contextlib.ExitStack()
        self._shared: dict[Callable[[Services], Any], Any] = {}
        self._writer = Writer(store)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="eventtrack-reader")
        # Not the writer: what it does shares a transaction with others, and this has its own.
        self._receiver = ThreadPoolExecutor(1, thread_name_prefix="eventtrack-receiver")

    def shared(self, make: "Callable[[Services], Result]") -> Result:
        """What all requests of one kind share: made when the first of them asks for it."""
        if make not in self._shared:
            self._shared[make] = make(self)
        found: Result = self._shared[make]
        return found

    async def write(self, work: Callable[[], Result]) -> Result:
        """Change the store durably; see `Writer.submit`."""
        return await self._writer.submit(work)

    async def record(self, points: Prepared) -> None:
        """Log points durably; see `Writer.record`."""
        await self._writer.record(points)

    async def read(self, work: Callable[[], Result]) -> Result:
        """Run a query, or copy a file, off the loop."""
        run = copy_context().run
        return await asyncio.get_running_loop().run_in_executor(self._readers, run, work)

    async def receive(self, work: Callable[[], Result]) -> Result:
        """Take in what another store sends, one after the other.

        Writers wait for one of its commits at most, as for those of other processes.
        """
        return await asyncio.get_running_loop().run_in_executor(self._receiver, work)

    async def keep_warm(self) -> None:
        """Fold what was logged, again and again, so that no query finds very much to fold."""
        while True:
            await asyncio.sleep(WARM_EVERY_S)
            with contextlib.suppress(EventtrackError):  # whoever asks next is told
                await self.read(self.store.catch_up)

    def close(self) -> None:
        """Finish all changes that were asked for; wait for no reader."""
        self.closing.close()
        self._writer.close()
        self._receiver.shutdown(cancel_futures=True)
        self._readers.shutdown(wait=False, cancel_futures=True)
