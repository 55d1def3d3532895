"""What every event log promises, written once; `tests/log/test_contract.py` names the backends."""

import hashlib
from collections.abc import Sequence

import pytest

from eventtrack.clock import ManualClock
from eventtrack.errors import ChecksumError, ConflictError
from eventtrack.events.envelope import SALT_BYTES, Draft, Envelope, seal
from eventtrack.events.reading import events_of
from eventtrack.events.types import MetricLogged
from eventtrack.ids import SeededIds
from eventtrack.limits import CLOCK_DRIFT_MAX_MS, CLOCK_WRONG_MS
from eventtrack.log import merkle
from eventtrack.log.memory import MemoryLog
from eventtrack.log.protocol import EventLog, LogTransaction

SESSION = b"s" * 16
RUN = "run/" + "1" * 32
NOW_MS = 1_700_000_000_000


def point(step: int, stream: str = RUN) -> Draft:
    """One metric point, told from the others by its step."""
    return Draft.of(stream, MetricLogged("loss", 0.5, step, NOW_MS))


def append(log: EventLog, *drafts: Draft) -> list[Envelope]:
    """Append drafts in one transaction."""
    return log.transact(lambda txn: [txn.append(draft, SESSION) for draft in drafts])


def receive(log: EventLog, *envelopes: bytes) -> list[Envelope | None]:
    """Append other replicas' envelopes in one transaction."""
    return log.transact(lambda txn: [txn.append_foreign(data) for data in envelopes])


def foreign_feed(
    count: int, seed: str = "foreign", clock: ManualClock | None = None
) -> list[bytes]:
    """The envelopes of another replica."""
    log = MemoryLog(clock=clock or ManualClock(NOW_MS), ids=SeededIds(seed))
    return [envelope.data for envelope in append(log, *map(point, range(count)))]


def tree_hash(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word: MTH of hashed leaves."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\x01" + tree_hash(leaves[:split]) + tree_hash(leaves[split:])).digest()


