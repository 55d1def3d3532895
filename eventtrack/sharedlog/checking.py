"""The check of a whole shared log: every block is whole, and every feed goes on without gaps.

No engine is trusted: it may lose, alter, double or reorder what it acknowledged. A feed proves
itself (docs/wire.md, section 3): each block names the root of everything before it. So the blocks
are laid end to end. A block that does not continue its feed where it stands is set apart. At the
end of the log it is known why.

    check = LogCheck(log)
    faults = check.run()        # [] if all is well
"""

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec

from eventtrack.errors import ChecksumError, CorruptionError
from eventtrack.events.envelope import Envelope
from eventtrack.log import merkle
from eventtrack.log.blocks import Block, BlockHeader, read_header
from eventtrack.sharedlog.protocol import BlockReader, Entry

Progress = Callable[[str, int, int], None]

DAMAGED, LOST, DOUBLED, REORDERED, ALTERED = "damaged", "lost", "doubled", "reordered", "altered"
_NOTHING = -1


class Fault(msgspec.Struct, frozen=True):
    """Something that an engine did to what it had acknowledged.

    `kind` is `damaged`, `lost`, `doubled`, `reordered` or `altered`. `feed` is a replica in hex, ""
    if a block is too damaged to tell. `first` and `stop` are the envelopes concerned. `place` is
    the place of a wrong block, or the place behind which blocks are missing.
    """

    kind: str
    feed: str
    first: int
    stop: int
    place: int
    what: str


@dataclass(eq=False)
class Chain:
    """A feed, or another end of a feed, as far as a log has it without gaps.

    `blocks` has for each block its first index and its place. `root` is the feed's root at `size`.
    """

    replica: bytes
    first: int = 0
    size: int = 0
    root: bytes = merkle.EMPTY_ROOT
    blocks: list[tuple[int, int]] = field(default_factory=list)

    @property
    def last(self) -> int:
        """The place of the last block; 0 if there is none."""
        return self.blocks[-1][1] if self.blocks else 0

    def continues(self, header: BlockHeader) -> bool:
        """Whether a block goes on where this chain ends."""
        return header.first == self.size and merkle.root(header.frontier) == self.root

    def take(self, header: BlockHeader, place: int) -> None:
        """Let a block continue the chain."""
        self.blocks.append((header.first, place))
        self.size, self.root = header.stop, header.root


class Hole(msgspec.Struct, frozen=True):
    """Missing envelopes of a feed, and the places that they lay between, both excluded.

    `root` is the feed's root before them, `after` the root behind them.
    """

    replica: bytes
    first: int
    stop: int
    root: bytes
    after: bytes
    behind: int
    before: int


