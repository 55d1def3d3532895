"""Servers and writers of a shared log and their lag, as they say it themselves beside the log."""

import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from eventtrack.clock import Clock, SystemClock
from eventtrack.errors import EventtrackError, RemoteUnavailableError
from eventtrack.sharedlog.protocol import PAGE_BLOCKS, Announcement, SharedLog

# The pause between two announcements of a server: while it reads on, and while nothing is new.
ANNOUNCE_S, ANNOUNCE_AGAIN_S = 2.0, 10.0
_DAY_MS = 86_400_000


class ServerLag(msgspec.Struct, frozen=True):
    """A server: the place up to which it had read the log, when it said so, and its lag.

    `behind` counts the blocks that the log has behind that place now, at most 512.
    """

    name: str
    place: int
    at_ms: int
    behind: int


class WriterLag(msgspec.Struct, frozen=True):
    """A writer without a server: its feed, and the envelopes of it that the log lacked then."""

    name: str
    feed: str
    unpublished: int
    at_ms: int


class Lags(NamedTuple):
    """All who said within a day how far they are, by name."""

    servers: list[ServerLag]
    writers: list[WriterLag]


class Announcer:
    """Says how far a server or a writer is, not more often than others need to hear."""

    def __init__(self, log: SharedLog, folder: Path) -> None:
        self.name = name_of(folder)
        self._log = log
        self._said: tuple[int, float] | None = None

    def say(self, place: int, feed: str = "", unpublished: int = 0) -> None:
        """Announce it, unless that was done a moment ago. Does nothing if the engine refuses."""
        at, what = time.monotonic(), unpublished if feed else place
        if self._said is not None:
            known, said_at = self._said
            is_caught_up = bool(feed) and not unpublished
            pause = ANNOUNCE_AGAIN_S if known == what else 0 if is_caught_up else ANNOUNCE_S
            if at < said_at + pause:
                return
        self._said = what, at
        at_ms = SystemClock().now_ms()
        with suppress(EventtrackError):  # it only informs people; older logs have no place for it
            self._log.announce(Announcement(self.name, place, at_ms, feed, unpublished))


def name_of(folder: Path) -> str:
    """The name of a server or a writer by its machine and its folder."""
    return f"{socket.gethostname()}:{folder}"[:400]


def lags_of(log: SharedLog, clock: Clock | None = None) -> Lags:
    """The servers and writers that announced themselves within a day.

    Raises:
        RemoteUnavailableError: The log does not answer.
    """
    try:
        announced = log.announced()
    except RemoteUnavailableError:
        raise
    except EventtrackError:
        announced = []  # older logs, or credentials that may not see it
    now_ms = (clock or SystemClock()).now_ms()
    counts: dict[int, int] = {}
    lags = Lags([], [])
    for each in sorted(announced, key=lambda each: each.name):
        if each.at_ms < now_ms - _DAY_MS:
            continue
        if each.feed:
            lags.writers.append(WriterLag(each.name, each.feed, each.unpublished, each.at_ms))
            continue
        if each.place not in counts:
            counts[each.place] = len(log.read(each.place, PAGE_BLOCKS).entries)
        lags.servers.append(ServerLag(each.name, each.place, each.at_ms, counts[each.place]))
    return lags
