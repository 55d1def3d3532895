"""The Merkle tree of a feed: its frontier, and the proofs about it (RFC 6962, section 2.1).

The frontier is the list of roots of complete subtrees, largest first: one for each bit that is set
in the tree's size. So 64 hashes describe any feed. An append needs nothing else. Proofs are made
from the leaves on demand, and checked as in RFC 9162, section 2.1.
"""

from collections.abc import Callable, Iterable, Sequence

from eventtrack.hashing import sha256

# RFC 6962: the root of the empty tree is the hash of nothing.
EMPTY_ROOT = sha256(b"").digest()
_NODE_PREFIX = b"\x01"
# Roots of complete subtrees of this many leaves are kept; smaller subtrees are hashed anew.
TILE_LEAVES = 256
_TILE_LEVEL = TILE_LEAVES.bit_length() - 1


def append_leaf(frontier: list[bytes], size: int, leaf: bytes) -> bytes | None:
    """Add the leaf of index `size` to `frontier`, in place. Costs two hashes, amortised.

    Returns the root of the tile of `TILE_LEAVES` leaves that the leaf completes; None if it
    completes none.
    """
    node, tile, level = leaf, None, 0
    while size & 1:
        node = hash_children(frontier.pop(), node)
        size >>= 1
        level += 1
        if level == _TILE_LEVEL:
            tile = node
    frontier.append(node)
    return tile


def frontier_of(tiles: Iterable[bytes], leaves: Iterable[bytes]) -> list[bytes]:
    """The frontier of a tree, from tiles (complete subtrees of `TILE_LEAVES` leaves) and leaves.

    Args:
        tiles: The roots of the tree's first tiles, in order.
        leaves: The leaf hashes behind those tiles, in order.
    """
    frontier: list[bytes] = []
    size = 0
    for place, tile in enumerate(tiles):
        append_leaf(frontier, place, tile)
        size += TILE_LEAVES
    for place, leaf in enumerate(leaves, size):
        append_leaf(frontier, place, leaf)
    return frontier


def root(frontier: list[bytes]) -> bytes:
    """The root hash of the tree that `frontier` stands for."""
    if not frontier:
        return EMPTY_ROOT
    node = frontier[-1]
    for left in reversed(frontier[:-1]):
        node = hash_children(left, node)
    return node


def hash_children(left: bytes, right: bytes) -> bytes:
    """RFC 6962's hash of an inner node."""
    return sha256(_NODE_PREFIX + left + right).digest()


class MerkleTree:
    """The tree of a feed, for proofs. Its hashes are made from the leaves on demand.

    `leaves(start, stop)` yields the leaf hashes of that interval, in order. Roots of complete
    subtrees of `TILE_LEAVES` leaves or more are kept, so many proofs of one tree read each leaf
    about once.
    """

    def __init__(self, size: int, leaves: Callable[[int, int], Iterable[bytes]]) -> None:
        self.size = size
        self._leaves = leaves
        self._known: dict[tuple[int, int], bytes] = {}

    def root(self) -> bytes:
        """The root hash of the whole tree."""
        return self.node(0, self.size)

    def node(self, start: int, stop: int) -> bytes:
        """RFC 6962's MTH of the leaves `start` to `stop`; `start` must begin a subtree."""
        width = stop - start
        if width <= TILE_LEAVES:
            known = self._known.get((start, stop))
            if known is None:
                known = self._small(start, stop)
                if width == TILE_LEAVES:
                    self._known[start, stop] = known
            return known
        known = self._known.get((start, stop))
        if known is None:
            middle = start + _split(width)
            known = hash_children(self.node(start, middle), self.node(middle, stop))
            self._known[start, stop] = known
        return known

    def inclusion(self, index: int) -> list[bytes]:
        """The audit path of a leaf, from its sibling up (RFC 6962, section 2.1.1)."""
        if not 0 <= index < self.size:
            message = f"leaf {index} of a tree of {self.size}"
            raise IndexError(message)
        path = []
        start, stop = 0, self.size
        while stop - start > 1:
            middle = start + _split(stop - start)
            if index < middle:
                path.append(self.node(middle, stop))
                stop = middle
            else:
                path.append(self.node(start, middle))
                start = middle
        return path[::-1]

    def consistency(self, old: int) -> list[bytes]:
        """The proof that the first `old` leaves begin this tree (RFC 6962, section 2.1.2)."""
        if not 0 <= old <= self.size:
            message = f"the first {old} leaves of a tree of {self.size}"
            raise IndexError(message)
        path = []
        start, stop, whole = 0, self.size, True
        # An empty tree is a part of any tree, and a tree a part of itself, without proof.
        while 0 < old < stop:
            middle = start + _split(stop - start)
            if old <= middle:
                path.append(self.node(middle, stop))
                stop = middle
            else:
                path.append(self.node(start, middle))
                start, whole = middle, False
        if not whole:
            path.append(self.node(start, stop))
        return path[::-1]

    def _small(self, start: int, stop: int) -> bytes:
        frontier: list[bytes] = []
        for place, leaf in enumerate(self._leaves(start, stop)):
            append_leaf(frontier, place, leaf)
        return root(frontier)


def root_from_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that an audit path leads to; None for a path that fits no such tree."""
    if not 0 <= index < size:
        return None
    node, last = leaf, size - 1
    for sibling in path:
        if not last:
            return None
        if index & 1 or index == last:
            node = hash_children(sibling, node)
            while not index & 1 and index:
                index >>= 1
                last >>= 1
        else:
            node = hash_children(node, sibling)
        index >>= 1
        last >>= 1
    return None if last else node


def is_consistent(
    old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether `path` shows that the tree of `new` leaves extends that of `old` leaves."""
    if old == new:
        return not path and old_root == new_root
    if old == 0:
        return not path and old_root == EMPTY_ROOT
    if not 0 < old < new:
        return False
    # A complete subtree at the left edge is a node of both trees, and is not repeated in the path.
    hashes = [old_root, *path] if old & (old - 1) == 0 else list(path)
    if not hashes:
        return False
    index, last = old - 1, new - 1
    while index & 1:
        index >>= 1
        last >>= 1
    older = newer = hashes[0]
    for sibling in hashes[1:]:
        if not last:
            return False
        if index & 1 or index == last:
            older = hash_children(sibling, older)
            newer = hash_children(sibling, newer)
            while not index & 1 and index:
                index >>= 1
                last >>= 1
        else:
            newer = hash_children(newer, sibling)
        index >>= 1
        last >>= 1
    return not last and older == old_root and newer == new_root


def _split(width: int) -> int:
    """The largest power of two below `width`, at which RFC 6962 divides a tree."""
    return 1 << ((width - 1).bit_length() - 1)
