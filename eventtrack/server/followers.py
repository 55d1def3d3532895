"""Threads that keep the served store in step with remotes, beside the requests.

Each thread waits for the network on its own, off the event loop and off the writer's thread. It
commits arriving events through the server's one open store, some megabytes at a time, as for
events that other stores send. So writers wait for at most one such commit.
"""

import logging
import threading
from collections.abc import Callable, Sequence

from eventtrack.errors import EventtrackError
from eventtrack.store import Store
from eventtrack.sync import News, Remotes, Trouble, follow
from eventtrack.sync.remotes import without_secrets

_log = logging.getLogger("eventtrack.server")

# The end of the server waits this long for rounds under way. A round that hangs on the network is
# abandoned: its commits are whole, and the next round brings the rest.
_END_S = 1.0
# The pause after an error of our own, which is in the server's log. Its cause may be gone by then.
_AFTER_A_BUG_S = 60.0

Tell = Callable[[str, News], None]


class Followers:
    """One thread for each remote that the store is kept in step with.

    Args:
        remotes: Names or URLs.
        tell: Called from those threads with the name of the remote and its news.

    Raises:
        NotFoundError: One of the names belongs to no remote.
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
        """Wait for the threads to end, for each at most a second."""
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
