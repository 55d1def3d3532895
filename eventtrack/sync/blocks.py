"""The feeds of a log as blocks, checked before they leave (docs/wire.md, section 3)."""

from collections.abc import Iterator

from eventtrack.errors import ConflictError
from eventtrack.events.envelope import Envelope
from eventtrack.limits import BLOCK_BYTES_MAX, BLOCK_ENVELOPES_MAX
from eventtrack.log.blocks import Block
from eventtrack.log.protocol import EventLog, Head
from eventtrack.sync.sound import sound


def feed_blocks(log: EventLog, feed: bytes, first: int, stop: int, head: Head) -> Iterator[Block]:
    """A feed's envelopes from `first` up to `stop` as blocks of bounded size.

    The blocks end before the first damaged envelope, with a warning: see `sound`.

    Args:
        head: The feed's head, read before this call.
    """
    frontier = log.frontier(feed, first)
    while first < stop:
        envelopes = log.read_feed(feed, first, min(BLOCK_ENVELOPES_MAX, stop - first))
        if not envelopes:
            raise ConflictError(
                f"envelope {first} of feed {feed.hex()} is not in the log",
                hint="run `eventtrack check`",
            )
        whole = len(envelopes)
        envelopes = sound(log, feed, envelopes, frontier, head)
        stop = stop if len(envelopes) == whole else first + len(envelopes)
        if not envelopes:
            return
        replica = envelopes[0].header.replica
        part: list[Envelope] = []
        size = 0
        for envelope in envelopes:
            if part and size + len(envelope.data) > BLOCK_BYTES_MAX:
                yield Block.make(replica, first, frontier, part)
                first, part, size = first + len(part), [], 0
            part.append(envelope)
            size += len(envelope.data)
        yield Block.make(replica, first, frontier, part)
        first += len(part)


def pieces(block: Block, bytes_max: int) -> Iterator[Block]:
    """A block, in halves of halves as long as a piece is too large for an engine."""
    if len(block.data) <= bytes_max or block.header.count == 1:
        yield block
        return
    middle = block.header.first + block.header.count // 2
    yield from pieces(block.before(middle), bytes_max)
    yield from pieces(block.behind(middle), bytes_max)
