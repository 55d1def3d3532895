"""Logging to a shared log without waiting for it: no server stands in between.

A program whose tracking URI is a shared log writes into a store on this machine, below the user's
state folder. A thread publishes this machine's own feed, and takes in what others log, without
their artifacts. Calls return when the machine has them, so an outage costs nothing, and what a
killed program left is published by the next one of this URI.
"""

import atexit
import contextlib
import os
import threading
import time
from collections.abc import Iterator

from eventtrack.errors import EventtrackError, RemoteError, StoreClosedError
from eventtrack.outbox.folder import log_folder, make_folder
from eventtrack.outbox.notices import tell
from eventtrack.store import Store, open_store
from eventtrack.sync import Remotes, Ways, open_remote, synchronize
from eventtrack.sync.remotes import RemoteAddress, without_secrets
from eventtrack.sync.service import exchange

# The own feed goes there, with its artifacts; of the others come the facts.
_PUSH, _PULL = Ways(pull=False), Ways(push=False, artifacts=False)
# Between two looks for new facts of this machine. A look costs a microsecond.
_LOOK_S = 0.05
# Between two questions for what others logged.
_ASK_S = 2.0
_RETRY_FIRST_S, _RETRY_LONGEST_S = 1.0, 60.0
# The end of a program waits this long for what it logged last. The rest waits for the next program.
_END_S = 5.0


class Publisher:
    """The store of this machine for one shared log, and the thread that publishes it."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self.store = self._opened()
        self._thread = threading.Thread(target=self._run, name="eventtrack-publisher", daemon=True)
        self._thread.start()

    def flush(self) -> None:
        """Return once the engine has acknowledged everything that this machine has logged.

        Raises:
            RemoteError: It does not answer; everything is kept here.
        """
        self.store.flush()
        synchronize(self.store, self._url, _PUSH)

    def stop(self) -> None:
        """End the thread; what it has not published stays here."""
        self._stop.set()
        self._thread.join(_END_S)

    def _opened(self) -> Store:
        folder = log_folder(self._url)
        make_folder(folder)
        store = open_store(folder)
        if len(store.feeds.list()) < 2:
            # Before the first run: names of experiments that are there already get their ids.
            with contextlib.suppress(RemoteError):
                synchronize(store, self._url, _PULL)
        return store

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                for _ in self._rounds():
                    if failures:
                        tell("%s answers again", without_secrets(self._url))
                    failures = 0
            except StoreClosedError:
                return
            except (EventtrackError, OSError) as error:
                if not failures and not self._stop.is_set():
                    tell(
                        "%s; what you log is kept on this machine until it arrives",
                        str(error).partition("\n")[0],
                    )
                failures += 1
                pause = min(_RETRY_FIRST_S * 2 ** min(failures - 1, 10), _RETRY_LONGEST_S)
                self._stop.wait(pause)

    def _rounds(self) -> Iterator[None]:
        """Exchange over one connection until it fails or the thread is to end."""
        remotes, address = Remotes(self.store.replication), RemoteAddress(name="", url=self._url)
        with contextlib.closing(open_remote(self._url)) as remote:
            asked = 0.0
            while not self._stop.is_set():
                change = self.store.change_count()
                exchange(self.store, remote, remotes, address, _PUSH)
                if time.monotonic() - asked > _ASK_S:
                    exchange(self.store, remote, remotes, address, _PULL)
                    change, asked = self.store.change_count(), time.monotonic()
                yield
                until = asked + _ASK_S
                while self.store.change_count() == change and time.monotonic() < until:
                    if self._stop.wait(_LOOK_S):
                        return


_publishers: dict[str, Publisher] = {}  # guarded by _opening
_opening = threading.Lock()


def publisher_of(url: str) -> Publisher:
    """The publisher of a shared log, shared by the whole process."""
    with _opening:
        publisher = _publishers.get(url)
        if publisher is None or publisher.store.closed:
            publisher = _publishers[url] = Publisher(url)
        return publisher


def stop_all() -> None:
    """End all threads, once what was logged is published, or cannot be now."""
    with _opening:
        publishers = list(_publishers.values())
        _publishers.clear()
    for publisher in publishers:
        if not publisher.store.closed:
            with contextlib.suppress(EventtrackError, OSError):
                publisher.flush()
        publisher.stop()


def _after_fork_in_child() -> None:
    # The parent's thread publishes what the child logs: both write to one folder.
    global _opening
    _opening = threading.Lock()
    _publishers.clear()


atexit.register(stop_all)
os.register_at_fork(after_in_child=_after_fork_in_child)
