"""Copies of a shared log's feeds, from which missing parts are taken.

A copy is anything that sync can read: a server's cache, a writer's store, a folder, a bucket; and
the same log as another node of its engine has it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import msgspec

from eventtrack.errors import CorruptionError
from eventtrack.events.envelope import Envelope
from eventtrack.log import files, merkle
from eventtrack.log.blocks import Block, read_header
from eventtrack.sharedlog.addresses import without_password
from eventtrack.sharedlog.checking import LogCheck, whole_block
from eventtrack.sharedlog.protocol import SharedLog
from eventtrack.store import open_store
from eventtrack.sync.peer import StoreRemote
from eventtrack.sync.protocol import FeedHead, Source
from eventtrack.sync.remotes import absolute_url, open_remote


class Copy(NamedTuple):
    """A copy, and its address for messages. A cache holds nothing but what the log had.

    `fetch` gives the bytes of an artifact, or raises `NotFoundError`; None if there are none.
    """

    name: str
    source: Source
    is_cache: bool = False
    fetch: Callable[[bytes], Iterator[bytes]] | None = None


@contextmanager
def opened_copy(address: str, log: SharedLog) -> Iterator[Copy]:
    """The copy at an address: the folder of a store or of a server's cache, or a remote's URL.

    Raises:
        RemoteError: There is nothing that can be read.
    """
    folder = Path(address).expanduser()
    if files.is_store(folder):
        store = open_store(folder, source="cli", create=False)
        is_cache = _log_of_cache(folder) == log.description.id
        source = StoreRemote(store)
        yield Copy(address, source, is_cache, source.get_blob)
        return
    remote = open_remote(absolute_url(address))
    try:
        yield Copy(without_password(address), remote, fetch=remote.get_blob)
    finally:
        remote.close()


def _log_of_cache(folder: Path) -> str | None:
    """The id of the log that a folder is a server's cache of; None if it is a store of its own."""
    try:
        note = msgspec.json.decode((folder / files.CACHE).read_bytes(), type=dict[str, str])
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        return None
    return note.get("log")


class Lag(msgspec.Struct, frozen=True):
    """A feed of which a copy and a log have more or less: its size here, and there in the log."""

    feed: str
    here: int
    there: int


def lags(log: SharedLog, copy: Copy) -> list[Lag]:
    """The feeds of a copy that are longer there or in the log. One question for each feed."""
    sizes: dict[bytes, int] = {}
    for head in copy.source.heads():
        sizes[head.replica] = max(head.size, sizes.get(head.replica, 0))
    apart = []
    for replica, here in sorted(sizes.items()):
        tail = log.tail(replica)
        there = 0 if tail is None else read_header(tail.data)[0].stop
        if here != there:
            apart.append(Lag(replica.hex(), here, there))
    return apart


class Extract:
    """Contiguous envelopes of a feed, from which blocks are cut."""

    def __init__(self, replica: bytes, first: int, frontier: list[bytes]) -> None:
        self._replica = replica
        self._first = first
        self._frontier = frontier
        self._envelopes: list[Envelope] = []

    @property
    def stop(self) -> int:
        """The index behind the last envelope."""
        return self._first + len(self._envelopes)

    def add(self, block: Block) -> None:
        """Append the envelopes of a block that lie behind the last; the block overlaps or fits."""
        self._envelopes += map(Envelope, block.envelopes[self.stop - block.header.first :])

    def block(self, first: int, stop: int) -> Block:
        """The envelopes of an interval as a block; `first` is at most that of the next call."""
        for index in range(self._first, first):
            merkle.append_leaf(
                self._frontier, index, self._envelopes[index - self._first].leaf_hash
            )
        del self._envelopes[: first - self._first]
        self._first = first
        wanted = self._envelopes[: stop - first]
        return Block.make(self._replica, first, list(self._frontier), wanted)


def extract(copy: Copy, head: FeedHead, stop: int | None) -> Extract | None:
    """The envelopes of a feed behind `head`, up to `stop` or as far as a copy has them.

    None if the copy has another history, or does not reach `stop`, or has damage there.
    """
    source = copy.source
    if head.size and not source.known([head]):
        return None
    others = [other for other in source.heads() if other.replica != head.replica]
    taken: Extract | None = None
    root = head.root
    for block in source.read([*others, head]):
        if block.header.replica != head.replica or block.header.stop <= head.size:
            continue
        try:
            whole_block(block.data)
        except CorruptionError:
            return None
        if taken is None and block.header.first <= head.size:
            frontier = block.frontier_at(head.size)
            if merkle.root(frontier) != root:
                continue  # another end of the feed
            taken = Extract(head.replica, head.size, frontier)
        elif taken is None or merkle.root(block.header.frontier) != root:
            continue
        taken.add(block)
        root = block.header.root
        if stop is not None and taken.stop >= stop:
            return taken
    return taken if stop is None else None


class LogCopy:
    """A shared log as a `Source`, by a check of it that has run."""

    def __init__(self, check: LogCheck) -> None:
        self._check = check

    def heads(self) -> list[FeedHead]:
        """Every end of every feed."""
        return [
            FeedHead(chain.replica, chain.size, chain.root)
            for chain in self._check.tips()
            if chain.size
        ]

    def known(self, heads: Sequence[FeedHead]) -> list[FeedHead]:
        """The heads that stand for what the log has."""
        return [
            head
            for head in heads
            if any(
                head.size <= chain.size and self._check.known_root(chain, head.size) == head.root
                for chain in self._check.chains.get(head.replica, [])
            )
        ]

    def read(self, have: Sequence[FeedHead]) -> Iterator[Block]:
        """The blocks beyond `have`, in the order of their places."""
        places: list[int] = []
        for chain in self._check.tips():
            held = [
                head.size
                for head in have
                if head.replica == chain.replica
                and head.size <= chain.size
                and self._check.known_root(chain, head.size) == head.root
            ]
            stops = [first for first, _ in chain.blocks[1:]] + [chain.size]
            places += [
                place
                for (_, place), stop in zip(chain.blocks, stops, strict=True)
                if stop > max(held, default=0)
            ]
        for place in sorted(places):
            block = self._check.load(place)
            if block is not None:
                yield block
