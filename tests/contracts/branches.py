"""What every event log promises of feeds that two copies wrote to."""

import pytest

from eventtrack.clock import ManualClock
from eventtrack.errors import ConflictError
from eventtrack.events.envelope import SALT_BYTES, Envelope, seal
from eventtrack.log import merkle
from eventtrack.log.feeds import Branch
from eventtrack.log.protocol import EventLog, LogTransaction
from tests.contracts.event_log import foreign_feed, point, receive, tree_hash


class BranchContract:
    """A backend subclasses this and supplies `log` and `clock`."""

    def test_a_feed_that_two_copies_wrote_has_two_ends(
        self, log: EventLog, clock: ManualClock
    ) -> None:
        first = foreign_feed(600, clock=clock)
        other = Envelope(first[0]).header.replica
        second = [*first[:300], *(rewritten(data) for data in first[300:500])]
        receive(log, *first)

        def branch(txn: LogTransaction) -> bytes:
            feed = txn.begin_branch(other, second[300])
            for data in second[300:]:
                assert txn.append_foreign(data, feed) is not None
            assert txn.append_foreign(second[10], feed) is None
            return feed

        feed = log.transact(branch)
        assert log.branches() == {feed: Branch(other, other, 300)}
        assert [one.data for one in every(log, feed)] == second
        assert [one.data for one in every(log, other)] == first
        leaves = [Envelope(data).leaf_hash for data in second]
        for size in (0, 1, 255, 256, 300, 301, 500):
            assert merkle.root(log.frontier(feed, size)) == tree_hash(leaves[:size])
        assert log.heads()[feed].root == tree_hash(leaves)
        assert log.heads()[other].size == 600
        assert log.locate(feed, 299) == log.locate(other, 299) == 300
        assert log.locate_all(other, 299) == [300]
        assert log.locate_all(other, 300) == [301, 601]
        with pytest.raises(ConflictError):
            log.transact(lambda txn: txn.append_foreign(first[301], feed))

    def test_a_branch_that_is_begun_again_stays_as_it_is(
        self, log: EventLog, clock: ManualClock
    ) -> None:
        first = foreign_feed(20, clock=clock)
        other = Envelope(first[0]).header.replica
        second = [rewritten(data) for data in first[10:]]
        receive(log, *first)

        def branch(txn: LogTransaction) -> list[Envelope | None]:
            feed = txn.begin_branch(other, second[0])
            return [txn.append_foreign(data, feed) for data in second]

        assert all(log.transact(branch))
        heads = log.heads()
        assert not any(log.transact(branch))
        assert log.heads() == heads
        assert log.head() == 30


def every(log: EventLog, feed: bytes) -> list[Envelope]:
    """A whole feed, however much of it is read at a time."""
    found: list[Envelope] = []
    while part := log.read_feed(feed, len(found), 1000):
        found += part
    return found


def rewritten(data: bytes, copy: int = 0) -> bytes:
    """What another copy, told from others by its number, might have written in its place."""
    header = Envelope(data).header
    found, _ = seal(
        point(-header.index),
        replica=header.replica,
        index=header.index,
        recorded=header.recorded,
        session=header.session,
        salt=copy.to_bytes(SALT_BYTES, "big"),
    )
    return found
