"""In step with a remote: exchange again and again, through whatever goes wrong meanwhile.

Whoever follows asks the store itself whether something was committed, by any process: that costs a
microsecond, needs no watch on files, and is what a watch would have to ask anyway.
"""

import contextlib
import secrets
import threading
import time
from collections.abc import Iterator
from typing import NamedTuple

from eventtrack.errors import EventtrackError, StoreClosedError, StoreError, UsageError
from eventtrack.store import Store
from eventtrack.sync.remotes import RemoteAddress, Remotes, open_remote
from eventtrack.sync.report import SyncReport
from eventtrack.sync.service import BOTH_WAYS, Ways, exchange
from eventtrack.sync.status import note_failure

# How often the log is looked at for something new.
_LOOK_S = 0.05
# Pauses after a failure double up to this, and are shortened by up to half: many machines that lost
# one server do not all come back in one instant.
_RETRY_S_MIN, _RETRY_S_MAX = 1.0, 60.0
_jitter = secrets.SystemRandom()
# An interrupt at the terminal ends ssh too, a moment before this process hears of it.
_SETTLE_S = 0.2


class Trouble(NamedTuple):
    """The exchange fails, and is tried again until it does not."""

    error: EventtrackError


class Mended(NamedTuple):
    """The exchange succeeds again, after so many seconds of trouble."""

    after_s: float


News = SyncReport | Trouble | Mended


class _Pace(NamedTuple):
    """How often a remote is asked for news, and how long what is new here is gathered for it."""

    ask_s: float
    gather_s: float


# A process answers; a folder keeps a file for each push, and a bucket asks money for each question.
_ALIVE, _AT_REST = _Pace(1.0, 0.1), _Pace(3.0, 3.0)


class _Stopped(Exception):  # noqa: N818 - a signal between the rounds and who runs them
    """The stop was set within a round."""


def follow(
    store: Store,
    remote: str | None = None,
    ways: Ways = BOTH_WAYS,
    *,
    stop: threading.Event,
) -> Iterator[News]:
    """Exchange again and again, until `stop` is set: at each change here, and every few seconds.

    Yields a report of the first round, and of each that moved something or met a new fork. Yields
    `Trouble` when an exchange fails, and is silent about it until it fails in another way, or until
    `Mended` says that it is over.
    What was exchanged is durable, so it may be left at any instant.

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
    """Exchange over one connection until that fails or the stop is set."""

    def check(*_: object) -> None:
        if stop.is_set():
            raise _Stopped

    pace = _ALIVE if address.url.startswith(("http", "ssh")) else _AT_REST
    with contextlib.closing(open_remote(address.url, create=ways.push)) as other:
        while not stop.is_set():
            change = store.change_count()
            yield exchange(store, other, remotes, address, ways, check, next_in_s=pace.ask_s)
            _wait_for_change(store, change, pace, stop)


def _wait_for_change(store: Store, change: int, pace: _Pace, stop: threading.Event) -> None:
    """Return when something was committed here, or when the remote is to be asked again."""
    until = time.monotonic() + pace.ask_s
    stop.wait(pace.gather_s)
    while time.monotonic() < until and not stop.wait(_LOOK_S):
        if store.change_count() != change:
            return


def _as_ours(error: EventtrackError | OSError) -> EventtrackError:
    if isinstance(error, EventtrackError):
        return error
    return StoreError(
        f"cannot sync: {error.strerror or error}",
        hint="what was exchanged before is kept; it goes on when that is mended",
    )
