"""Whether headers are what was recorded: held against the roots that were stored with them.

A header has no checksum of its own, but its hash is a leaf of the Merkle tree of its feed, and the
log keeps the roots of each 256 leaves (`tiles`) and of the whole (`heads`).
"""

from collections.abc import Iterator

from eventtrack.events.envelope import Envelope
from eventtrack.log import merkle
from eventtrack.log.protocol import EventLog, Head

_PAGE = 4 * merkle.TILE_LEAVES


def headers_hold(
    log: EventLog, feed: bytes, following: list[Envelope], frontier: list[bytes], head: Head
) -> bool:
    """Whether envelopes have the root that was stored when they were appended.

    Args:
        following: Contiguous envelopes of the feed.
        frontier: The feed's Merkle frontier before the first of them; not changed.
        head: The feed's head, read before they were.
    """
    made, size = list(frontier), following[0].header.index
    stop = size + len(following)
    # What stands behind them is looked at too, to the next place of which the root was stored.
    stored = min(-(-stop // merkle.TILE_LEAVES) * merkle.TILE_LEAVES, head.size)
    envelopes = following
    while envelopes:
        for envelope in envelopes:
            if envelope.header.index != size:
                return False
            merkle.append_leaf(made, size, envelope.leaf_hash)
            size += 1
        envelopes = log.read_feed(feed, size, stored - size) if size < stored else []
    written = head.frontier if size == head.size else log.frontier(feed, size)
    return merkle.root(made) == merkle.root(written)


def unsound_headers(log: EventLog) -> Iterator[str]:
    """Says of each feed where the first of its headers is that was changed, to 1,024 of them.

    Reads the whole log.
    """
    for feed, head in log.heads().items():
        start = 0
        while start < head.size:
            page = log.read_feed(feed, start, min(_PAGE, head.size - start))
            last = start + len(page) - 1
            frontier = log.frontier(feed, start)
            if not page or not headers_hold(log, feed, page, frontier, head):
                yield (
                    f"a header of envelopes {start} to {max(start, last)} of feed {feed.hex()} is "
                    "not what was recorded: a stream, a time or a count may be wrong"
                )
                break
            start = last + 1
