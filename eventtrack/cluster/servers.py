"""The servers of a shared log and their lag, as they announced themselves beside the log."""

import socket
from pathlib import Path

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


def name_of(folder: Path) -> str:
    """The name of a server by its machine and its folder."""
    return f"{socket.gethostname()}:{folder}"[:400]


def announce(log: SharedLog, name: str, place: int, clock: Clock | None = None) -> None:
    """Say how far a server is. Nothing happens if the engine does not take it."""
    try:
        log.announce(Announcement(name, place, (clock or SystemClock()).now_ms()))
    except EventtrackError:
        return  # it only informs people; older logs have no place for it


def servers_of(log: SharedLog, clock: Clock | None = None) -> list[ServerLag]:
    """The servers that announced themselves within a day, by name.

    Raises:
        RemoteUnavailableError: The log does not answer.
    """
    try:
        announced = log.announced()
    except RemoteUnavailableError:
        raise
    except EventtrackError:
        return []  # older logs, or credentials that may not see it
    now_ms = (clock or SystemClock()).now_ms()
    counts: dict[int, int] = {}
    servers = []
    for each in sorted(announced, key=lambda each: each.name):
        if each.at_ms < now_ms - _DAY_MS:
            continue
        if each.place not in counts:
            counts[each.place] = len(log.read(each.place, PAGE_BLOCKS).entries)
        servers.append(ServerLag(each.name, each.place, each.at_ms, counts[each.place]))
    return servers
