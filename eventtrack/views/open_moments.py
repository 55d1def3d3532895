"""Moments that stay open for a while: for pages and programs that walk through time."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from eventtrack.views.moments import Moment, MomentSource, Progress
from eventtrack.views.queries.nouns import Snapshot
from eventtrack.views.source import LiveSource

# The number of open moments. Each keeps the streams folded for it in a temporary folder.
OPEN_MAX = 4


class _Entry:
    def __init__(self, snapshot: Snapshot, head: int) -> None:
        self.snapshot = snapshot
        self.head = head
        self.users = 0


class Moments:
    """The moments of a store; those of the last questions stay open. Safe from any thread."""

    def __init__(self, live: LiveSource) -> None:
        self._live = live
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()  # guarded by _lock
        self._replaced: list[_Entry] = []  # guarded by _lock: they still have readers

    @contextmanager
    def at(self, moment: Moment | str) -> Iterator[Snapshot]:
        """A moment, opened now or a short while ago; see `Store.at`.

        Raises:
            InvalidValueError: The text is no moment.
        """
        entry = self._lease(Moment.of(moment))
        try:
            yield entry.snapshot
        finally:
            self._release(entry)

    @contextmanager
    def once(self, moment: Moment | str, progress: Progress | None = None) -> Iterator[Snapshot]:
        """A moment for the length of a block; see `Store.at`.

        Raises:
            InvalidValueError: The text is no moment.
        """
        source = MomentSource(self._live, Moment.of(moment))
        try:
            if progress is not None:
                source.fold(progress)
            yield Snapshot(source)
        finally:
            source.close()

    def close(self) -> None:
        """Let go of all moments."""
        with self._lock:
            for entry in (*self._entries.values(), *self._replaced):
                entry.snapshot.close()
            self._entries.clear()
            self._replaced.clear()

    def _lease(self, moment: Moment) -> _Entry:
        key, head = str(moment), self._live.log.head()
        with self._lock:
            entry = self._entries.pop(key, None)
            if entry is not None and not _holds(moment, entry.head, head):
                self._replaced.append(entry)
                entry = None
            if entry is None:
                entry = _Entry(Snapshot(MomentSource(self._live, moment)), head)
            entry.users += 1
            self._entries[key] = entry
            while len(self._entries) > OPEN_MAX:
                self._replaced.append(self._entries.popitem(last=False)[1])
            self._close_replaced()
            return entry

    def _release(self, entry: _Entry) -> None:
        with self._lock:
            entry.users -= 1
            self._close_replaced()

    def _close_replaced(self) -> None:
        for entry in [entry for entry in self._replaced if not entry.users]:
            self._replaced.remove(entry)
            entry.snapshot.close()


def _holds(moment: Moment, opened_at: int, head: int) -> bool:
    """Whether no envelope that arrived after a moment was opened belongs to it."""
    return opened_at == head or (moment.position is not None and moment.position <= opened_at)