class LogCheck:
    """The check of one shared log, or of one node's copy of it, from its beginning.

    After `run`, `chains` has every end of every feed by replica, and `holes` the missing parts.
    `taken` are the places of whole blocks, `damaged` those of others, with the header if it can be
    read, and `doubled` those whose blocks are there twice. `reordered` has the chains whose blocks
    are in a wrong order, and `altered`, by replica, chains that continue another history.
    """

    def __init__(self, log: BlockReader) -> None:
        self._log = log
        self.end = 0
        self.chains: dict[bytes, list[Chain]] = {}
        self.holes: list[Hole] = []
        self.taken: set[int] = set()
        self.damaged: dict[int, BlockHeader | None] = {}
        self.doubled: list[int] = []
        self.reordered: list[Chain] = []
        self.altered: dict[bytes, list[Chain]] = {}
        self.faults: list[Fault] = []
        # By replica and first index: blocks that continued nothing when they came.
        self._apart: dict[bytes, dict[int, list[tuple[int, BlockHeader]]]] = {}

    def run(self, progress: Progress | None = None) -> list[Fault]:
        """Read the log up to its present end; returns the faults.

        Args:
            progress: Called with a name of the work, the place reached and the end.
        """
        self.end, after = self._log.end(), 0
        while after < self.end:
            page = self._log.read(after)
            for entry in page.entries:
                self.add(entry)
            if page.through == after:
                self._log.wait(after, 0.1)
            after = page.through
            if progress is not None:
                progress("checking places", min(after, self.end), self.end)
        self._finish()
        return self.faults

    def add(self, entry: Entry) -> None:
        """Take the next entry of the log."""
        try:
            header = whole_block(entry.data).header
        except CorruptionError as error:
            self._set_damaged(entry, error)
            return
        self.taken.add(entry.place)
        chains = self.chains.setdefault(header.replica, [Chain(header.replica)])
        apart = self._apart.setdefault(header.replica, {})
        for chain in chains:
            if chain.continues(header):
                chain.take(header, entry.place)
                self._take_earlier(chain, apart)
                return
        apart.setdefault(header.first, []).append((entry.place, header))

    def tips(self) -> list[Chain]:
        """Every end of every feed."""
        return [chain for chains in self.chains.values() for chain in chains]

    def known_root(self, chain: Chain, size: int) -> bytes | None:
        """The root of a chain at a size; None if the log has no whole block there."""
        if size == chain.size:
            return chain.root
        number = bisect_right(chain.blocks, (size, 2**63)) - 1
        block = self.load(chain.blocks[number][1]) if number >= 0 else None
        if block is None or not block.header.first <= size <= block.header.stop:
            return None
        return merkle.root(block.frontier_at(size))

    def _take_earlier(self, chain: Chain, apart: dict[int, list[tuple[int, BlockHeader]]]) -> None:
        """Take blocks that came before the blocks that they continue."""
        while chain.size in apart:
            waiting = apart[chain.size]
            fitting = next((each for each in waiting if chain.continues(each[1])), None)
            if fitting is None:
                return
            waiting.remove(fitting)
            place, header = fitting
            self._report(REORDERED, header, place, "it stands before the blocks that it continues")
            chain.take(header, place)
            if chain not in self.reordered:
                self.reordered.append(chain)

    def _finish(self) -> None:
        """Find out what is wrong with the blocks that are still apart."""
        for replica, apart in sorted(self._apart.items()):
            for _, blocks in sorted(apart.items()):
                for place, header in blocks:
                    self._take_apart(self.chains[replica], place, header)
        self._apart.clear()

    def _take_apart(self, chains: list[Chain], place: int, header: BlockHeader) -> None:
        strays = self.altered.get(header.replica, [])
        for chain in (*chains, *strays):
            if chain.continues(header):
                chain.take(header, place)
                return
        longest = max(chains, key=lambda chain: chain.size)
        if header.first > longest.size:
            self._take_behind_hole(longest, place, header)
            return
        shared = max(self._shared(chain, place, header) for chain in chains)
        if shared == _NOTHING:
            stray = Chain(header.replica, header.first)
            stray.take(header, place)
            self.altered.setdefault(header.replica, []).append(stray)
            self._report(ALTERED, header, place, "it continues another history of its feed")
        elif shared == header.stop:
            self.doubled.append(place)
            self._report(DOUBLED, header, place, "its envelopes are in the log already")
        else:  # two copies of a store wrote: the feed has another end (docs/wire.md, section 10)
            branch = Chain(header.replica, shared)
            branch.take(header, place)
            chains.append(branch)

    def _take_behind_hole(self, chain: Chain, place: int, header: BlockHeader) -> None:
        after = merkle.root(header.frontier)
        hole = Hole(header.replica, chain.size, header.first, chain.root, after, chain.last, place)
        self.holes.append(hole)
        if not any(chain.last < damaged < place for damaged in self.damaged):
            what = f"they are missing between place {chain.last} and place {place}"
            feed = header.replica.hex()
            fault = Fault(LOST, feed, chain.size, header.first, chain.last, what)
            self.faults.append(fault)
        chain.take(header, place)

    def _shared(self, chain: Chain, place: int, header: BlockHeader) -> int:
        """The index up to which a block says the same as a chain; `_NOTHING` if it never does."""
        index = header.first
        if self.known_root(chain, index) != merkle.root(header.frontier):
            return _NOTHING
        block = self.load(place)
        number = bisect_right(chain.blocks, (index, 2**63)) - 1
        for _, other in chain.blocks[max(number, 0) :]:
            theirs = self.load(other)
            if block is None or theirs is None:
                return index
            while theirs.header.first <= index < min(theirs.header.stop, header.stop):
                here = Envelope(block.envelopes[index - header.first])
                if Envelope(theirs.envelopes[index - theirs.header.first]).leaf_hash != (
                    here.leaf_hash
                ):
                    return index
                index += 1
        return index

    def load(self, place: int) -> Block | None:
        """The block at a place; None if the place is empty."""
        for entry in self._log.read(place - 1, 1).entries:
            if entry.place == place:
                return Block.decode(entry.data)
        return None

    def _set_damaged(self, entry: Entry, error: CorruptionError) -> None:
        self.damaged[entry.place] = None
        try:
            header = self.damaged[entry.place] = read_header(entry.data)[0]
        except CorruptionError:
            self.faults.append(Fault(DAMAGED, "", 0, 0, entry.place, error.message))
        else:
            self._report(DAMAGED, header, entry.place, error.message)

    def _report(self, kind: str, header: BlockHeader, place: int, what: str) -> None:
        feed = header.replica.hex()
        self.faults.append(Fault(kind, feed, header.first, header.stop, place, what))


def whole_block(data: bytes) -> Block:
    """The block in an entry, each envelope of which is as it was written.

    Raises:
        CorruptionError: It is not; nothing of it may be taken.
        FormatTooNewError: A later eventtrack wrote it.
    """
    block = Block.decode(data)
    header, frontier = block.header, list(block.header.frontier)
    for index, encoded in enumerate(block.envelopes, header.first):
        envelope = Envelope(encoded)
        if (envelope.header.replica, envelope.header.index) != (header.replica, index):
            raise ChecksumError(
                f"a block holds envelope {envelope.header.index} of replica "
                f"{envelope.header.replica.hex()} where {index} of {header.replica.hex()} is due"
            )
        envelope.verify()
        merkle.append_leaf(frontier, index, envelope.leaf_hash)
    if merkle.root(frontier) != header.root:
        raise ChecksumError("the envelopes of a block do not have the root in its header")
    return block
