"""The Merkle tree of a feed, kept as its frontier (RFC 6962, section 2.1).

The frontier is the list of roots of complete subtrees, largest first: one for each bit set in
the tree's size, so 64 hashes describe any feed. It is all that an append needs.
"""

import hashlib

# RFC 6962: the root of the empty tree is the hash of nothing.
EMPTY_ROOT = hashlib.sha256(b"").digest()
_NODE_PREFIX = b"\x01"


def append_leaf(frontier: list[bytes], size: int, leaf: bytes) -> None:
    """Add the leaf of index `size` to `frontier`, in place. Amortised two hashes."""
    node = leaf
    while size & 1:
        node = hash_children(frontier.pop(), node)
        size >>= 1
    frontier.append(node)


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
    return hashlib.sha256(_NODE_PREFIX + left + right).digest()
