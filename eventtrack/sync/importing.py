"""Import of blocks into the log: verified first, then committed, wholly or not at all."""

from collections.abc import Callable, Iterator
from functools import partial

from eventtrack.errors import (
    ChecksumError,
    ConflictError,
    CorruptionError,
    EventtrackError,
    ForkError,
    FormatTooNewError,
    MalformedError,
)
from eventtrack.events.envelope import Envelope
from eventtrack.events.reading import refuse_malformed
from eventtrack.limits import IMPORT_COMMIT_BYTES_MAX
from eventtrack.log import merkle
from eventtrack.log.blocks import Block
from eventtrack.log.protocol import LogTransaction
from eventtrack.store.replication import Replication
from eventtrack.views.records import Record

Keeps = Callable[[Envelope], bool]


class Received(Record):
    """The amount of new data that came in."""

    envelopes: int = 0
    events: int = 0
    bytes: int = 0


class Importer:
    """Takes blocks in the order in which they come, and commits some megabytes of them at once.

    A feed whose blocks cannot be taken stays as it is; `refused` names it with the reason. The
    other feeds go on.

    Args:
        keeps: Whether an envelope is stored with its payload; by default all are.
    """

    def __init__(self, target: Replication, keeps: Keeps | None = None) -> None:
        self._target = target
        self._keeps = keeps
        self._waiting: list[Block] = []
        self._bytes = 0
        self.received = Received()
        self.refused: dict[bytes, EventtrackError] = {}

    def add(self, block: Block) -> None:
        """Take a block. Its new envelopes are durable after `flush`, or when enough blocks came."""
        if block.header.replica not in self.refused:
            try:
                for part in self._checked(block):
                    self._waiting.append(part if self._keeps is None else self._stripped(part))
                    self._bytes += len(part.data)
            except (CorruptionError, FormatTooNewError) as error:
                self.refused[block.header.replica] = error
        if self._bytes >= IMPORT_COMMIT_BYTES_MAX:
            self.flush()

    def flush(self) -> None:
        """Commit the waiting blocks, durably, once all are verified.

        Raises:
            StoreError: The blocks cannot be written. None of them was.
        """
        blocks, self._waiting, self._bytes = self._waiting, [], 0
        while blocks:
            try:
                new = self._target.receive(partial(_take_all, blocks=blocks))
            except _Refused as refusal:
                self.refused[refusal.replica] = refusal.error
                blocks = [block for block in blocks if block.header.replica != refusal.replica]
                continue
            self.received.envelopes += len(new)
            self.received.events += sum(block.header.count for block in new)
            self.received.bytes += sum(len(block.data) for block in new)
            return

    def _checked(self, block: Block) -> Iterator[Block]:
        """The block, or its part before the first envelope that is not well-formed.

        Hashes of payloads are verified at the commit.

        Raises:
            ChecksumError: The payload of that envelope is damaged.
            MalformedError: The envelope is malformed; raised after the part before it was yielded.
        """
        for place, data in enumerate(block.envelopes):
            envelope = Envelope(data)
            try:
                refuse_malformed(envelope)
            except MalformedError:
                envelope.verify()  # a damaged envelope is reported as damaged, not as malformed
                if place:
                    yield block.before(block.header.first + place)
                raise
        yield block

    def _stripped(self, block: Block) -> Block:
        """A block without unwanted payloads. The choice is made before the log is locked."""
        assert self._keeps is not None
        kept = []
        for data in block.envelopes:
            envelope = Envelope(data)
            envelope.verify()
            kept.append(data if self._keeps(envelope) else envelope.without_payload)
        return Block(block.header, kept, block.data)


class _Refused(Exception):  # noqa: N818 - a signal to go on without this feed
    def __init__(self, replica: bytes, error: EventtrackError) -> None:
        super().__init__(str(error))
        self.replica = replica
        self.error = error


def _take_all(transaction: LogTransaction, blocks: list[Block]) -> list[Envelope]:
    new = []
    for block in blocks:
        try:
            new += take(transaction, block)
        except (ConflictError, CorruptionError, FormatTooNewError) as error:
            raise _Refused(block.header.replica, error) from error
    return new


