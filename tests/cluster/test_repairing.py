"""What an engine lost or altered is restored from copies, and from nothing that was not there."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.clock import ManualClock
from eventtrack.cluster.copies import Copy, LogCopy
from eventtrack.cluster.moving import move_into, move_out
from eventtrack.cluster.repairing import lacking, repair
from eventtrack.errors import VerificationError
from eventtrack.ids import SeededIds
from eventtrack.log import files
from eventtrack.log.blocks import Block
from eventtrack.sharedlog.checking import LogCheck
from eventtrack.sharedlog.memory import MemorySharedLog, Shelf
from eventtrack.sharedlog.protocol import Description
from eventtrack.store import Store
from eventtrack.sync.peer import StoreRemote
from tests.contracts.shared_log import Writer, bytes_of, everything

NOW_MS = 1_700_000_000_000


@pytest.fixture
def shelf() -> Shelf:
    """A log of two writers."""
    shelf = Shelf(Description("0" * 32, 0))
    log = MemorySharedLog(shelf)
    writers = {Writer("ada"): 0, Writer("ben"): 0}
    for _ in range(4):
        for writer, last in writers.items():
            writers[writer] = log.append(writer.block(), last=last)
    return shelf


@pytest.fixture
def log(shelf: Shelf) -> MemorySharedLog:
    """The log as its engine has it."""
    return MemorySharedLog(shelf)


@pytest.fixture
def cache(log: MemorySharedLog, tmp_path: Path) -> Iterator[Copy]:
    """A server's cache of the whole log."""
    folder = tmp_path / "cache"
    files.prepare(folder, create=True)
    store = Store(folder, create=False, clock=ManualClock(NOW_MS), ids=SeededIds("cache"))
    move_out(log, store.replication)
    yield Copy("the cache", StoreRemote(store), is_cache=True)
    store.close()


def forged(block: Block) -> Block:
    """The block with a flipped bit in its last payload."""
    data = bytearray(block.data)
    data[-40] ^= 1
    return Block(block.header, block.envelopes, bytes(data))


@pytest.mark.parametrize("lost", [[2], [0], [0, 1], [2, 4], [1, 2, 3, 4, 5, 6], [7], [5, 7]])
def test_lost_blocks_come_back_from_a_cache(
    shelf: Shelf, log: MemorySharedLog, cache: Copy, lost: list[int]
) -> None:
    before = everything(log)
    for index in lost:
        shelf.places[index] = (None, False)
    report = repair(log, [cache])
    assert report.left == []
    check = LogCheck(log)
    assert check.run() == []
    assert lacking(check, cache) == []
    if lost in ([2], [0], [0, 1]):  # neighbours become one block; ends of feeds come at the end
        assert everything(log) == before


def test_without_a_copy_the_faults_are_left_and_nothing_is_changed(
    shelf: Shelf, log: MemorySharedLog
) -> None:
    shelf.places[2] = (None, False)
    before = everything(log)
    report = repair(log, [])
    assert [fault.kind for _, fault in report.left] == ["lost"]
    assert report.mended == []
    assert everything(log) == before


@pytest.mark.parametrize("place", [3, 8])
def test_a_damaged_block_is_restored(
    shelf: Shelf, log: MemorySharedLog, cache: Copy, place: int
) -> None:
    block, decides = shelf.places[place - 1]
    assert block is not None
    shelf.places[place - 1] = (forged(block), decides)
    assert [fault.place for fault in LogCheck(log).run()] == [place]
    assert repair(log, [cache]).left == []
    check = LogCheck(log)
    assert check.run() == []
    assert lacking(check, cache) == []


def test_doubled_and_reordered_blocks_are_put_right(
    shelf: Shelf, log: MemorySharedLog, cache: Copy
) -> None:
    before = everything(log)
    shelf.places[2], shelf.places[4] = shelf.places[4], shelf.places[2]
    shelf.places.append(shelf.places[1])
    assert {fault.kind for fault in LogCheck(log).run()} == {"doubled", "reordered"}
    assert repair(log, []).left == []
    assert everything(log) == before


def test_a_block_of_another_history_is_replaced(
    shelf: Shelf, log: MemorySharedLog, cache: Copy
) -> None:
    before = everything(log)
    clone = Writer("ada")
    clone.block()
    shelf.places[2] = (clone.block(text="other"), False)
    assert [fault.kind for fault in LogCheck(log).run()] == ["altered"]
    assert repair(log, [cache]).left == []
    assert everything(log) == before


def test_a_log_that_was_rolled_back_gets_its_end_back(
    shelf: Shelf, log: MemorySharedLog, cache: Copy
) -> None:
    del shelf.places[3:]
    check = LogCheck(log)
    assert check.run() == []  # alone it looks whole
    missing = lacking(check, cache)
    assert sorted((fault.kind, fault.first, fault.stop) for fault in missing) == [
        ("lost", 2, 8),
        ("lost", 4, 8),
    ]
    report = repair(log, [cache])
    assert report.appended == 10
    assert report.left == []
    check = LogCheck(log)
    assert check.run() == []
    assert lacking(check, cache) == []


def test_a_copy_with_other_contents_brings_nothing_in(
    shelf: Shelf, log: MemorySharedLog, tmp_path: Path
) -> None:
    other = Shelf(Description("1" * 32, 0))
    clone, last = Writer("ada"), 0
    for _ in range(4):
        last = MemorySharedLog(other).append(clone.block(text="other"), last=last)
    check = LogCheck(MemorySharedLog(other))
    check.run()
    shelf.places[2] = (None, False)
    before = everything(log)
    report = repair(log, [Copy("another log", LogCopy(check))])
    assert [fault.kind for _, fault in report.left] == ["lost"]
    assert everything(log) == before


def test_a_log_moves_into_a_store_and_into_another_log(log: MemorySharedLog, cache: Copy) -> None:
    target = MemorySharedLog(Shelf(Description("1" * 32, 0)))
    assert move_into(target, cache, None).envelopes == 16
    assert move_into(target, cache, None).envelopes == 0
    check = LogCheck(log)
    check.run()
    again = MemorySharedLog(Shelf(Description("2" * 32, 0)))
    assert move_into(again, Copy("the log", LogCopy(check)), None).envelopes == 16
    assert bytes_of(everything(again)) == bytes_of(everything(log))
    for moved in (target, again):
        assert lacking(_checked(moved), cache) == []


def test_a_move_that_was_stopped_goes_on(log: MemorySharedLog, cache: Copy) -> None:
    target = MemorySharedLog(Shelf(Description("1" * 32, 0)))
    for entry in everything(log)[:3]:
        block = Block.decode(entry.data)
        last = 1 if block.header.first else 0
        target.append(block, last=last)
    assert move_into(target, cache, None).envelopes == 10
    assert lacking(_checked(target), cache) == []


def test_a_log_with_faults_is_not_moved(
    shelf: Shelf, log: MemorySharedLog, cache: Copy, tmp_path: Path
) -> None:
    shelf.places[2] = (None, False)
    with pytest.raises(VerificationError, match="1 of its parts"):
        move_into(log, cache, None)


def _checked(log: MemorySharedLog) -> LogCheck:
    check = LogCheck(log)
    assert check.run() == []
    return check
