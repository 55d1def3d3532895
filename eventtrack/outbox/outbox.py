"""An open outbox: its store, its ledger, its deliverer, and the rule for emptying its folder.

    <state>/outbox/<server>-<hash>/
        ledger.db       the delivery's position, the server's ids, the refused calls
        deliver.lock    held by the process that delivers
        users.lock      held, shared, by every process that logs
        store-<n>/      the logged facts: a store like any other (docs/format.md)

When everything has arrived and nobody logs, the store is removed; the next store has the next
number.
"""

import contextlib
import fcntl
import os
import weakref
from pathlib import Path

from eventtrack.errors import EventtrackError
from eventtrack.log.locking import share
from eventtrack.outbox.deliverer import Deliverer
from eventtrack.outbox.folder import make_folder
from eventtrack.outbox.ledger import Ledger
from eventtrack.outbox.notices import tell
from eventtrack.rest import TrackingServer
from eventtrack.store import open_store

# Seconds for which a program that ends waits for its last facts to arrive.
EXIT_WAIT_S = 30.0


class Outbox:
    """The facts on this machine that wait for a server. Safe from any thread and in a forked child.

    Args:
        folder: From `outbox_folder(url)`.
        server: The server.
    """

    def __init__(self, folder: Path, server: TrackingServer) -> None:
        make_folder(folder)
        self.folder = folder
        self.server = server
        self.ledger = Ledger(folder / "ledger.db")
        self._users = os.open(folder / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        # A child shares this lock for as long as it lives. So only a process that never forked may
        # conclude from holding the lock alone that nobody else uses the store.
        self._forked = False
        self._closed = False
        try:
            self._empty_if_unused()
            share(self._users, folder / "users.lock")
            self.ledger.remember(url=server.url)
            self.store = open_store(self._store_path(), source="outbox")
        except BaseException:
            os.close(self._users)
            raise
        self.deliverer = Deliverer(folder, self.store, self.ledger, server)
        _outboxes.add(self)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def close(self, wait_s: float = EXIT_WAIT_S) -> None:
        """Deliver as much as possible within `wait_s`, say how much is left, and close all."""
        if self._closed:
            return
        self._closed = True
        left = 0
        try:
            left = self.deliverer.wait(wait_s)
        except EventtrackError as error:
            tell("the outbox %s cannot be read: %s", self.folder, error)
        self.deliverer.stop()
        if left:
            tell(
                "%d calls for %s wait in %s; the next program that logs there delivers "
                "them, and so does `eventtrack flush %s`",
                left,
                self.server.url,
                self.folder,
                self.server.url,
            )
        with contextlib.suppress(EventtrackError):  # the rest stays in its journal
            self.store.close()
        if not self._forked and not left:
            with contextlib.suppress(EventtrackError, OSError):
                self._empty_if_unused()
        self.ledger.close()
        self.server.close()
        os.close(self._users)

    def before_fork(self) -> None:
        """Note that from now on a child may use the store under this process's lock."""
        self._forked = True

    def after_fork_in_child(self) -> None:
        """Leave the parent's thread, locks and connections alone; the child opens its own."""
        self.ledger.forget_parent()
        self.deliverer.forget_parent()

    def _store_path(self) -> Path:
        return self.folder / f"store-{self.ledger.number('generation')}"

    def _empty_if_unused(self) -> None:
        """Remove the store if all its facts have arrived and no process has it open."""
        try:
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        path = self._store_path()
        if not path.exists() or self.ledger.refused():
            return
        store = open_store(path, source="outbox")
        try:
            delivered = store.catch_up() <= self.ledger.number("delivered")
        finally:
            store.close()
        if delivered:
            # The number changes first, in one step: from here on nobody opens the old store.
            generation = self.ledger.number("generation") + 1
            self.ledger.remember(generation=str(generation), delivered="0")
            import shutil

            shutil.rmtree(path, ignore_errors=True)


_outboxes: "weakref.WeakSet[Outbox]" = weakref.WeakSet()


def _before_fork() -> None:
    for outbox in list(_outboxes):
        outbox.before_fork()


def _after_fork_in_child() -> None:
    for outbox in list(_outboxes):
        outbox.after_fork_in_child()


os.register_at_fork(before=_before_fork, after_in_child=_after_fork_in_child)
