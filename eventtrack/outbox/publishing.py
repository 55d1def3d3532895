"""Logging to a shared log without waiting for it: no server stands in between.

A program whose tracking URI is a shared log writes into a store on this machine, below the user's
state folder. When the store is opened it takes in what the others logged, without their artifacts,
so that names of experiments mean the same everywhere. A thread then publishes this machine's own
feed, and reads nothing of the others: many machines are no burden to each other.

Calls return when this machine has them. So an outage costs nothing, and what a killed program left
is published by the next one of this URI.
"""

import atexit
import contextlib
import os
import threading
import time
from collections.abc import Iterator

from eventtrack.cluster.servers import Announcer
from eventtrack.errors import ConflictError, EventtrackError, RemoteError, StoreClosedError
from eventtrack.outbox.folder import log_folder, make_folder
from eventtrack.outbox.notices import tell
from eventtrack.sharedlog.addresses import without_password
from eventtrack.sharedlog.artifacts import open_artifacts
from eventtrack.sharedlog.making import open_shared_log
from eventtrack.store import Store, open_store
from eventtrack.sync import Ways, synchronize
from eventtrack.sync.own_feed import OwnFeed

# The own feed goes there, with its artifacts; of the others come the facts.
_PUSH, _PULL = Ways(pull=False), Ways(push=False, artifacts=False)
# Between two looks for new facts of this machine. A look costs a microsecond.
_LOOK_S = 0.05
# Between two blocks of a machine that logs all the time. After a pause the first goes at once.
_EVERY_S = 0.5
_RETRY_FIRST_S, _RETRY_LONGEST_S = 1.0, 60.0
# The end of a program waits this long for what it logged last. The rest waits for the next program.
_END_S = 5.0


def store_of(url: str, source: str = "python") -> Store:
    """This machine's store for a shared log, as new as it was left."""
    folder = log_folder(url)
    make_folder(folder)
    return open_store(folder, source=source)


def take_facts(store: Store, url: str) -> None:
    """Take in what others logged, without their artifacts.

    Raises:
        RemoteError: The log does not answer.
    """
    synchronize(store, url, _PULL)


def publish(store: Store, url: str) -> None:
    """Return once the engine has acknowledged everything that this machine has logged.

    Raises:
        RemoteError: It does not answer; everything is kept here.
    """
    with contextlib.closing(open_shared_log(url)) as log:
        blobs = open_artifacts(url, log.description.artifacts)
        say = Announcer(log, store.path).say
        try:
            OwnFeed(store.replication, log, blobs).publish(say)
        except ConflictError:
            synchronize(store, url, _PUSH)


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
        publish(self.store, self._url)

    def stop(self) -> None:
        """End the thread; what it has not published stays here."""
        self._stop.set()
        self._thread.join(_END_S)

    def _opened(self) -> Store:
        store = store_of(self._url)
        with contextlib.suppress(RemoteError):  # in an outage with what is here
            take_facts(store, self._url)
        return store

    def _run(self) -> None:
        failures = 0
        while not self._stop.is_set():
            try:
                for _ in self._publish():
                    if failures:
                        tell("%s answers again", without_password(self._url))
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

    def _publish(self) -> Iterator[None]:
        """Publish over one connection until it fails or the thread is to end."""
        with contextlib.closing(open_shared_log(self._url)) as log:
            blobs = open_artifacts(self._url, log.description.artifacts)
            feed = OwnFeed(self.store.replication, log, blobs)
            say = Announcer(log, self.store.path).say
            while not self._stop.is_set():
                self.store.gather()
                change, began = self.store.change_count(), time.monotonic()
                try:
                    feed.publish(say)
                except ConflictError:
                    # Another copy of this machine's store published: a sync keeps both ends.
                    synchronize(self.store, self._url, _PUSH)
                    feed = OwnFeed(self.store.replication, log, blobs)
                yield
                while self.store.change_count() == change or time.monotonic() < began + _EVERY_S:
                    if self._stop.wait(_LOOK_S):
                        return
                    self.store.gather()


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
