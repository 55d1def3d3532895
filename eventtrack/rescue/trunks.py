"""Feeds put together again: envelope behind envelope, held against every root that survived.

A header carries no checksum. What proves it is the Merkle tree of its feed: the table `heads` has
the frontier after each commit, and old copies of its pages often survive beside the newest. Where a
root differs, one flipped bit is looked for: the root says whether it was the right one.
"""

from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from eventtrack.events.envelope import leaf_hash
from eventtrack.log import merkle
from eventtrack.rescue.finds import Finds, Found

_LEAF_BYTES = 32
# Beyond, looking for a flipped bit would take minutes.
_REPAIR_ENVELOPES_MAX = 512
_REPAIR_TREE_MAX = 2**16


class Trunk(NamedTuple):
    """The part of a feed that can be rebuilt from its beginning: which envelopes, and its size."""

    ids: "array[int]"
    size: int


class Roots:
    """The frontiers of feeds that were found, by size.

    `branches` are the feeds of which it is known that they are other ends of one.
    """

    def __init__(self) -> None:
        self._heads: dict[bytes, dict[int, list[list[bytes]]]] = {}
        self._live: dict[bytes, int] = {}
        self.branches: set[bytes] = set()

    def add(self, feed: bytes, size: int, frontier: list[bytes], *, is_live: bool) -> None:
        """Note a frontier. One that cannot be that of a tree of such a size is damaged."""
        if len(frontier) == size.bit_count() and {*map(len, frontier)} == {_LEAF_BYTES}:
            known = self._heads.setdefault(feed, {}).setdefault(size, [])
            if frontier not in known:
                known.append(frontier)
            if is_live:
                self._live[feed] = max(size, self._live.get(feed, 0))

    def feeds(self) -> list[bytes]:
        """All of which frontiers were found."""
        return [*self._heads]

    def size(self, feed: bytes) -> int:
        """A feed's size as the newest state has it, else the greatest that was found, else 0."""
        return self._live.get(feed) or max(self._heads.get(feed, {0: []}))

    def of(self, feed: bytes) -> dict[int, list[list[bytes]]]:
        """The frontiers of a feed by size."""
        return self._heads.get(feed, {})


def trunk_of(
    finds: Finds, replica: bytes, roots: Roots, start: int = 0, frontier: Sequence[bytes] = ()
) -> Trunk:
    """What of a feed can be put behind its first `start` envelopes without a gap.

    A header without its payload is only taken where a root proves it. Where the headers do not make
    a root that was written, nothing behind the last right one is taken.
    """
    known = roots.of(replica)
    chain = _Chain(finds, known, start, frontier)
    while not chain.grow(replica) and chain.repair():
        pass
    return chain.trunk()


class _Chain:
    def __init__(
        self,
        finds: Finds,
        known: dict[int, list[list[bytes]]],
        start: int,
        frontier: Sequence[bytes],
    ) -> None:
        self._finds = finds
        self._known = known
        self._start = start
        self._frontier = list(frontier)
        self._clear()

    def _clear(self) -> None:
        self._ids = array("q")
        self._leaves = bytearray()
        self._proven = self._start
        self._first_bare: int | None = None  # index of the first unproven one without payload
        self._wrong: int | None = None  # the least size behind `_proven` whose root differs

    def grow(self, replica: bytes) -> bool:
        """Add what follows without a gap; returns whether all roots were met on the way."""
        self._clear()
        frontier, size = list(self._frontier), self._start
        for index, group in self._finds.by_index(replica, size):
            found = self._choose(group) if index == size else None
            if found is None:
                break
            self._ids.append(found.id)
            self._leaves += found.leaf
            merkle.append_leaf(frontier, size, found.leaf)
            size += 1
            if not found.is_whole and self._first_bare is None:
                self._first_bare = index
            if size in self._known:
                if any(_is_near(frontier, one) for one in self._known[size]):
                    self._proven, self._wrong, self._first_bare = size, None, None
                elif self._wrong is None:
                    self._wrong = size
        return self._wrong is None

    def _choose(self, group: list[Found]) -> Found | None:
        """The envelope of an index: the only one, or the only one that is whole, newest, no double.

        None where several are as good: two copies of a store wrote under one name.
        """
        for better in (
            lambda found: found.is_whole,
            lambda found: found.is_live,
            lambda found: not self._finds.has_double(found),
        ):
            group = [found for found in group if better(found)] or group
        return group[0] if len(group) == 1 else None

    def trunk(self) -> Trunk:
        """What of it is taken."""
        size = self._start + len(self._ids)
        for limit in (self._first_bare, self._proven if self._wrong is not None else None):
            size = size if limit is None else min(size, limit)
        return Trunk(self._ids[: size - self._start], size)

    def repair(self) -> bool:
        """Find the one header that makes the root wrong, and mend it; returns whether it did."""
        size = self._wrong
        assert size is not None
        if self._start or size > _REPAIR_TREE_MAX or size - self._proven > _REPAIR_ENVELOPES_MAX:
            return False
        tree = merkle.MerkleTree(size, self._leaf_range)
        wanted = {merkle.root(frontier) for frontier in self._known[size]}
        for index in range(self._proven, size):
            path = tree.inclusion(index)
            found = self._finds.of_id(self._ids[index])
            for header in _variants(self._finds, found):
                leaf = leaf_hash(header)
                if merkle.root_from_inclusion(leaf, index, size, path) in wanted:
                    self._finds.repair(found, header)
                    return True
        return False

    def _leaf_range(self, start: int, stop: int) -> Iterator[bytes]:
        for index in range(start, stop):
            yield bytes(self._leaves[index * _LEAF_BYTES : (index + 1) * _LEAF_BYTES])


def _variants(finds: Finds, found: Found) -> Iterator[bytes]:
    """Other headers of that index that were found, and the same with one bit changed."""
    header = bytearray(finds.envelope(found).header_bytes)
    _, group = next(finds.by_index(found.replica, found.index))
    others = [finds.envelope(one).header_bytes for one in group if one.id != found.id]
    yield from (other for other in others if len(other) == len(header))
    for bit in range(8 * len(header)):
        header[bit // 8] ^= 1 << bit % 8
        yield bytes(header)
        header[bit // 8] ^= 1 << bit % 8


def _is_near(one: list[bytes], other: list[bytes]) -> bool:
    """Whether two frontiers are one, save for a bit that flipped in the one that was stored."""
    if one == other:
        return True
    both = zip(one, other, strict=True)
    bits = sum((int.from_bytes(a) ^ int.from_bytes(b)).bit_count() for a, b in both)
    return bits == 1
