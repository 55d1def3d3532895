"""Chains of segments: one for each feed, and one for each other end of a feed (docs/wire.md, 4).

A chain that branches off begins at the first envelope that differs from the chain that was there
before. Each remote may have seen another of two ends first; but an end that branches off has the
same name in every remote.
"""

from collections.abc import Sequence
from typing import Protocol

from eventtrack.errors import ConflictError
from eventtrack.events.envelope import Envelope
from eventtrack.log import merkle
from eventtrack.log.blocks import Block
from eventtrack.log.feeds import branch_id
from eventtrack.sync.coverage import Chain, Segment, cover
from eventtrack.sync.importing import fork_error
from eventtrack.sync.protocol import FeedHead


class Segments(Protocol):
    """A remote that keeps segments, as far as chains need it."""

    @property
    def place(self) -> str:
        """The address of the remote, for messages."""
        ...

    def feeds(self) -> list[Chain]:
        """All chains. The chains of a replica that branch off come after its others."""
        ...

    def segments(self, chain: Chain) -> list[Segment]:
        """The segments of a chain."""
        ...

    def end(self, chain: Chain) -> tuple[int, bytes]:
        """The index up to which a chain reaches, and the feed's root there."""
        ...

    def load(self, segment: Segment) -> Block:
        """The block of a segment, verified."""
        ...


def place_of(remote: Segments, block: Block) -> tuple[Chain, int]:
    """The chain that a block belongs to, and the index up to which both hold the same envelopes.

    The chain is new if the block differs from all chains there.

    Raises:
        ConflictError: The remote lacks envelopes before the block.
        ForkError: The remote's envelopes before the block belong to another history.
    """
    first, stop = block.header.first, block.header.stop
    chain = _beginning(remote, block)
    shared = first if first == remote.end(chain)[0] else _shared(remote, chain, block, first)
    while shared < min(stop, remote.end(chain)[0]):
        chain = _branch(block, shared)
        if chain not in remote.feeds():
            return chain, shared
        shared = _shared(remote, chain, block, shared)
    return chain, shared


def known_heads(remote: Segments, heads: Sequence[FeedHead]) -> list[FeedHead]:
    """The heads among `heads` that stand for envelopes of the remote."""
    return [
        head
        for head in heads
        if not head.size or any(_holds(remote, chain, head) for chain in _chains(remote, head))
    ]


def starts(remote: Segments, have: Sequence[FeedHead]) -> dict[Chain, int]:
    """For each chain, the first index that the owner of the heads `have` lacks.

    A chain is left out if they have a part of its feed, but none of these heads is known here.
    """
    indexes: dict[Chain, int] = {}
    for chain in remote.feeds():
        heads = [head for head in have if head.replica == chain.replica]
        if heads and len(_chains(remote, heads[0])) == 1 and len(heads) == 1:
            size, end = heads[0].size, remote.end(chain)[0]
            # The reader verifies the next segment anyway, so this segment need not be opened.
            if size >= end or _holds(remote, chain, heads[0]):
                indexes[chain] = size
        elif not heads or not all(_is_strange(remote, head) for head in heads):
            indexes[chain] = _start(remote, chain, heads)
    return indexes


def _start(remote: Segments, chain: Chain, heads: Sequence[FeedHead]) -> int:
    sizes = [head.size for head in heads if head.size and _holds(remote, chain, head)]
    for other in remote.feeds():
        # The owner of a part of a branch also has the chain it left, up to the branch.
        if other.replica == chain.replica and chain.first < other.first:
            root = _first_root(remote, other)
            branched = any(head.size and _holds(remote, other, head) for head in heads)
            if branched and _root_at(remote, chain, other.first) == root:
                sizes.append(other.first)
    return max([chain.first, *sizes])


def _is_strange(remote: Segments, head: FeedHead) -> bool:
    return not known_heads(remote, [head])


def _chains(remote: Segments, head: FeedHead) -> list[Chain]:
    return [chain for chain in remote.feeds() if chain.replica == head.replica]


def _holds(remote: Segments, chain: Chain, head: FeedHead) -> bool:
    return chain.first < head.size and _root_at(remote, chain, head.size) == head.root


def _beginning(remote: Segments, block: Block) -> Chain:
    """A chain that a block continues or overlaps."""
    first, replica = block.header.first, block.header.replica
    root = merkle.root(block.header.frontier)
    chains = [chain for chain in remote.feeds() if chain.replica == replica]
    for chain in chains:
        if _root_at(remote, chain, first) == root:
            return chain
    sizes = [remote.end(chain)[0] for chain in chains]
    if not first and not chains:
        return Chain(replica)
    if first > max(sizes, default=0):
        raise ConflictError(
            f"cannot add envelope {first} of replica {replica.hex()} to {remote.place}: it "
            f"holds {max(sizes, default=0)} of that feed",
            hint="sync again; if this stays, somebody deleted segments there",
        )
    raise fork_error(replica, first)


def _shared(remote: Segments, chain: Chain, block: Block, index: int) -> int:
    """The index up to which a chain holds the envelopes of a block; it does so up to `index`."""
    for segment in cover(remote.segments(chain), index):
        there = remote.load(segment)
        for place in range(index, min(segment.stop, block.header.stop)):
            ours = Envelope(block.envelopes[place - block.header.first])
            theirs = Envelope(there.envelopes[place - there.header.first])
            if ours.header_bytes != theirs.header_bytes:
                return place
        index = min(segment.stop, block.header.stop)
        if index == block.header.stop:
            break
    return index


def _branch(block: Block, index: int) -> Chain:
    """The chain that branches off with the envelope of a block at `index`."""
    root = merkle.root(block.frontier_at(index + 1))
    return Chain(block.header.replica, index, branch_id(block.header.replica, index, root))


def _first_root(remote: Segments, chain: Chain) -> bytes | None:
    """The feed's root before a chain's first segment."""
    for segment in cover(remote.segments(chain), chain.first):
        return merkle.root(remote.load(segment).header.frontier)
    return None


def _root_at(remote: Segments, chain: Chain, size: int) -> bytes | None:
    """The root of a feed at a size; None if the chain does not hold that size."""
    end, root = remote.end(chain)
    if size == end and size > chain.first:
        return root
    if size == 0 and not chain.branch:
        return merkle.EMPTY_ROOT
    for segment in cover(remote.segments(chain), chain.first):
        if segment.stop == size:
            return segment.root
        if segment.first <= size < segment.stop:
            return merkle.root(remote.load(segment).frontier_at(size))
    return None
