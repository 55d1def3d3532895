"""What comes from elsewhere is verified before any of it is committed."""

import contextlib
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from eventtrack.clock import ManualClock
from eventtrack.errors import ChecksumError, ConflictError, EventtrackError, ForkError
from eventtrack.events.envelope import Envelope
from eventtrack.log import merkle
from eventtrack.log.blocks import Block, _encode
from eventtrack.log.lmdb_log import LmdbLog
from eventtrack.store import Store
from eventtrack.sync import importing
from eventtrack.sync.importing import Importer
from tests.contracts.branches import rewritten
from tests.contracts.event_log import foreign_feed
from tests.sync.machines import block_of, envelopes, machine, memory, record_run


def rebuilt(block: Block, **changes: object) -> Block:
    """A block with other claims in its header, and a checksum that fits them."""
    header = msgspec.structs.replace(block.header, **changes)
    return Block.decode(_encode(header, block.envelopes))


def refusal(store: Store, *blocks: Block) -> EventtrackError:
    """What the importer says of blocks that it must not take; nothing of them is written."""
    before = envelopes(store)
    importer = Importer(store.replication)
    for block in blocks:
        importer.add(block)
    importer.flush()
    [error] = importer.refused.values()
    assert error.hint
    assert envelopes(store) == before
    return error


def take(store: Store, *blocks: Block) -> int:
    """Import blocks; returns how many envelopes were new."""
    importer = Importer(store.replication)
    for block in blocks:
        importer.add(block)
    importer.flush()
    assert not importer.refused
    return importer.received.envelopes


def test_blocks_may_overlap_what_is_here(one: Store, two: Store) -> None:
    record_run(one)
    assert take(two, block_of(one, 0, 3)) == 3
    assert take(two, block_of(one, 1, 5), block_of(one, 0, 2), block_of(one, 3, 6)) == 3
    assert take(two, block_of(one, 0, 6)) == 0
    assert (
        envelopes(two).items()
        >= {key: data for key, data in envelopes(one).items() if key[1] < 6}.items()
    )


def test_a_block_behind_a_gap_is_refused(one: Store, two: Store) -> None:
    record_run(one)
    assert type(refusal(two, block_of(one, 2, 3))) is ConflictError


def test_a_block_that_does_not_extend_the_feed_is_refused(
    one: Store, two: Store, tmp_path: Path
) -> None:
    record_run(one)
    take(two, block_of(one, 0, 2))
    assert type(refusal(two, rebuilt(block_of(one, 2, 4), root=bytes(32)))) is ChecksumError
    other = rebuilt(block_of(one, 2, 4), frontier=[bytes(32)])
    assert type(refusal(two, other)) is ForkError


def test_a_block_of_another_feed_than_it_says_is_refused(one: Store, two: Store) -> None:
    record_run(one)
    assert type(refusal(two, rebuilt(block_of(one, 0, 2), replica=b"r" * 16))) is ChecksumError


def test_a_block_whose_envelopes_change_places_is_refused(one: Store, two: Store) -> None:
    record_run(one)
    block = block_of(one, 0, 3)
    swapped = Block.decode(_encode(block.header, [block.envelopes[place] for place in (0, 2, 1)]))
    assert type(refusal(two, swapped)) is ChecksumError


def test_a_refused_feed_does_not_keep_another_out(one: Store, two: Store, three: Store) -> None:
    record_run(one)
    record_run(two)
    importer = Importer(three.replication)
    importer.add(block_of(one, 0, 2))
    importer.add(rebuilt(block_of(one, 2, 4), root=bytes(32)))
    importer.add(block_of(two, 0, 3))
    importer.flush()
    importer.add(block_of(one, 4, 5))
    importer.flush()
    assert importer.refused.keys() == {one.replication.log.replica}
    assert three.replication.heads()[two.replication.log.replica].size == 3
    assert one.replication.log.replica not in three.replication.heads()


def test_much_is_committed_in_parts(
    one: Store, two: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("eventtrack.sync.importing.IMPORT_COMMIT_BYTES_MAX", 1)
    record_run(one)
    importer = Importer(two.replication)
    importer.add(block_of(one, 0, 2))
    assert two.replication.log.heads()[one.replication.log.replica].size == 2
    importer.add(rebuilt(block_of(one, 2, 4), root=bytes(32)))
    assert two.replication.log.heads()[one.replication.log.replica].size == 2


def test_a_machine_with_a_clock_far_ahead_is_taken(one: Store, tmp_path: Path) -> None:
    ahead = machine(tmp_path / "ahead", clock=ManualClock(2_700_000_000_000))
    run_id = record_run(ahead)
    take(one, *[block_of(ahead, 0, 4)])
    assert one.runs.get(run_id).info.run_name == "run"
    ahead.close()


# The ends of a feed that was written several times: how much of which end each shares.
FEED_SIZE = 12
FORKS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, FEED_SIZE - 1)), min_size=1, max_size=4
)
PARTS = st.lists(
    st.tuples(
        st.integers(0, 4), st.integers(0, FEED_SIZE - 1), st.integers(1, FEED_SIZE), st.booleans()
    ),
    max_size=8,
)


def ends_of(forks: list[tuple[int, int]]) -> list[list[bytes]]:
    """Every end of a feed, each whole from its beginning."""
    ends = [foreign_feed(FEED_SIZE)]
    for number, (other, shared) in enumerate(forks, 1):
        end = ends[other % len(ends)]
        ends.append([*end[:shared], *(rewritten(data, number) for data in end[shared:])])
    return ends


def part_of(
    end: list[bytes], first: int = 0, count: int = FEED_SIZE, *, bare: bool = False
) -> Block:
    """Some envelopes of an end as one block, or only their headers."""
    ones = [Envelope(data) for data in end]
    if bare:
        ones = [Envelope(one.without_payload) for one in ones]
    frontier = merkle.frontier_of([], [one.leaf_hash for one in ones[:first]])
    return Block.make(ones[0].header.replica, first, frontier, ones[first : first + count])


@settings(max_examples=60)
@given(forks=FORKS, parts=PARTS, order=st.permutations(range(5)))
def test_ends_that_come_in_any_parts_and_order_are_stored_once(
    forks: list[tuple[int, int]], parts: list[tuple[int, int, int, bool]], order: list[int]
) -> None:
    ends = ends_of(forks)
    with tempfile.TemporaryDirectory(dir=memory()) as folder:
        log = LmdbLog(Path(folder))
        for end, first, count, bare in parts:
            block = part_of(ends[end % len(ends)], first, count, bare=bare)
            with contextlib.suppress(ConflictError, ForkError):  # what comes before is not here
                log.transact(partial(importing.take, block=block))
        whole = [part_of(ends[end]) for end in order if end < len(ends)]
        for block in whole:
            log.transact(partial(importing.take, block=block))
        stored = [one.data for one in log.read(0, 10**6)]
        assert Counter(stored) == Counter({data for end in ends for data in end})
        roots = {block.header.root for block in whole}
        assert {head.root for head in log.heads().values()} == roots
        assert not log.unfilled()
        log.close()