class EventLogContract:
    """What every event log promises. A backend subclasses this and supplies `log`."""

    @pytest.fixture
    def clock(self) -> ManualClock:
        return ManualClock(NOW_MS)

    def test_what_came_from_elsewhere_has_a_time_of_arrival(
        self, log: EventLog, clock: ManualClock
    ) -> None:
        """By the clock here, one for all that came at once; what is recorded here has none."""
        append(log, point(0))
        clock.advance(5)
        first, *others = foreign_feed(4)
        receive(log, first)
        append(log, point(1))
        clock.advance(5)
        receive(log, *others)
        append(log, point(2))
        came = [log.arrived_ms(position) for position in range(log.head() + 2)]
        earlier, later = clock.now_ms() - 5, clock.now_ms()
        assert came == [None, None, earlier, None, later, later, later, None, None]

    def test_envelopes_are_read_by_their_positions(self, log: EventLog) -> None:
        append(log, *map(point, range(5)))
        assert [one.position for one in log.get_many([4, 1, 3])] == [4, 1, 3]
        assert [one.data for one in log.get_many([2])] == [log.read(1, 1)[0].data]

    def test_headers_are_read_without_payloads(self, log: EventLog) -> None:
        append(log, *map(point, range(3)))
        receive(log, *foreign_feed(2))
        envelopes, headers = log.read(1, 3), log.headers(1, 3)
        for whole, bare in zip(envelopes, headers, strict=True):
            assert (bare.payload, bare.header) == (b"", whole.header)
            assert (bare.position, bare.effective) == (whole.position, whole.effective)
        assert log.headers(log.head(), 3) == []

    def test_a_new_log_is_empty(self, log: EventLog) -> None:
        assert log.head() == 0
        assert log.read(0, 10) == []
        assert log.get(0) is None
        assert log.get(1) is None
        assert log.heads() == {}
        assert log.locate(log.replica, 0) is None

    def test_positions_are_dense_from_one(self, log: EventLog) -> None:
        append(log, point(0), point(1))
        receive(log, *foreign_feed(2))
        append(log, point(2))
        assert [envelope.position for envelope in log.read(0, 10)] == [1, 2, 3, 4, 5]
        assert log.head() == 5

    def test_an_append_returns_what_is_stored(self, log: EventLog) -> None:
        [envelope] = append(log, point(0))
        header = envelope.header
        assert (header.replica, header.index, header.session) == (log.replica, 0, SESSION)
        assert (header.stream, header.count, header.cause) == (RUN, 1, None)
        [stored] = log.read(0, 10)
        assert stored.data == envelope.data
        assert events_of(stored) == [MetricLogged("loss", 0.5, 0, NOW_MS)]

    def test_reading_goes_on_after_a_position(self, log: EventLog) -> None:
        append(log, *map(point, range(5)))
        assert [envelope.position for envelope in log.read(2, 2)] == [3, 4]
        assert [envelope.position for envelope in log.read(4, 2)] == [5]
        assert log.read(5, 2) == []

    def test_an_envelope_is_found_by_its_position(self, log: EventLog) -> None:
        appended = append(log, point(0), point(1))
        found = [log.get(position) for position in (1, 2)]
        assert [one.data for one in found if one is not None] == [one.data for one in appended]
        assert log.get(3) is None

    def test_an_envelope_is_found_by_its_name_in_the_world(self, log: EventLog) -> None:
        foreign = foreign_feed(2)
        append(log, point(0))
        receive(log, *foreign)
        replica = Envelope(foreign[0]).header.replica
        assert log.locate(log.replica, 0) == 1
        assert log.locate(replica, 1) == 3
        assert log.locate(replica, 2) is None

    def test_a_feed_is_read_by_its_own_indexes(self, log: EventLog) -> None:
        foreign = foreign_feed(3)
        append(log, point(0))
        receive(log, *foreign[:2])
        append(log, point(1))
        receive(log, foreign[2])
        replica = Envelope(foreign[0]).header.replica
        found = log.read_feed(replica, 0, 10)
        assert [envelope.data for envelope in found] == foreign
        assert [envelope.position for envelope in found] == [2, 3, 5]
        assert [one.data for one in log.read_feed(replica, 1, 1)] == foreign[1:2]
        assert [one.header.index for one in log.read_feed(log.replica, 0, 10)] == [0, 1]
        assert log.read_feed(replica, 3, 10) == []
        assert log.read_feed(b"\xff" * 16, 0, 10) == []

    def test_stored_bytes_never_change(self, log: EventLog) -> None:
        kept: list[bytes] = []
        for step in range(20):
            kept += [envelope.data for envelope in append(log, point(step))]
            receive(log, *foreign_feed(2, f"replica {step}"))
            kept += foreign_feed(2, f"replica {step}")
            assert [envelope.data for envelope in log.read(0, 1000)] == kept

    def test_heads_are_those_of_rfc_6962(self, log: EventLog) -> None:
        foreign = foreign_feed(70)
        replica = Envelope(foreign[0]).header.replica
        own: list[bytes] = []
        for size in range(1, 71):
            own.append(append(log, point(size))[0].leaf_hash)
            receive(log, foreign[size - 1])
            head = log.heads()[log.replica]
            assert (head.size, head.root) == (size, tree_hash(own))
        theirs = log.heads()[replica]
        assert (theirs.size, theirs.root) == (
            70,
            tree_hash([Envelope(data).leaf_hash for data in foreign]),
        )

    def test_a_head_holds_one_hash_for_each_bit_of_its_size(self, log: EventLog) -> None:
        for size in range(1, 40):
            append(log, point(size))
            assert len(log.heads()[log.replica].frontier) == size.bit_count()

    def test_a_raising_transaction_leaves_no_trace(self, log: EventLog) -> None:
        append(log, point(0))
        before = (log.head(), log.heads(), log.change_count())

        def work(txn: LogTransaction) -> None:
            txn.append(point(1), SESSION)
            txn.append_foreign(foreign_feed(1)[0])
            txn.set_journal_offset(b"j" * 16, 77)
            raise ValueError("changed my mind")

        with pytest.raises(ValueError, match="changed my mind"):
            log.transact(work)
        assert (log.head(), log.heads(), log.change_count()) == before
        assert log.transact(lambda txn: txn.journal_offset(b"j" * 16)) == 0
        assert append(log, point(2))[0].header.index == 1

    def test_a_transaction_reads_its_own_appends(self, log: EventLog) -> None:
        append(log, point(0))

        def work(txn: LogTransaction) -> list[int]:
            txn.append(point(1), SESSION)
            found = txn.get(2)
            assert found is not None
            return [txn.head(), *(one.position for one in txn.read(0, 10)), found.position]

        assert log.transact(work) == [2, 1, 2, 2]

    def test_a_transaction_returns_what_its_work_returns(self, log: EventLog) -> None:
        assert log.transact(lambda txn: ("anything", txn.head())) == ("anything", 0)

    def test_recorded_times_strictly_increase_when_the_clock_goes_back(
        self, log: EventLog, clock: ManualClock
    ) -> None:
        times: list[int] = []
        for jump_ms in (0, 0, 5, -1000, 0, -CLOCK_WRONG_MS + 2000, 3, 2_000_000, 0):
            clock.advance(jump_ms)
            times += [one.header.recorded for one in append(log, point(0), point(1))]
        assert times == sorted(set(times))

    def test_recorded_times_go_on_behind_an_own_feed_that_was_pulled_back(
        self, log: EventLog, clock: ManualClock
    ) -> None:
        """A restored backup gets its own later envelopes from a peer."""
        future = (clock.now_ms() + CLOCK_DRIFT_MAX_MS) << 16
        data, _ = seal(
            point(0),
            replica=log.replica,
            index=0,
            recorded=future,
            session=SESSION,
            salt=bytes(SALT_BYTES),
        )
        receive(log, data)
        assert append(log, point(1))[0].header.recorded > future

    def test_who_gets_its_own_envelopes_from_elsewhere_writes_a_new_feed(
        self, log: EventLog
    ) -> None:
        """A restored backup: what was written after it may go on anywhere, so its feed is done."""
        mine = log.replica
        kept = append(log, point(0))
        later = MemoryLog(ids=SeededIds("1"))
        later._replica = mine
        receive(later, kept[0].data)
        later._replica = mine
        [lost] = append(later, point(1))
        receive(log, lost.data)
        [next_one] = append(log, point(2))
        assert log.replica != mine
        assert (next_one.header.replica, next_one.header.index) == (log.replica, 0)
        assert log.heads()[mine] == later.heads()[mine]
        receive(log, kept[0].data, lost.data)
        assert log.heads()[log.replica].size == 1

    @pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 512, 513])
    def test_the_frontier_of_any_size_is_that_of_the_first_leaves(
        self, log: EventLog, size: int
    ) -> None:
        appended = append(log, *map(point, range(513)))
        leaves = [one.leaf_hash for one in appended[:size]]
        assert merkle.root(log.frontier(log.replica, size)) == tree_hash(leaves)
        if size == 513:
            assert log.frontier(log.replica, size) == log.heads()[log.replica].frontier

    def test_a_remote_clock_drags_ours_only_so_far(self, log: EventLog, clock: ManualClock) -> None:
        year_ahead = ManualClock(clock.now_ms() + 365 * 86_400_000)
        receive(log, *foreign_feed(1, clock=year_ahead))
        recorded = append(log, point(0))[0].header.recorded
        assert clock.now_ms() < recorded >> 16 <= clock.now_ms() + CLOCK_DRIFT_MAX_MS

    def test_what_follows_a_foreign_envelope_is_recorded_after_it(
        self, log: EventLog, clock: ManualClock
    ) -> None:
        ahead = ManualClock(clock.now_ms() + 5_000)
        [data] = foreign_feed(1, clock=ahead)
        receive(log, data)
        assert append(log, point(0))[0].header.recorded > Envelope(data).header.recorded

    def test_a_foreign_envelope_is_stored_once(self, log: EventLog) -> None:
        foreign = foreign_feed(3)
        first = receive(log, *foreign)
        assert [one.data for one in first if one is not None] == foreign
        assert receive(log, *foreign) == [None, None, None]
        assert log.head() == 3

    def test_a_gap_in_a_feed_is_refused(self, log: EventLog) -> None:
        foreign = foreign_feed(3)
        receive(log, foreign[0])
        with pytest.raises(ConflictError):
            receive(log, foreign[2])
        assert log.head() == 1

    def test_a_feed_that_begins_late_is_refused(self, log: EventLog) -> None:
        with pytest.raises(ConflictError):
            receive(log, foreign_feed(2)[1])
        assert log.head() == 0

    def test_a_fork_is_refused_at_its_first_envelope(self, log: EventLog) -> None:
        ours = foreign_feed(3)
        theirs = foreign_feed(3, clock=ManualClock(NOW_MS + 1))
        receive(log, *ours)
        for data in theirs:
            with pytest.raises(ConflictError):
                receive(log, data)
        assert [envelope.data for envelope in log.read(0, 10)] == ours

    def test_a_fork_of_the_own_feed_is_refused(self, log: EventLog) -> None:
        """A copy of this store that went on writing under the same name."""
        append(log, point(0))
        data, _ = seal(
            point(9),
            replica=log.replica,
            index=0,
            recorded=1,
            session=SESSION,
            salt=bytes(SALT_BYTES),
        )
        with pytest.raises(ConflictError):
            receive(log, data)

    def test_a_foreign_envelope_from_before_its_predecessor_is_refused(self, log: EventLog) -> None:
        def sealed(index: int, recorded: int) -> bytes:
            return seal(
                point(index),
                replica=b"r" * 16,
                index=index,
                recorded=recorded,
                session=SESSION,
                salt=bytes(SALT_BYTES),
            )[0]

        receive(log, sealed(0, 10))
        for recorded in (9, 10):
            with pytest.raises(ConflictError):
                receive(log, sealed(1, recorded))
        receive(log, sealed(1, 11))

    def test_a_damaged_foreign_envelope_is_refused(self, log: EventLog) -> None:
        [data] = foreign_feed(1)
        damaged = data[:-1] + bytes((data[-1] ^ 1,))
        with pytest.raises(ChecksumError):
            receive(log, damaged)
        assert log.head() == 0

    def test_one_refused_envelope_refuses_its_whole_transaction(self, log: EventLog) -> None:
        foreign = foreign_feed(3)
        with pytest.raises(ConflictError):
            receive(log, foreign[0], foreign[2])
        assert (log.head(), log.heads()) == (0, {})

    def test_an_envelope_without_its_payload_is_the_same_envelope(self, log: EventLog) -> None:
        """A peer that erased the payload still names the envelope that is here."""
        [data] = foreign_feed(1)
        receive(log, data)
        bare = data[: len(data) - len(Envelope(data).payload)]
        assert receive(log, bare) == [None]
        assert log.read(0, 1)[0].data == data

    def test_the_change_count_grows_with_each_commit(self, log: EventLog) -> None:
        counts = [log.change_count()]
        for step in range(3):
            append(log, point(step))
            counts.append(log.change_count())
        assert counts == sorted(set(counts))

    def test_a_transaction_knows_the_change_count_it_will_leave(self, log: EventLog) -> None:
        """Also one that changes nothing: the next writer may take the number it did not use."""

        def write(txn: LogTransaction) -> int:
            txn.append(point(0), SESSION)
            return txn.id()

        def note(txn: LogTransaction) -> int:
            txn.set_journal_offset(b"j" * 16, 41)
            return txn.id()

        assert log.transact(write) == log.change_count()
        assert log.transact(lambda txn: txn.id()) == log.change_count()
        assert log.transact(note) == log.change_count()

    def test_a_journal_offset_is_kept_with_what_was_appended(self, log: EventLog) -> None:
        first, second = b"a" * 16, b"b" * 16
        assert log.transact(lambda txn: txn.journal_offset(first)) == 0
        log.transact(lambda txn: txn.set_journal_offset(first, 120))
        log.transact(lambda txn: txn.set_journal_offset(first, 2**40))
        assert log.transact(lambda txn: txn.journal_offset(first)) == 2**40
        assert log.transact(lambda txn: txn.journal_offset(second)) == 0

    def test_offsets_of_vanished_journals_are_forgotten(self, log: EventLog) -> None:
        kept, vanished = b"k" * 16, b"v" * 16

        def note(txn: LogTransaction) -> None:
            txn.set_journal_offset(kept, 1)
            txn.set_journal_offset(vanished, 2)

        log.transact(note)
        log.transact(lambda txn: txn.forget_journals(lambda: [kept, b"new" + bytes(13)]))
        assert log.transact(lambda txn: txn.journal_offset(kept)) == 1
        assert log.transact(lambda txn: txn.journal_offset(vanished)) == 0
