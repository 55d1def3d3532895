"""The frontier stands for the tree of RFC 6962, whatever its size."""

import hashlib

import pytest

from eventtrack.events.envelope import leaf_hash
from eventtrack.log import merkle
from tests.contracts.event_log import tree_hash


def leaves(count: int) -> list[bytes]:
    return [leaf_hash(str(place).encode()) for place in range(count)]


def frontier(hashes: list[bytes]) -> list[bytes]:
    found: list[bytes] = []
    for size, leaf in enumerate(hashes):
        merkle.append_leaf(found, size, leaf)
    return found


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert merkle.root([]) == hashlib.sha256(b"").digest()


def test_the_root_of_one_leaf_is_the_leaf() -> None:
    assert merkle.root(frontier(leaves(1))) == leaves(1)[0]


def test_roots_are_those_of_the_recursive_definition() -> None:
    hashes = leaves(130)
    for size in range(1, 131):
        assert merkle.root(frontier(hashes[:size])) == tree_hash(hashes[:size])


def test_roots_are_those_of_the_certificate_transparency_test_vectors() -> None:
    """The inputs and roots that RFC 6962's reference implementation is tested with."""
    inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657",
              "606162636465666768696a6b6c6d6e6f"]  # fmt: skip
    hashes = [leaf_hash(bytes.fromhex(text)) for text in inputs]
    assert merkle.root(frontier(hashes[:1])).hex() == (
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    )
    assert merkle.root(frontier(hashes[:3])).hex() == (
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"
    )
    assert merkle.root(frontier(hashes)).hex() == (
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"
    )


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 9, 64, 100, 127])
def test_a_frontier_is_one_hash_for_each_bit_of_the_size(size: int) -> None:
    assert len(frontier(leaves(size))) == size.bit_count()


@pytest.mark.parametrize("changed", range(7))
def test_every_leaf_counts(changed: int) -> None:
    hashes = leaves(7)
    before = merkle.root(frontier(hashes))
    hashes[changed] = leaf_hash(b"another")
    assert merkle.root(frontier(hashes)) != before


def test_a_node_is_never_taken_for_a_leaf() -> None:
    left, right = leaves(2)
    assert merkle.hash_children(left, right) != leaf_hash(left + right)


def tree(count: int) -> merkle.MerkleTree:
    hashes = leaves(count)
    return merkle.MerkleTree(count, lambda start, stop: hashes[start:stop])


def subproof(old: int, hashes: list[bytes], *, whole: bool) -> list[bytes]:
    """RFC 6962, section 2.1.2, word for word."""
    count = len(hashes)
    if old == count:
        return [] if whole else [tree_hash(hashes)]
    middle = 1
    while middle * 2 < count:
        middle *= 2
    if old <= middle:
        return [*subproof(old, hashes[:middle], whole=whole), tree_hash(hashes[middle:])]
    return [
        *subproof(old - middle, hashes[middle:], whole=False),
        tree_hash(hashes[:middle]),
    ]


def audit_path(index: int, hashes: list[bytes]) -> list[bytes]:
    """RFC 6962, section 2.1.1, word for word."""
    if len(hashes) == 1:
        return []
    middle = 1
    while middle * 2 < len(hashes):
        middle *= 2
    if index < middle:
        return [*audit_path(index, hashes[:middle]), tree_hash(hashes[middle:])]
    return [*audit_path(index - middle, hashes[middle:]), tree_hash(hashes[:middle])]


@pytest.mark.parametrize("size", [*range(1, 34), 255, 256, 257, 511, 513, 700])
def test_every_leaf_is_proved_and_no_other(size: int) -> None:
    hashes = leaves(size)
    whole = tree(size)
    for index in range(0, size, 1 if size < 40 else 37):
        path = whole.inclusion(index)
        assert path == audit_path(index, hashes)
        assert merkle.root_from_inclusion(hashes[index], index, size, path) == whole.root()
        assert merkle.root_from_inclusion(b"x" * 32, index, size, path) != whole.root()
        for wrong in (index - 1, index + 1):
            assert merkle.root_from_inclusion(hashes[index], wrong, size, path) != whole.root()
        for place in range(len(path)):
            short = path[:place] + path[place + 1 :]
            assert merkle.root_from_inclusion(hashes[index], index, size, short) is None
        longer = [*path, b"y" * 32]
        assert merkle.root_from_inclusion(hashes[index], index, size, longer) is None


@pytest.mark.parametrize("size", [*range(1, 34), 255, 256, 257, 600])
def test_every_earlier_head_is_proved_and_no_other(size: int) -> None:
    hashes = leaves(size)
    whole = tree(size)
    for old in range(1, size + 1, 1 if size < 40 else 29):
        path = whole.consistency(old)
        old_root = tree_hash(hashes[:old])
        assert path == subproof(old, hashes, whole=True)
        assert merkle.is_consistent(old, old_root, size, whole.root(), path)
        assert not merkle.is_consistent(old, b"x" * 32, size, whole.root(), path)
        assert not merkle.is_consistent(old, old_root, size, b"x" * 32, path)
        assert not merkle.is_consistent(old, old_root, size, whole.root(), [*path, old_root])
        for place in range(len(path)):
            changed = [*path[:place], b"y" * 32, *path[place + 1 :]]
            assert not merkle.is_consistent(old, old_root, size, whole.root(), changed)
            short = path[:place] + path[place + 1 :]
            assert not merkle.is_consistent(old, old_root, size, whole.root(), short)


def test_the_empty_tree_is_a_part_of_every_tree_and_of_no_other() -> None:
    assert tree(3).consistency(0) == []
    assert merkle.is_consistent(0, merkle.EMPTY_ROOT, 3, tree(3).root(), [])
    assert not merkle.is_consistent(0, tree(1).root(), 3, tree(3).root(), [])
    assert not merkle.is_consistent(3, tree(3).root(), 0, merkle.EMPTY_ROOT, [])


def test_leaves_that_are_not_there_have_no_proof() -> None:
    for index in (-1, 3):
        with pytest.raises(IndexError, match="of a tree of 3"):
            tree(3).inclusion(index)
    with pytest.raises(IndexError, match="the first 4 leaves"):
        tree(3).consistency(4)


def test_many_proofs_of_a_tree_read_each_leaf_about_once() -> None:
    hashes, read = leaves(5000), [0]

    def counted(start: int, stop: int) -> list[bytes]:
        read[0] += stop - start
        return hashes[start:stop]

    whole = merkle.MerkleTree(5000, counted)
    whole.root()
    assert read[0] == 5000
    for index in range(0, 5000, 500):
        whole.inclusion(index)
    # Each path reads the leaves of one block of 256 again, and those right of the last block.
    assert read[0] <= 5000 + 10 * 512
