"""The check of a shared log notices everything that an engine may do to acknowledged blocks."""

from collections.abc import Sequence

import pytest

from eventtrack.log import merkle
from eventtrack.log.blocks import Block
from eventtrack.sharedlog.checking import LogCheck
from eventtrack.sharedlog.memory import MemorySharedLog, Shelf
from eventtrack.sharedlog.protocol import Description
from tests.contracts.shared_log import Writer

Summary = list[tuple[str, str, int, int, int]]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf(Description("0" * 32, 0))


def faults(shelf: Shelf) -> Summary:
    """The faults of the log on a shelf, without their words."""
    every = LogCheck(MemorySharedLog(shelf)).run()
    return [(fault.kind, fault.feed, fault.first, fault.stop, fault.place) for fault in every]


def fill(shelf: Shelf, writers: Sequence[Writer], count: int = 4) -> list[Block]:
    """Blocks of two envelopes of several writers, one after the other."""
    log = MemorySharedLog(shelf)
    lasts = dict.fromkeys(writers, 0)
    blocks = []
    for _ in range(count):
        for writer in writers:
            block = writer.block()
            lasts[writer] = log.append(block, last=lasts[writer])
            blocks.append(block)
    return blocks


def name(writer: Writer) -> str:
    """The feed of a writer."""
    return writer.log.replica.hex()


def test_a_sound_log_has_no_faults(shelf: Shelf) -> None:
    ada, ben = Writer("ada"), Writer("ben")
    fill(shelf, [ada, ben])
    check = LogCheck(MemorySharedLog(shelf))
    assert check.run() == []
    assert {chain.replica: (chain.size, chain.last) for chain in check.tips()} == {
        ada.log.replica: (8, 7),
        ben.log.replica: (8, 8),
    }
    [chain] = check.chains[ada.log.replica]
    for size in (0, 1, 2, 5, 8):
        assert check.known_root(chain, size) == merkle.root(ada.log.frontier(ada.log.replica, size))


def test_a_lost_block_is_named_with_feed_and_place(shelf: Shelf) -> None:
    ada, ben = Writer("ada"), Writer("ben")
    fill(shelf, [ada, ben])
    shelf.places[2] = (None, False)
    assert faults(shelf) == [("lost", name(ada), 2, 4, 1)]


def test_an_altered_byte_is_named_with_feed_and_place(shelf: Shelf) -> None:
    ada = Writer("ada")
    blocks = fill(shelf, [ada])
    data = bytearray(blocks[1].data)
    data[-100] ^= 1
    shelf.places[1] = (Block(blocks[1].header, blocks[1].envelopes, bytes(data)), False)
    assert faults(shelf) == [("damaged", name(ada), 2, 4, 2)]
    shelf.places[1] = (Block(blocks[1].header, [], b"no block at all"), False)
    assert faults(shelf) == [("damaged", "", 0, 0, 2)]


def test_a_payload_that_was_changed_with_its_checksum_is_noticed(shelf: Shelf) -> None:
    ada = Writer("ada")
    block = fill(shelf, [ada])[1]
    envelopes = [*block.envelopes]
    envelopes[0] = envelopes[0][:-1] + b"!"
    from eventtrack.log import blocks as layout

    forged = Block(block.header, envelopes, layout._encode(block.header, envelopes))
    shelf.places[1] = (forged, False)
    assert faults(shelf) == [("damaged", name(ada), 2, 4, 2)]


def test_a_block_that_is_there_twice_is_named(shelf: Shelf) -> None:
    ada, ben = Writer("ada"), Writer("ben")
    blocks = fill(shelf, [ada, ben])
    shelf.places.append((blocks[2], False))
    shelf.places.append((ada.again(1, 2), False))
    assert faults(shelf) == [
        ("doubled", name(ada), 1, 3, 10),
        ("doubled", name(ada), 2, 4, 9),
    ]


def test_blocks_in_another_order_are_named(shelf: Shelf) -> None:
    ada = Writer("ada")
    fill(shelf, [ada])
    shelf.places[1], shelf.places[2] = shelf.places[2], shelf.places[1]
    assert faults(shelf) == [("reordered", name(ada), 4, 6, 2)]


def test_a_block_of_another_history_is_named(shelf: Shelf) -> None:
    ada, clone = Writer("ada"), Writer("ada")
    fill(shelf, [ada], 2)
    clone.block()
    shelf.places[1] = (clone.block(text="other"), False)
    shelf.places.append((ada.block(), False))
    assert faults(shelf) == [("altered", name(ada), 4, 6, 3)]


def test_two_ends_of_a_feed_are_no_fault(shelf: Shelf) -> None:
    ada, clone = Writer("ada"), Writer("ada")
    fill(shelf, [ada], 3)
    clone.block()
    clone.block(text="there")
    shelf.places.append((clone.again(2, 2), False))
    shelf.places.append((clone.block(text="there"), False))
    check = LogCheck(MemorySharedLog(shelf))
    assert check.run() == []
    assert [(chain.first, chain.size, chain.last) for chain in check.tips()] == [
        (0, 6, 3),
        (2, 6, 5),
    ]


@pytest.mark.parametrize("lost", [[0], [0, 1], [1, 2], [0, 2]])
def test_each_missing_part_is_named_once(shelf: Shelf, lost: list[int]) -> None:
    ada = Writer("ada")
    fill(shelf, [ada])
    for index in lost:
        shelf.places[index] = (None, False)
    missing = sorted(
        envelope for _, _, first, stop, _ in faults(shelf) for envelope in range(first, stop)
    )
    assert missing == sorted(2 * index + part for index in lost for part in (0, 1))
