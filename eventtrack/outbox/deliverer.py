"""The threads that deliver: each program that logs to a server has one, and one works at a time.

A thread holds the lock on the outbox's `deliver.lock` while it has facts to send and a server that
answers. During an outage it releases the lock, so that the next program can try.
"""

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from eventtrack.errors import (
    RemoteError,
    RemoteUnavailableError,
    StoreClosedError,
)
from eventtrack.outbox.delivery import Delivery
from eventtrack.outbox.ledger import Ledger
from eventtrack.outbox.notices import tell
from eventtrack.rest import TrackingServer
from eventtrack.store import Store

# Seconds between looks at the outbox: a look at an idle one costs a microsecond.
_LOOK_S = 0.1
# Seconds between looks for journals of dead programs, while there are no new facts.
_ADOPT_S = 5.0
# Seconds between attempts in an outage: the first pause, doubled each time up to the second value.
_RETRY_FIRST_S, _RETRY_LONGEST_S = 1.0, 60.0
# Seconds after a missing answer in which no caller has to wait for the server again.
_FRESH_S = 10.0
# Envelopes that are read at a time when they are counted.
_PAGE = 512
# Seconds for which a read waits until this machine's earlier facts have arrived.
PUSH_TIMEOUT_S = 60.0


class Deliverer:
    """Delivers the facts of an outbox to its server. Safe from any thread; for one process.

    Args:
        folder: The outbox's folder.
        store: The outbox's store.
        ledger: The outbox's ledger.
        server: The server that gets the facts.
    """

    def __init__(self, folder: Path, store: Store, ledger: Ledger, server: TrackingServer) -> None:
        self._lock_path = folder / "deliver.lock"
        self._store = store
        self._ledger = ledger
        self._server = server
        self._delivery = Delivery(store, ledger, server)
        self._working = threading.Lock()  # guards the delivery within this process
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._descriptor: int | None = None
        self._said_refused = max((call.number for call in ledger.refused()), default=0)
        self._outage: RemoteError | None = None
        self._outage_began = self._failed_at = 0.0
        self._attempts_failed = 0
        self._retry_s = _RETRY_FIRST_S
        self._retry_at = 0.0

    @property
    def outage(self) -> RemoteError | None:
        """The error of a missing answer a moment ago, or None: callers then need not wait again."""
        return self._outage if time.monotonic() < self._failed_at + _FRESH_S else None

    def start(self) -> None:
        """Start a thread that delivers from now on."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="eventtrack-outbox", daemon=True)
            self._thread.start()

    def waiting(self) -> int:
        """The number of calls that wait for delivery; points in the same envelope count as one."""
        self._store.catch_up()
        after, count = self._ledger.number("delivered"), 0
        while envelopes := self._store.events.envelopes(after, _PAGE):
            count += sum(envelope.header.stream.startswith("run/") for envelope in envelopes)
            after = envelopes[-1].position
        return count

    def push(self, timeout_s: float = PUSH_TIMEOUT_S) -> None:
        """Return when all facts logged on this machine so far have arrived, or were refused.

        Raises:
            RemoteError: The server does not answer.
            RemoteUnavailableError: Not everything arrived within `timeout_s`.
        """
        upto = self._store.catch_up()
        deadline = time.monotonic() + timeout_s
        while self._ledger.number("delivered") < upto:
            left = deadline - time.monotonic()
            if left <= 0:
                raise RemoteUnavailableError(
                    f"{self.waiting()} calls for {self._server.url} were not delivered within "
                    f"{timeout_s:g} s",
                    hint="they stay in the outbox; call flush() to wait longer",
                )
            if not self._working.acquire(timeout=left):
                continue
            try:
                advanced = self._deliver(deadline)
            finally:
                self._working.release()
            if not advanced:
                time.sleep(min(0.02, max(left, 0)))  # another process delivers

    def retry_refused(self, timeout_s: float) -> None:
        """Send refused calls again; a call that is refused again stays on the list.

        Raises:
            RemoteError: The server does not answer, or another process delivers all the time.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            with self._working, self.exclusively() as delivery:
                if delivery is not None:
                    for call in self._ledger.refused():
                        delivery.retry(call)
                    return
            time.sleep(0.02)
        raise RemoteUnavailableError("another process is delivering", hint="try again later")

    def wait(self, seconds: float) -> int:
        """Wait at most so long for the delivery at a program's end; returns the waiting calls.

        In an outage the method waits for one more attempt. The thread sends, this method only
        waits: a server that is silent in the middle of a request does not hold up the program.
        """
        upto, attempts = self._store.catch_up(), self._attempts_failed
        deadline = time.monotonic() + seconds
        self._retry_at = 0.0
        if self._thread is None:
            # No thread would send: this program logged nothing, or its parent did before a fork.
            with contextlib.suppress(RemoteError):
                self.push(seconds)
            return self.waiting()
        self._wake.set()
        while self._ledger.number("delivered") < upto:
            if self._attempts_failed > attempts or time.monotonic() >= deadline:
                break
            time.sleep(0.01)
        return self.waiting()

    def note_outage(self, error: RemoteError) -> None:
        """Note that the server did not answer: say so once, and wait before the next attempt."""
        if self._outage is None:
            self._outage_began = time.monotonic()
            self._retry_s = _RETRY_FIRST_S
            tell(
                "%s; what is logged meanwhile is kept on this machine and delivered later",
                error.message,
            )
        self._outage = error
        self._attempts_failed += 1
        self._failed_at = time.monotonic()
        self._retry_at = self._failed_at + self._retry_s
        self._retry_s = min(self._retry_s * 2, _RETRY_LONGEST_S)

    def stop(self) -> None:
        """End the thread; its last request may or may not have arrived, and is sent again."""
        self._stop.set()
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout=1.0)

    def forget_parent(self) -> None:
        """Drop the thread and the lock in a forked child: they are the parent's."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(self._descriptor)
            self._descriptor = None
        self._thread = None
        self._working = threading.Lock()
        self._wake, self._stop = threading.Event(), threading.Event()
        self._delivery = Delivery(self._store, self._ledger, self._server)

    @contextlib.contextmanager
    def exclusively(self) -> Iterator[Delivery | None]:
        """The delivery for a block; None while another process has it. Hold it briefly."""
        descriptor = os.open(self._lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._descriptor = descriptor
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield self._delivery
        finally:
            self._descriptor = None
            os.close(descriptor)

    def _deliver(self, deadline: float) -> bool:
        """Send until nothing is left or time is up; returns whether anything was sent."""
        with self.exclusively() as delivery:
            if delivery is None:
                return False
            done = self._ledger.number("delivered")
            moved = False
            while True:
                try:
                    reached = delivery.deliver_next(done)
                except RemoteError as error:
                    self.note_outage(error)
                    raise
                if reached == done:
                    break
                moved = True
                self._ledger.remember(delivered=str(reached))
                self.note_answer()
                done = reached
                if self._stop.is_set() or time.monotonic() >= deadline:
                    break
        self._tell_refused()
        return moved

    def note_answer(self) -> None:
        """Note that the server answers: after an outage, say so."""
        if self._outage is None:
            return
        seconds = time.monotonic() - self._outage_began
        self._outage, self._failed_at, self._retry_at = None, 0.0, 0.0
        tell(
            "%s answers again after %.0f s; what was logged meanwhile is being "
            "delivered (%d calls wait)",
            self._server.url,
            seconds,
            self.waiting(),
        )

    def _tell_refused(self) -> None:
        new = self._ledger.refused(self._said_refused)
        if not new:
            return
        self._said_refused = max(call.number for call in new)
        tell(
            "%s refused %d of the calls that were delivered; the first: %s %s of run "
            "%s: %s. `eventtrack flush %s` lists all",
            self._server.url,
            len(new),
            new[0].kind,
            new[0].label,
            new[0].run_id,
            new[0].error,
            self._server.url,
        )

    def _run(self) -> None:
        seen, adopt_at = -1, 0.0
        while not self._stop.is_set():
            try:
                self._store.gather()
                change, now = self._store.change_count(), time.monotonic()
                if (change != seen or now >= adopt_at) and now >= self._retry_at:
                    adopt_at = now + _ADOPT_S
                    self._store.catch_up()
                    if not self._working.acquire(timeout=_LOOK_S):
                        continue
                    try:
                        seen = change
                        self._deliver(now + PUSH_TIMEOUT_S)
                    finally:
                        self._working.release()
            except RemoteError:
                seen = -1  # said already; the next attempt is due later
            except StoreClosedError:
                return
            except Exception as error:
                # The disk, or an answer that no server should give. A thread that ended would tell
                # nobody; what waits is kept, and tried again.
                tell("cannot deliver for now: %s: %s", type(error).__name__, error)
                self._retry_at = time.monotonic() + _RETRY_LONGEST_S
            self._wake.wait(_LOOK_S)
            self._wake.clear()
