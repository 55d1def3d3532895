"""Every log keeps the promises of `EventLogContract`; the one on disk keeps some more."""

import multiprocessing
import threading
from collections.abc import Iterator
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest

from eventtrack.clock import ManualClock
from eventtrack.errors import StoreClosedError
from eventtrack.events.envelope import Draft
from eventtrack.events.types import TagsSet
from eventtrack.ids import SeededIds
from eventtrack.limits import READ_BYTES_MAX
from eventtrack.log.lmdb_log import LmdbLog
from eventtrack.log.memory import MemoryLog
from eventtrack.log.protocol import EventLog
from tests.contracts.branches import BranchContract
from tests.contracts.clocks import ClockContract
from tests.contracts.event_log import RUN, EventLogContract, append, point
from tests.contracts.redaction import RedactionContract

# A handful of pages: the tables themselves need most of them.
TINY_MAP_BYTES = 16 * 4096
SPAWN = multiprocessing.get_context("spawn")


def large(number: int, size: int = 3000) -> Draft:
    """A draft that takes a page of its own."""
    return Draft.of(RUN, TagsSet({str(number): "x" * size}))


class TestMemoryLog(EventLogContract, RedactionContract, BranchContract, ClockContract):
    @pytest.fixture
    def log(self, clock: ManualClock) -> EventLog:
        return MemoryLog(clock=clock, ids=SeededIds(1))


class TestLmdbLog(EventLogContract, RedactionContract, BranchContract, ClockContract):
    @pytest.fixture
    def log(self, tmp_path: Path, clock: ManualClock) -> Iterator[LmdbLog]:
        log = LmdbLog(tmp_path, clock=clock, ids=SeededIds(1))
        yield log
        log.close()

    def test_what_was_appended_is_there_after_a_reopening(
        self, log: LmdbLog, tmp_path: Path, clock: ManualClock
    ) -> None:
        kept = [envelope.data for envelope in append(log, point(0), point(1))]
        replica, heads = log.replica, log.heads()
        log.close()
        again = LmdbLog(tmp_path, clock=clock)
        assert [envelope.data for envelope in again.read(0, 10)] == kept
        assert (again.replica, again.heads()) == (replica, heads)
        again.close()

    def test_recorded_times_increase_over_a_reopening_with_a_slow_clock(
        self, log: LmdbLog, tmp_path: Path, clock: ManualClock
    ) -> None:
        [before] = append(log, point(0))
        log.close()
        clock.advance(-100_000)
        again = LmdbLog(tmp_path, clock=clock)
        [after] = append(again, point(1))
        again.close()
        assert after.header.recorded > before.header.recorded

    def test_one_read_is_bounded_in_bytes(self, log: LmdbLog) -> None:
        append(log, *(large(number, 4 * 2**20) for number in range(6)))
        first = log.read(0, 100)
        assert sum(len(envelope.data) for envelope in first) < READ_BYTES_MAX + 5 * 2**20
        assert [one.position for one in (*first, *log.read(len(first), 100))] == [1, 2, 3, 4, 5, 6]

    def test_a_closed_log_says_so(self, log: LmdbLog) -> None:
        log.close()
        with pytest.raises(StoreClosedError):
            log.head()
        with pytest.raises(StoreClosedError):
            append(log, point(0))


class TestGrowth:
    """A map that is full grows, whoever fills it and whoever reads meanwhile."""

    @pytest.fixture
    def log(self, tmp_path: Path) -> Iterator[LmdbLog]:
        log = LmdbLog(tmp_path, map_bytes=TINY_MAP_BYTES)
        yield log
        log.close()

    def test_a_tiny_map_grows_with_its_log(self, log: LmdbLog) -> None:
        for number in range(100):
            append(log, large(number))
        assert log.head() == 100
        assert [one.header.index for one in log.read(0, 1000)] == list(range(100))

    def test_a_transaction_larger_than_the_map_is_run_again_until_it_fits(
        self, log: LmdbLog
    ) -> None:
        append(log, *map(large, range(200)))
        assert log.head() == 200
        assert log.heads()[log.replica].size == 200

    def test_threads_read_while_others_fill_the_map(self, log: LmdbLog) -> None:
        done = threading.Event()
        failures: list[str] = []

        def read() -> None:
            while not done.wait(0.001):  # or readers keep the interpreter to themselves
                head = log.head()
                found = log.read(0, 1000)
                if [one.position for one in found] != list(range(1, len(found) + 1)):
                    failures.append("positions are not dense")
                if len(found) < head:
                    failures.append(f"{len(found)} read after {head} were seen")

        def write(first: int) -> None:
            for number in range(first, first + 20):
                append(log, large(number))

        readers = [threading.Thread(target=read) for _ in range(3)]
        writers = [threading.Thread(target=write, args=(100 * one,)) for one in range(3)]
        for thread in (*readers, *writers):
            thread.start()
        for thread in writers:
            thread.join()
        done.set()
        for thread in readers:
            thread.join()
        assert failures == []
        assert log.head() == 60
        assert [one.header.index for one in log.read(0, 1000)] == list(range(60))

    def test_another_process_may_grow_the_map(self, log: LmdbLog, tmp_path: Path) -> None:
        append(log, point(0))
        child = SPAWN.Process(target=_fill, args=(tmp_path, 100))
        child.start()
        child.join()
        assert child.exitcode == 0
        assert log.head() == 101
        assert len(log.read(0, 1000)) == 101
        append(log, large(0))
        assert log.heads()[log.replica].size == 102

    def test_processes_and_threads_fill_one_map_together(
        self, log: LmdbLog, tmp_path: Path
    ) -> None:
        start = SPAWN.Event()
        children = [SPAWN.Process(target=_fill, args=(tmp_path, 30, start)) for _ in range(2)]
        for child in children:
            child.start()
        threads = [threading.Thread(target=_append_many, args=(log, 30)) for _ in range(2)]
        start.set()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for child in children:
            child.join()
            assert child.exitcode == 0
        found = log.read(0, 1000)
        assert [one.position for one in found] == list(range(1, 121))
        assert [one.header.index for one in found] == list(range(120))
        times = [one.header.recorded for one in found]
        assert times == sorted(set(times))


def _fill(folder: Path, count: int, start: Event | None = None) -> None:
    log = LmdbLog(folder, map_bytes=TINY_MAP_BYTES)
    if start is not None:
        start.wait(60)
    _append_many(log, count)
    log.close()


def _append_many(log: LmdbLog, count: int) -> None:
    for number in range(count):
        append(log, large(number))
