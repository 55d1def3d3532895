"""The watcher: folds what other processes append, within milliseconds of their commit.

The file's change is a wake-up, not the truth. LMDB writes pages, and with them moves the file's
time, before the commit can be seen: a reader that looks once per wake-up misses commits and finds
them at the next, which may never come. So after a wake-up the watcher looks again until the log's
transaction number has moved, for a bounded time, and once a second in any case.
"""

import threading
import time
import warnings
from collections.abc import Iterator

import watchfiles

from eventtrack.errors import EventtrackWarning
from eventtrack.store import Store

# How long file changes are gathered into one wake-up, and how quiet it must be to end it: as often
# does watchfiles look up. Every 2 ms cost 1 % of a core while nothing happened, this 0.3 %.
_GATHER_MS = 20
_QUIET_MS = 10
_IDLE_MS = 1000
# How long a wake-up is believed: a commit's sync lies between the first page and its visibility.
_BELIEVE_S = 0.25
_LOOK_S = 0.001
_POLL_S = 0.02


def watch(store: Store, *, stop: threading.Event | None = None) -> Iterator[int]:
    """Keep the views current until `stop` is set; yields the log's head after each fold.

    Yields at once for what is there already. Where files cannot be watched (no inotify watches
    left, say) it warns and looks every 20 ms instead.
    """
    head = -1
    # A process that was killed wakes nobody: each second without a commit, look for what it left.
    for _ in commits(store, stop=stop or threading.Event()):
        if (found := store.catch_up()) != head:
            head = found
            yield head


def commits(store: Store, *, stop: threading.Event) -> Iterator[bool]:
    """True after commits of any process, once they can be read; False for a second without any.

    Folds nothing. Begins with True; otherwise as `watch`.
    """
    seen = -1
    for woken in _wake_ups(store, stop):
        believed_until = time.monotonic() + (_BELIEVE_S if woken else 0.0)
        is_quiet = not woken
        while not stop.is_set():
            change = store.change_count()
            if change != seen:
                seen = change
                believed_until = 0.0
                is_quiet = False
                yield True
            elif time.monotonic() < believed_until:
                time.sleep(_LOOK_S)
            else:
                break
        if is_quiet and not stop.is_set():
            yield False


def _wake_ups(store: Store, stop: threading.Event) -> Iterator[bool]:
    """True for each change of the log's folder, False for each second without one."""
    yield False
    try:
        for changes in watchfiles.watch(
            store.path / "log",
            watch_filter=None,
            recursive=False,
            debounce=_GATHER_MS,
            step=_QUIET_MS,
            rust_timeout=_IDLE_MS,
            yield_on_timeout=True,
            stop_event=stop,
            raise_interrupt=True,
        ):
            yield bool(changes)
    except (OSError, RuntimeError) as error:
        warnings.warn(
            f"cannot watch {store.path}: {error}; looking every {_POLL_S * 1000:.0f} ms instead",
            EventtrackWarning,
            stacklevel=2,
        )
        while not stop.wait(_POLL_S):
            yield False
