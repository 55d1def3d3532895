"""The watcher: folds events of other processes within milliseconds of their commit.

A change of the file only wakes the watcher up. LMDB writes pages, which changes the file's time,
before readers can see the commit. A reader that looks once per wake-up would miss that commit
until the next wake-up, which may never come. So after a wake-up the watcher looks again until the
log's transaction number has moved, for a bounded time. In any case it looks once a second.

Points that wait in a journal (decision 0055) come without any sign. While there are journals, the
watcher looks into them eight times a second.
"""

import threading
import time
import warnings
from collections.abc import Iterator

# The part of watchfiles that takes another pace with each look; its documentation names it.
from watchfiles._rust_notify import RustNotify

from eventtrack.errors import EventtrackWarning
from eventtrack.log.living import NO_MARK, Mark
from eventtrack.store import Store

# A wake-up gathers file changes for at most _GATHER_MS and ends after one step without a change.
# watchfiles also wakes at every step: short steps while changes come, long steps otherwise, so that
# a store where nothing happens leaves a laptop asleep. A change after a pause is seen in two steps.
_GATHER_MS = 20
_BUSY_STEP_MS = 10
_IDLE_STEP_MS = 120
_BUSY_S = 2.0
_TIMEOUT_MS = 1000
_QUIET_S = 1.0
# After a wake-up the watcher looks for the commit this long: readers see it only once it is synced.
_BELIEVE_S = 0.25
_LOOK_S = 0.001
_POLL_S = 0.02


def watch(store: Store, *, stop: threading.Event | None = None) -> Iterator[int]:
    """Keep the views current until `stop` is set; yields the log's head when there are news.

    Also when points are news that wait in a journal, which reads show: then the head may be as
    before. Folds existing events first and yields at once. If files cannot be watched (no inotify
    watches left, say), warns and looks every 20 ms instead.
    """
    seen: tuple[int, Mark] = (-1, NO_MARK)
    # A killed process wakes nobody. So fold after each second without a commit too: its journal may
    # hold events.
    for _ in commits(store, stop=stop or threading.Event()):
        head, waiting = store.catch_up(), store.waiting()
        mark = seen[1] if waiting is None else waiting.mark
        if (head, mark) != seen:
            seen = head, mark
            yield head


def commits(store: Store, *, stop: threading.Event) -> Iterator[bool]:
    """Yield True after news that can now be read, of any process; False per second without any.

    News are commits, and points that wait in journals. Begins with True, folds nothing, and
    otherwise behaves as `watch`.
    """
    seen: tuple[int, Mark] = (-1, NO_MARK)
    last = time.monotonic()
    for woken in _wake_ups(store, stop):
        believed_until = time.monotonic() + (_BELIEVE_S if woken else 0.0)
        is_quiet = not woken and time.monotonic() - last >= _QUIET_S
        while not stop.is_set():
            waiting = store.waiting()
            change = store.change_count(), seen[1] if waiting is None else waiting.mark
            if change != seen:
                seen, last = change, time.monotonic()
                believed_until = 0.0
                is_quiet = False
                yield True
            elif time.monotonic() < believed_until:
                time.sleep(_LOOK_S)
            else:
                break
        if is_quiet and not stop.is_set():
            last = time.monotonic()
            yield False


def _wake_ups(store: Store, stop: threading.Event) -> Iterator[bool]:
    """True for each change of the log's folder, False for each time it is due to look."""
    yield False
    busy_until = 0.0
    try:
        with RustNotify([str(store.path / "log")], False, False, 0, False, False) as notify:
            while not stop.is_set():
                is_busy = time.monotonic() < busy_until
                step = _BUSY_STEP_MS if is_busy else _IDLE_STEP_MS
                # A writer makes its journal right after a commit, which makes this busy.
                has_journals = is_busy or store.has_journals()
                timeout = _IDLE_STEP_MS if has_journals else _TIMEOUT_MS
                changes = notify.watch(_GATHER_MS, step, timeout, stop)
                if changes == "signal":
                    raise KeyboardInterrupt
                if isinstance(changes, set):
                    busy_until = time.monotonic() + _BUSY_S
                yield isinstance(changes, set)
    except (OSError, RuntimeError) as error:
        warnings.warn(
            f"cannot watch {store.path}: {error}; looking every {_POLL_S * 1000:.0f} ms instead",
            EventtrackWarning,
            stacklevel=2,
        )
        while not stop.wait(_POLL_S):
            yield False
