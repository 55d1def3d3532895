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
