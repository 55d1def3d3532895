"""Servers of one cluster in this process: a cache each, over one shared log in memory."""

import time
from collections.abc import Callable
from pathlib import Path

from eventtrack.cluster.cache import Cache
from eventtrack.cluster.member import Member
from eventtrack.errors import RemoteUnavailableError
from eventtrack.log.blocks import Block
from eventtrack.sharedlog.memory import MemorySharedLog, Shelf
from eventtrack.sharedlog.protocol import Description, Page
from eventtrack.store import Store

LOG_ID = "a" * 32


def new_shelf() -> Shelf:
    """An empty shared log."""
    return Shelf(Description(LOG_ID, 0))


def nothing() -> None:
    """What a `FaultyLog` does unless a test says otherwise."""


class FaultyLog(MemorySharedLog):
    """A shared log that a test may break.

    Attributes:
        before_append: Called before each append.
        after_append: Called after each append; what it raises hides the outcome.
        before_end: Called before each question for the end.
        is_deaf: Whether news wake nobody.
    """

    def __init__(self, shelf: Shelf) -> None:
        super().__init__(shelf)
        self.before_append: Callable[[], object] = nothing
        self.after_append: Callable[[], object] = nothing
        self.before_end: Callable[[], object] = nothing
        self.appends = 0
        self.is_deaf = False

    def append(
        self, block: Block, *, last: int, seen: int | None = None, decides: bool = False
    ) -> int:
        """Append a block, with what the test does around it."""
        self.before_append()
        self.appends += 1
        place = super().append(block, last=last, seen=seen, decides=decides)
        self.after_append()
        return place

    def end(self) -> int:
        """The number of blocks, if the test lets it be known."""
        self.before_end()
        return super().end()

    def wait(self, after: int, timeout_s: float) -> None:
        """Wait for news; if deaf, for the time alone."""
        if self.is_deaf:
            time.sleep(timeout_s)
        else:
            super().wait(after, timeout_s)

    def read(self, after: int, limit: int = 7) -> Page:
        """Short pages, so that tests meet several."""
        return super().read(after, limit)


def down() -> None:
    """What a log does that does not answer."""
    raise RemoteUnavailableError("no answer", sent=False)


def lost() -> None:
    """What a connection does that breaks after the question was sent."""
    raise RemoteUnavailableError("the connection broke", sent=True)


class Server:
    """A server's cache, without its HTTP."""

    def __init__(self, folder: Path, shelf: Shelf) -> None:
        self.log = FaultyLog(shelf)
        self.cache = Cache(self.log, folder, source="server")
        self.catch_up()
        self.store.begin()

    @property
    def store(self) -> Store:
        """The store that the server answers from."""
        return self.cache.store

    @property
    def member(self) -> Member:
        """The server's part in the cluster."""
        return self.cache.member

    def catch_up(self) -> "Server":
        """Be as new as the shared log."""
        self.member.catch_up()
        return self

    def digest(self) -> object:
        """Everything that the views hold."""
        self.catch_up()
        return self.store.maintenance.digest()


# Starts a server with a folder of that name.
Start = Callable[[str], Server]
