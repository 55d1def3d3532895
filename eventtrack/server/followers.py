"""Threads that keep the served store in step with remotes, beside the requests.

Each waits for the network on its own, off the event loop and off the writer's thread. What comes is
committed through the server's one open store, some megabytes at a time, as what other stores send
to it is: writers wait for one of those commits at most.
"""

import logging
import threading
from collections.abc import Callable, Sequence

from eventtrack.errors import EventtrackError
from eventtrack.store import Store
from eventtrack.sync import News, Remotes, Trouble, follow
from eventtrack.sync.remotes import without_secrets

_log = logging.getLogger("eventtrack.server")

# How long the end waits for rounds that are under way. One that hangs on the network is left where
# it is: what it committed is whole, and what it did not comes with the next round.
_END_S = 1.0
# After an error of our own: it is in the server's log, and may be gone with what caused it.
_AFTER_A_BUG_S = 60.0

Tell = Callable[[str, News], None]


class Followers:
    """One thread for each remote that the store is kept in step with.

    Args:
        remotes: Names or URLs.
        tell: Called from those threads with the name and what is to be said.

    Raises:
        NotFoundError: There is no remote of some name.
    """

    def __init__(self, store: Store, remotes: Sequence[str], tell: Tell) -> None:
        self._store = store
        self._tell = tell
        self._stop = threading.Event()
        known = Remotes(store.replication)
        for name in remotes:
            known.resolve(name)  # refused before the server answers anybody
        self._threads = [
            threading.Thread(target=self._run, args=(name,), name="eventtrack-sync", daemon=True)
            for name in dict.fromkeys(remotes)
        ]

    def start(self) -> None:
        """Begin to exchange."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Begin no more rounds, and break off those under way; returns at once."""
        self._stop.set()

    def wait(self) -> None:
        """Wait a moment for those who stop."""
        for thread in self._threads:
            if thread.is_alive():
                thread.join(_END_S)

    def _run(self, name: str) -> None:
        while not self._stop.is_set():
            try:
                for news in follow(self._store, name, stop=self._stop):
                    self._tell(without_secrets(name), news)
            except EventtrackError as error:
                if not self._stop.is_set():
                    self._tell(without_secrets(name), Trouble(error))
                return
            except Exception:
                if not self._stop.is_set():
                    _log.exception("cannot sync with %s", without_secrets(name))
                self._stop.wait(_AFTER_A_BUG_S)
