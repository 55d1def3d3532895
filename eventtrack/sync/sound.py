"""What may leave this store: envelopes as they were written, never what became of them on a disk.

A wrong header would give the feed another history wherever it goes, and a wrong payload would be
refused there with everything behind it. So headers are held against the roots that were stored when
they were appended, and payloads against their headers, about 2 us an envelope (decision 0023).
"""

import warnings

from eventtrack.errors import ChecksumError, EventtrackWarning
from eventtrack.events.envelope import Envelope
from eventtrack.log import merkle
from eventtrack.log.protocol import EventLog, Head


def sound(
    log: EventLog, feed: bytes, found: list[Envelope], frontier: list[bytes], head: Head
) -> list[Envelope]:
    """The envelopes that may be sent: all of them, or those before the first that is damaged.

    A damaged payload is set aside: from then on it is one that is not here, and comes with the next
    pull from anybody who has it. A warning names it.

    Args:
        found: Contiguous envelopes of the feed.
        frontier: The feed's Merkle frontier before the first of them; not changed.
        head: The feed's head, read before they were.
    """
    first = found[0].header.index
    if not _headers_hold(log, feed, found, frontier, head):
        _warn(
            f"cannot send envelopes {first} to {first + len(found) - 1} of feed {feed.hex()}, "
            f"positions {found[0].position} and behind: they do not have the root that they had "
            "when they were recorded. The feed stops before them",
            "Run `eventtrack check`, then restore the store from a copy",
        )
        return []
    for place, envelope in enumerate(found):
        try:
            envelope.verify()
        except ChecksumError:
            log.set_aside(feed, first + place)
            _warn(
                f"cannot send envelope {first + place} of feed {feed.hex()}, position "
                f"{envelope.position}: its payload is not what was written. It was set aside, and "
                "the feed stops before it",
                "Pull from a machine that has it, which heals it; if there is none, "
                f"`eventtrack redact {envelope.position}.0` lets what follows go on",
            )
            return found[:place]
    return found


def _headers_hold(
    log: EventLog, feed: bytes, found: list[Envelope], frontier: list[bytes], head: Head
) -> bool:
    made, size = list(frontier), found[0].header.index
    stop = size + len(found)
    # What stands behind them is looked at too, to the next place of which the root was stored.
    stored = min(-(-stop // merkle.TILE_LEAVES) * merkle.TILE_LEAVES, head.size)
    envelopes = found
    while envelopes:
        for envelope in envelopes:
            if envelope.header.index != size:
                return False
            merkle.append_leaf(made, size, envelope.leaf_hash)
            size += 1
        envelopes = log.read_feed(feed, size, stored - size) if size < stored else []
    written = head.frontier if size == head.size else log.frontier(feed, size)
    return merkle.root(made) == merkle.root(written)


def _warn(what: str, hint: str) -> None:
    warnings.warn(f"{what}. {hint}", EventtrackWarning, stacklevel=4)
