"""Feeds rebuilt envelope by envelope, and checked against every root that survived.

A header carries no checksum; the Merkle tree of its feed proves it. The table `heads` has the
frontier after each commit, and old copies of its pages often survive beside the newest. If a root
differs, the repair tries to flip single bits: the root tells which bit was wrong.
"""

from array import array
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from eventtrack.events.envelope import leaf_hash
from eventtrack.log import merkle
from eventtrack.rescue.finds import Find, Finds

_LEAF_BYTES = 32
# With more envelopes or larger trees, the search for a flipped bit would take minutes.
_REPAIR_ENVELOPES_MAX = 512
_REPAIR_TREE_MAX = 2**16


class Trunk(NamedTuple):
    """The rebuilt beginning of a feed: the ids of its new envelopes, and its size."""

    ids: "array[int]"
    size: int


class Roots:
    """The surviving frontiers of feeds, by size.

    `branches` are the feeds that are known to be other ends of a feed.
    """

    def __init__(self) -> None:
        self._heads: dict[bytes, dict[int, list[list[bytes]]]] = {}
        self._live: dict[bytes, int] = {}
        self.branches: set[bytes] = set()

    def add(self, feed: bytes, size: int, frontier: list[bytes], *, is_live: bool) -> None:
        """Note a frontier, unless it is damaged: no tree of that size can have it."""
        if len(frontier) == size.bit_count() and {*map(len, frontier)} == {_LEAF_BYTES}:
            known = self._heads.setdefault(feed, {}).setdefault(size, [])
            if frontier not in known:
                known.append(frontier)
            if is_live:
                self._live[feed] = max(size, self._live.get(feed, 0))

    def feeds(self) -> list[bytes]:
        """The feeds that have surviving frontiers."""
        return [*self._heads]

    def size(self, feed: bytes) -> int:
        """A feed's size in the newest state, else its greatest surviving size, else 0."""
        return self._live.get(feed) or max(self._heads.get(feed, {0: []}))

    def of(self, feed: bytes) -> dict[int, list[list[bytes]]]:
        """The frontiers of a feed by size."""
        return self._heads.get(feed, {})


def trunk_of(
    finds: Finds, replica: bytes, roots: Roots, start: int = 0, frontier: Sequence[bytes] = ()
) -> Trunk:
    """The envelopes of a feed that can follow its first `start` envelopes without a gap.

    A header without its payload is only taken if a root proves it. If the headers do not make a
    root that was written, nothing behind the last right root is taken.
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
        self._first_bare: int | None = None  # index of the first unproven header without payload
        self._wrong: int | None = None  # the least size behind `_proven` whose root differs

    def grow(self, replica: bytes) -> bool:
        """Add envelopes up to the first gap; returns whether all roots on the way were right."""
        self._clear()
        frontier, size = list(self._frontier), self._start
        for index, group in self._finds.by_index(replica, size):
            find = self._choose(group) if index == size else None
            if find is None:
                break
            self._ids.append(find.id)
            self._leaves += find.leaf
            merkle.append_leaf(frontier, size, find.leaf)
            size += 1
            if not find.is_whole and self._first_bare is None:
                self._first_bare = index
            if size in self._known:
                if any(_is_near(frontier, known) for known in self._known[size]):
                    self._proven, self._wrong, self._first_bare = size, None, None
                elif self._wrong is None:
                    self._wrong = size
        return self._wrong is None

    def _choose(self, group: list[Find]) -> Find | None:
        """The best envelope of an index: whole before damaged, live before old, no double.

        None if several are equally good: two copies of a store wrote under one name.
        """
        for better in (
            lambda find: find.is_whole,
            lambda find: find.is_live,
            lambda find: not self._finds.has_double(find),
        ):
            group = [find for find in group if better(find)] or group
        return group[0] if len(group) == 1 else None

    def trunk(self) -> Trunk:
        """The part of the chain that is taken."""
        size = self._start + len(self._ids)
        for limit in (self._first_bare, self._proven if self._wrong is not None else None):
            size = size if limit is None else min(size, limit)
        return Trunk(self._ids[: size - self._start], size)

    def repair(self) -> bool:
        """Find the single header that makes the root wrong, and mend it; returns whether it did."""
        size = self._wrong
        assert size is not None
        if self._start or size > _REPAIR_TREE_MAX or size - self._proven > _REPAIR_ENVELOPES_MAX:
            return False
        tree = merkle.MerkleTree(size, self._leaf_range)
        wanted = {merkle.root(frontier) for frontier in self._known[size]}
        for index in range(self._proven, size):
            path = tree.inclusion(index)
            find = self._finds.of_id(self._ids[index])
            for header in _variants(self._finds, find):
                leaf = leaf_hash(header)
                if merkle.root_from_inclusion(leaf, index, size, path) in wanted:
                    self._finds.repair(find, header)
                    return True
        return False

    def _leaf_range(self, start: int, stop: int) -> Iterator[bytes]:
        for index in range(start, stop):
            yield bytes(self._leaves[index * _LEAF_BYTES : (index + 1) * _LEAF_BYTES])


def _variants(finds: Finds, find: Find) -> Iterator[bytes]:
    """Headers to try for a damaged header: others of its index, and itself with one bit flipped."""
    header = bytearray(finds.envelope(find).header_bytes)
    _, group = next(finds.by_index(find.replica, find.index))
    others = [finds.envelope(other).header_bytes for other in group if other.id != find.id]
    yield from (other for other in others if len(other) == len(header))
    for bit in range(8 * len(header)):
        header[bit // 8] ^= 1 << bit % 8
        yield bytes(header)
        header[bit // 8] ^= 1 << bit % 8


def _is_near(built: list[bytes], stored: list[bytes]) -> bool:
    """Whether two frontiers are equal, or differ in one bit, which flipped in the stored one."""
    if built == stored:
        return True
    both = zip(built, stored, strict=True)
    bits = sum((int.from_bytes(a) ^ int.from_bytes(b)).bit_count() for a, b in both)
    return bits == 1
