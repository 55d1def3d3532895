"""Threads that read for the interface, which itself never waits for a disk or a server."""

import threading
import time
from collections.abc import Callable
from typing import Any

from textual.message import Message

from eventtrack.cli.top.sources import Change, Source
from eventtrack.errors import EventtrackError

# A view that follows a busy store is drawn at most four times a second, and is read for at most a
# fifth of the time.
_GAP_S = 0.25
_REST = 4.0


class Answered(Message):
    """An answer that a thread read, and the call that shows it."""

    def __init__(self, reader: str, show: Callable[[Any], None], value: Any) -> None:
        super().__init__()
        self.reader = reader
        self.show = show
        self.value = value


class Refused(Message):
    """An error that kept a thread from reading."""

    def __init__(self, reader: str, error: EventtrackError) -> None:
        super().__init__()
        self.reader = reader
        self.error = error


class News(Message):
    """The store changed, or its news stay away."""

    def __init__(self, change: Change) -> None:
        super().__init__()
        self.change = change


Post = Callable[[Message], object]


class Reader(threading.Thread):
    """Reads for one view. A new question replaces one that still waits."""

    def __init__(self, name: str, post: Post) -> None:
        super().__init__(name=f"top-{name}", daemon=True)
        self._post = post
        self._changed = threading.Condition()
        self._waiting: tuple[Callable[[], Any], Callable[[Any], None]] | None = None
        self._stopped = False
        self._not_before = 0.0  # guarded by `_changed`, like the three above

    def ask(self, read: Callable[[], Any], show: Callable[[Any], None]) -> None:
        """Have `read` called in this thread, and `show` with its answer in the interface's."""
        with self._changed:
            self._waiting = (read, show)
            self._changed.notify()

    @property
    def rest_s(self) -> float:
        """The time that the view should rest before it follows the store again."""
        with self._changed:
            return max(0.0, self._not_before - time.monotonic())

    def stop(self) -> None:
        """End the thread after what it reads now."""
        with self._changed:
            self._stopped = True
            self._changed.notify()

    def run(self) -> None:
        """Answer questions until stopped."""
        while (question := self._next()) is not None:
            read, show = question
            began = time.monotonic()
            try:
                self._post(Answered(self.name, show, read()))
            except EventtrackError as error:
                self._post(Refused(self.name, error))
            now = time.monotonic()
            with self._changed:
                self._not_before = now + max(_GAP_S, _REST * (now - began))

    def _next(self) -> tuple[Callable[[], Any], Callable[[Any], None]] | None:
        with self._changed:
            while self._waiting is None and not self._stopped:
                self._changed.wait()
            question, self._waiting = self._waiting, None
            return None if self._stopped else question


class Follower(threading.Thread):
    """Hands on the news of a source."""

    def __init__(self, source: Source, post: Post) -> None:
        super().__init__(name="top-news", daemon=True)
        self._source = source
        self._post = post
        self._leaving = threading.Event()

    def stop(self) -> None:
        """End the thread; it may still wait for a server's next sign of life."""
        self._leaving.set()

    def run(self) -> None:
        """Hand on news until stopped."""
        for change in self._source.changes(self._leaving):
            if self._leaving.is_set():
                return
            self._post(News(change))
