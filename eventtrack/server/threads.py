"""The threads that work for the event loop: one writes, some read, and none blocks the loop.

Writes that arrive while the disk is busy wait in a queue and then share one durable commit. Each
stays a change of its own: a refused write leaves the others alone. Each runs in the context of its
request, so that it is recorded for the user who asked.
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

from starlette.types import Receive

from eventtrack.errors import EventtrackError, RemoteError, StoreClosedError, UsageError
from eventtrack.server.clustered import Clustered
from eventtrack.store import Store
from eventtrack.store.recorder import Prepared
from eventtrack.waiting import WAITING, Waiting

Result = TypeVar("Result")

# A commit of so many writes is not made to wait for more: bounds the wait of the first write.
GROUP_MAX = 256
# A change waits this long for the clients whose changes shared the last commit: a fraction of a
# disk's sync.
_LINGER_S = 0.002
# Threads for queries and copies of files. Queries hold the interpreter, so few threads are enough.
READERS = 8
# Threads for questions that may take seconds, so that those of the present never wait for them.
SLOW_READERS = 3
# The longest that points wait to be folded: the more at once, the less each costs. Folding ten
# times as often made the slowest 1 % of writes five times slower, as both share the interpreter.
WARM_EVERY_S = 2.0


class _Pending:
    """One change that waits for its turn, then for its commit: points, or any other change."""

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
        """Do the work. Keep a refusal for the client that asked; raise every other error."""
        self.result, self.error = None, None
        assert not isinstance(self.work, Prepared)
        try:
            self.result = self.context.run(self.work)
        except UsageError as error:
            self.error = error

    def settle(self) -> None:
        """Hand over the result or the error, unless nobody waits any more. Runs on the loop."""
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
        self._queue: queue.SimpleQueue[list[_Pending] | None] = queue.SimpleQueue()
        # The changes of this turn of the loop, which is the only one that touches them.
        self._arrived: list[_Pending] = []
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="eventtrack-writer", daemon=True)
        self._thread.start()

    async def submit(self, work: Callable[[], Result]) -> Result:
        """The result of `work`, once its change is durable; raises what `work` raises.

        Args:
            work: Makes at most one change, and raises a `UsageError` only before the change.
        """
        result: Result = await self._wait(work)
        return result

    def log(self, points: Prepared) -> asyncio.Future[bool]:
        """Log points. The future is done when they are durable, or has the reason of a refusal.

        Its result is false if they were not logged, and have to come again once this server has
        asked for news; see `Prepared.known`.
        """
        return self._wait(points)

    def close(self) -> None:
        """Finish all submitted work, then end."""
        self._closed = True
        self._hand_over()
        self._queue.put(None)
        self._thread.join()

    def _wait(self, work: Prepared | Callable[[], Any]) -> asyncio.Future[Any]:
        if self._closed:
            raise StoreClosedError("the server is going down", hint="ask again when it is back")
        loop = asyncio.get_running_loop()
        pending = _Pending(work, loop, loop.create_future())
        if not self._arrived:
            loop.call_soon(self._hand_over)
        self._arrived.append(pending)
        if len(self._arrived) == GROUP_MAX:
            self._hand_over()
        return pending.future

    def _hand_over(self) -> None:
        """Wake the thread once for all changes of a turn of the loop: each wake-up costs 30 us."""
        if self._arrived:
            self._queue.put(self._arrived)
            self._arrived = []

    def _run(self) -> None:
        company = 1
        while (first := self._queue.get()) is not None:
            group = first
            # Clients that were answered together come back together. When all are back, nobody is
            # left to wait for; who waits in the queue besides comes along.
            deadline = time.monotonic() + _LINGER_S
            while len(group) < GROUP_MAX:
                following = self._next(deadline if len(group) < company else 0)
                if following is None:
                    break
                group += following
            # No client has two changes under way, so points may go before the others.
            points = [pending for pending in group if isinstance(pending.work, Prepared)]
            self._record([pending for pending in points if _known(pending) is None])
            self._record_unasked([pending for pending in points if _known(pending) is not None])
            self._commit(
                [pending for pending in group if pending not in points] if points else group
            )
            company = len(group)
            group[0].loop.call_soon_threadsafe(_settle, group)

    def _next(self, deadline: float) -> list[_Pending] | None:
        """The next changes, if they come in time; else None, and None when the writer is to end."""
        try:
            following = self._queue.get(timeout=max(deadline - time.monotonic(), 0))
        except queue.Empty:
            return None
        if following is None:
            self._queue.put(None)  # for `_run`, which reads it next and ends
        return following

    def _record(self, group: list[_Pending]) -> None:
        if not group:
            return
        refused: Sequence[Exception | None]
        try:
            points = [cast("Prepared", pending.work) for pending in group]
            refused = self._store.metrics.record(points, journal=True)
        except Exception as error:
            refused = [error] * len(group)
        for pending, problem in zip(group, refused, strict=True):
            pending.result, pending.error = True, problem

    def _record_unasked(self, group: list[_Pending]) -> None:
        if not group:
            return
        try:
            logged = self._store.metrics.record_unasked(
                [cast("Prepared", pending.work) for pending in group]
            )
            for pending, is_logged in zip(group, logged, strict=True):
                pending.result = is_logged
        except Exception as error:
            for pending in group:
                pending.error = error

    def _commit(self, group: list[_Pending]) -> None:
        if not group:
            return

        def attempt_all() -> None:
            for pending in group:
                pending.attempt()

        try:
            self._store.batched(attempt_all)
        except Exception as error:
            # Nothing was written. If the cluster's log cannot be reached, no change can be.
            if len(group) == 1 or isinstance(error, RemoteError):
                for pending in group:
                    pending.error = error
            else:
                for pending in group:
                    self._commit([pending])


def _known(pending: _Pending) -> int | None:
    return pending.work.known if isinstance(pending.work, Prepared) else None


async def _note_departure(receive: Receive, waiting: Waiting) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    waiting.leave()


def _settle(group: list[_Pending]) -> None:
    for pending in group:
        pending.settle()


class Services:
    """The store and the threads that work on it.

    Attributes:
        clustered: This server's part in a cluster; None for a server of its own.
        ending: Set when the server is about to end: streams without an end stop first.
        closing: Callbacks to run before the threads end.
    """

    def __init__(self, store: Store, clustered: Clustered | None = None) -> None:
        self.store = store
        self.clustered = clustered
        self.ending = asyncio.Event()
        self.closing = contextlib.ExitStack()
        self._shared: dict[Callable[[Services], Any], Any] = {}
        self._writer = Writer(store)
        self._readers = ThreadPoolExecutor(READERS, thread_name_prefix="eventtrack-reader")
        self._slow_readers = ThreadPoolExecutor(SLOW_READERS, thread_name_prefix="eventtrack-slow")
        # Not the writer: its changes share a transaction, and arriving blocks need their own.
        self._receiver = ThreadPoolExecutor(1, thread_name_prefix="eventtrack-receiver")

    def shared(self, make: "Callable[[Services], Result]") -> Result:
        """The object of `make` that all requests share; made when the first request asks for it."""
        if make not in self._shared:
            self._shared[make] = make(self)
        service: Result = self._shared[make]
        return service

    async def write(self, work: Callable[[], Result]) -> Result:
        """Change the store durably; see `Writer.submit`."""
        return await self._writer.submit(work)

    def log(self, points: Prepared) -> asyncio.Future[bool]:
        """Log points; see `Writer.log`."""
        return self._writer.log(points)

    async def read(self, work: Callable[[], Result]) -> Result:
        """Run a query, or copy a file, off the loop."""
        run = copy_context().run
        return await asyncio.get_running_loop().run_in_executor(self._readers, run, work)

    async def answer(
        self, work: Callable[[], Result], receive: Receive, *, slow: bool = False
    ) -> Result:
        """Run a query off the loop, for as long as its client waits.

        Args:
            receive: Tells when the client leaves; the request has been read from it.
            slow: Whether it may take seconds: then it waits among its like.

        Raises:
            AbandonedError: The client left first.
        """
        waiting, context = Waiting(), copy_context()
        context.run(WAITING.set, waiting)

        def attempt() -> Result:
            waiting.check()  # it may have waited long for its thread
            return work()

        loop = asyncio.get_running_loop()
        watching = loop.create_task(_note_departure(receive, waiting))
        try:
            readers = self._slow_readers if slow else self._readers
            return await loop.run_in_executor(readers, context.run, attempt)
        finally:
            waiting.leave()  # the request may be broken off for another reason
            watching.cancel()

    async def receive(self, work: Callable[[], Result]) -> Result:
        """Take in blocks from other stores, one request after the other.

        Writers wait for at most one of its commits, as for the commits of other processes.
        """
        return await asyncio.get_running_loop().run_in_executor(self._receiver, work)

    async def keep_warm(self) -> None:
        """Fold new events every `WARM_EVERY_S` seconds, so that no query has much to fold."""
        while True:
            await asyncio.sleep(WARM_EVERY_S)
            with contextlib.suppress(EventtrackError):  # the next query raises the same
                await self.read(self.store.catch_up)

    async def current(self, *, reads: bool) -> float:
        """Let a request go on once the store is as new as the request.

        Returns 0, or the age of the store in seconds if it may be behind.

        Args:
            reads: Whether the request only reads.

        Raises:
            RemoteUnavailableError: The cluster's log does not answer, and the request changes
                something, or the operator wants no old answers.
        """
        return 0.0 if self.clustered is None else await self.clustered.current(reads=reads)

    def close(self) -> None:
        """Finish all changes that were submitted; wait for no reader."""
        self.closing.close()
        self._writer.close()
        self._receiver.shutdown(cancel_futures=True)
        self._readers.shutdown(wait=False, cancel_futures=True)
        self._slow_readers.shutdown(wait=False, cancel_futures=True)
        if self.clustered is not None:
            self.clustered.close()