def take(transaction: LogTransaction, block: Block) -> list[Envelope]:
    """Append the envelopes of a block that are new here, and check that they make its root.

    An envelope that differs from the envelope here at its index begins a branch: both are kept. If
    this raises, the transaction must be given up.

    Raises:
        ConflictError: Envelopes before the block are missing here.
        ForkError: The block continues a history of the feed that is not here.
        ChecksumError: The block's envelopes do not match its header.
        FormatTooNewError: A later eventtrack wrote an envelope that this version cannot check.
    """
    header = block.header
    _check_names(block)
    feed, shared = _place(transaction, block)
    new = []
    for place, data in enumerate(block.envelopes, header.first):
        if place == shared and shared < transaction.feed_head(feed).size:
            _refuse_damage(transaction, feed, shared)
            feed = transaction.begin_branch(feed, data)
        try:
            envelope = transaction.append_foreign(data, feed)
        except ConflictError as error:
            raise fork_error(header.replica, place) from error
        if envelope is not None:
            new.append(envelope)
    head = transaction.feed_head(feed)
    if head.size == header.stop and head.root != header.root:
        raise ChecksumError(
            f"the first {head.size} envelopes of replica {header.replica.hex()} do not have the "
            "root that came with them",
            hint="nothing of it was taken; make or fetch it again",
        )
    return new


def fork_error(replica: bytes, index: int) -> ForkError:
    """The refusal of a part of a feed that continues a history that is not here."""
    return ForkError(
        f"replica {replica.hex()} has two histories, which differ before envelope {index}",
        hint="two copies of one store wrote under one name; sync with a machine that has both",
    )


def _check_names(block: Block) -> None:
    replica = block.header.replica
    for place, data in enumerate(block.envelopes, block.header.first):
        named = Envelope(data).header
        if (named.replica, named.index) != (replica, place):
            raise ChecksumError(
                f"a block of replica {replica.hex()} holds envelope {named.index} of replica "
                f"{named.replica.hex()} where {place} is due",
                hint="nothing of it was taken; make or fetch it again",
            )


def _place(transaction: LogTransaction, block: Block) -> tuple[bytes, int]:
    """The feed here that a block continues, and the index up to which both are the same."""
    replica, first = block.header.replica, block.header.first
    branches = transaction.branches()
    # Stems before their branches, so that ends that part in one place get the same stem.
    others = sorted(
        (branch.first, feed) for feed, branch in branches.items() if branch.replica == replica
    )
    root = merkle.root(block.header.frontier)
    farthest = 0
    shared: dict[bytes, int] = {}
    for feed in (replica, *(feed for _, feed in others)):
        head, branch = transaction.feed_head(feed), branches.get(feed)
        farthest = max(farthest, head.size)
        if branch is not None and branch.first > first:
            # The block begins in the stem, and may leave it where this branch does.
            if shared.get(branch.stem) == branch.first:
                shared[feed] = _shared(transaction, feed, block, branch.first)
        elif first <= head.size:
            here = head.frontier if first == head.size else transaction.frontier(feed, first)
            if merkle.root(here) == root:
                shared[feed] = _shared(transaction, feed, block, first)
    if shared:
        best = max(shared, key=lambda feed: shared[feed])  # of equals the first
        return best, shared[best]
    if first > farthest:
        raise ConflictError(
            f"cannot take envelope {first} of replica {replica.hex()}: {farthest} of that feed "
            "are here",
            hint="fetch what comes before it first; a bundle says what it needs: "
            "`eventtrack bundle inspect`",
        )
    raise fork_error(replica, first)


def _shared(transaction: LogTransaction, feed: bytes, block: Block, index: int) -> int:
    """The index up to which a block and a feed are the same; they are so before `index`."""
    while index < block.header.stop:
        envelopes = transaction.read_feed(feed, index, block.header.stop - index)
        for envelope in envelopes:
            other = Envelope(block.envelopes[index - block.header.first])
            if envelope.header_bytes != other.header_bytes:
                return index
            index += 1
        if not envelopes:
            return index
    return index


def _refuse_damage(transaction: LogTransaction, feed: bytes, index: int) -> None:
    """Refuse a fork whose cause is damage here: the envelope here may have decayed on the disk."""
    head = transaction.feed_head(feed)
    start = index - index % merkle.TILE_LEAVES
    stop = min(start + merkle.TILE_LEAVES, head.size)
    written = head.frontier if stop == head.size else transaction.frontier(feed, stop)
    frontier = transaction.frontier(feed, start)
    while start < stop and (envelopes := transaction.read_feed(feed, start, stop - start)):
        for envelope in envelopes:
            merkle.append_leaf(frontier, start, envelope.leaf_hash)
            start += 1
    if merkle.root(frontier) != merkle.root(written):
        raise ChecksumError(
            f"cannot compare envelope {index} of feed {feed.hex()} with what came: the one here is "
            "not what was written",
            hint="run `eventtrack check`; nothing of that feed was taken",
        )
