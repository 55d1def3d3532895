"""Following a remote: exchange again and again, through all failures in between.

The follower asks the store itself whether any process committed something. That costs a
microsecond and needs no watch on files; a watch would have to ask the same.
"""

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from eventtrack.errors import EventtrackError, StoreClosedError, StoreError, UsageError
from eventtrack.sharedlog.addresses import NATS, POSTGRESQL
from eventtrack.store import Store
from eventtrack.sync.remotes import RemoteAddress, Remotes, open_remote
from eventtrack.sync.report import SyncReport
from eventtrack.sync.service import BOTH_WAYS, Ways, exchange
from eventtrack.sync.status import note_failure

# The time between two looks at the log.
_LOOK_S = 0.05
# Pauses after failures double from the first value up to the second, and are shortened at random by
# up to half: so many machines that lost one server do not all come back in one instant.
_RETRY_S_MIN, _RETRY_S_MAX = 1.0, 60.0
_jitter = secrets.SystemRandom()
# An interrupt at the terminal ends ssh too, a moment before this process hears of it.
_SETTLE_S = 0.2


class Trouble(NamedTuple):
    """The exchange fails, and is tried again until it succeeds."""

    error: EventtrackError


class Mended(NamedTuple):
    """The exchange succeeds again, after so many seconds of trouble."""

    after_s: float


News = SyncReport | Trouble | Mended


class _Pace(NamedTuple):
    """The time between two questions to a remote, and the time in which local news are gathered."""

    ask_s: float
    gather_s: float


# A process answers quickly; a folder keeps a file for each push, and a bucket costs money for each
# question.
_ALIVE, _AT_REST = _Pace(1.0, 0.1), _Pace(3.0, 3.0)


class _Stopped(Exception):  # noqa: N818 - a signal from the rounds to `follow`
    """The stop was set within a round."""


def follow(
    store: Store,
    remote: str | None = None,
    ways: Ways = BOTH_WAYS,
    *,
    stop: threading.Event,
) -> Iterator[News]:
    """Exchange again and again, until `stop` is set: at each change here, and every few seconds.

    Yields a report of the first round, and of each round that moved something or met a new fork.
    Yields `Trouble` when an exchange fails; then nothing until it fails in another way, or until
    `Mended` when it succeeds again.
    Everything exchanged is durable, so the caller may leave at any instant.

    Raises:
        NotFoundError: There is no such remote.
        UsageError: There is no way to its URL.
    """
    remotes = Remotes(store.replication)
    address = remotes.resolve(remote)
    trouble: EventtrackError | None = None
    since, failures, forks, first = 0.0, 0, set[str](), True
    while not stop.is_set():
        try:
            for report in _rounds(store, remotes, address, ways, stop):
                if trouble is not None:
                    yield Mended(time.monotonic() - since)
                trouble, failures = None, 0
                if first or report.changed or report.forks.keys() - forks:
                    yield report
                forks |= report.forks.keys()
                first = False
        except _Stopped:
            return
        except (EventtrackError, OSError) as raised:
            if stop.wait(_SETTLE_S):
                return
            error = _as_ours(raised)
            if isinstance(error, StoreClosedError) or (first and isinstance(error, UsageError)):
                raise
            pause = min(_RETRY_S_MIN * 2 ** min(failures, 30), _RETRY_S_MAX)
            pause *= _jitter.uniform(0.5, 1.0)
            failures += 1
            note_failure(remotes, address, error, next_in_s=pause)
            if trouble is None:
                since = time.monotonic()
            if type(error) is not type(trouble):
                yield Trouble(error)
            trouble = error
            stop.wait(pause)


def _rounds(
    store: Store, remotes: Remotes, address: RemoteAddress, ways: Ways, stop: threading.Event
) -> Iterator[SyncReport]:
    """Exchange over one connection until the connection fails or `stop` is set."""

    def check(*_: object) -> None:
        if stop.is_set():
            raise _Stopped

    is_alive = address.url.startswith(("http", "ssh", *POSTGRESQL, *NATS))
    pace = _ALIVE if is_alive else _AT_REST
    with contextlib.closing(open_remote(address.url, create=ways.push)) as other:
        while not stop.is_set():
            store.gather()
            change = store.change_count()
            yield exchange(store, other, remotes, address, ways, check, next_in_s=pace.ask_s)
            _wait_for_change(store, change, pace, stop)


def _wait_for_change(store: Store, change: int, pace: _Pace, stop: threading.Event) -> None:
    """Return after a commit here, or when it is time to ask the remote again."""
    until = time.monotonic() + pace.ask_s
    stop.wait(pace.gather_s)
    while time.monotonic() < until and not stop.wait(_LOOK_S):
        store.gather()
        if store.change_count() != change:
            return


def _as_ours(error: EventtrackError | OSError) -> EventtrackError:
    if isinstance(error, EventtrackError):
        return error
    return StoreError(
        f"cannot sync: {error.strerror or error}",
        hint="what was exchanged before is kept; it goes on when that is mended",
    )
