"""From journal to log: every frame once, in order, however many move them at the same time."""

import multiprocessing
import os
import signal
import threading
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventtrack.errors import DiskFullError, EventtrackError, EventtrackWarning
from eventtrack.events.envelope import Draft, Envelope
from eventtrack.events.reading import events_of
from eventtrack.events.types import MetricLogged, MetricsLogged, TagsSet
from eventtrack.ids import RandomIds, SeededIds
from eventtrack.limits import ENVELOPE_EVENTS_MAX
from eventtrack.log import drain
from eventtrack.log.drain import Bell, Drainer, adopt_orphans, append_frames
from eventtrack.log.frames import Slot
from eventtrack.log.journal import Journal
from eventtrack.log.lmdb_log import LmdbLog
from eventtrack.log.memory import MemoryLog
from eventtrack.log.protocol import EventLog, LogTransaction
from tests.log.journals import FILE_BYTES, RUN, SESSION, append, bodies_in, body, points

SPAWN = multiprocessing.get_context("spawn")


class Line:
    """A log, a journal and what moves one into the other."""

    def __init__(self, log: EventLog, folder: Path) -> None:
        self.log = log
        self.folder = folder
        bell = Bell()
        self.journal = Journal(folder, SESSION, SeededIds("line").id128, bell.ring, FILE_BYTES)
        self.drainer = Drainer(log, self.journal, SESSION, bell)
        self.slot = self.journal.define(RUN, "run.metric_logged", 1)

    def record(self, *steps: int) -> None:
        append(self.journal, self.slot, *map(body, steps))

    def steps(self) -> list[int]:
        """The steps in the log, in its order."""
        return steps_of(self.log)

    def close(self) -> None:
        self.drainer.close()
        self.journal.close()


def envelopes_of(log: EventLog) -> list[Envelope]:
    found: list[Envelope] = []
    while page := log.read(len(found), 1000):
        found += page
    return found


def steps_of(log: EventLog) -> list[int]:
    events = [event for envelope in envelopes_of(log) for event in events_of(envelope)]
    return [event.step for event in events if isinstance(event, MetricLogged)]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """A line whose thread does not drain by itself for the length of a test."""
    line = quiet(lambda: Line(MemoryLog(), tmp_path))
    yield line
    line.close()


def quiet(make: Callable[[], Line]) -> Line:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Drainer, "_run", lambda self: self._stop.wait())
        return make()


def eventually(holds: Callable[[], bool], within_s: float = 20.0) -> bool:
    """Whether it comes to hold, asked often."""
    until = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


class TestFlush:
    def test_everything_recorded_is_in_the_log_in_order(self, line: Line) -> None:
        line.record(*range(500))
        line.drainer.flush()
        assert line.steps() == list(range(500))
        assert {envelope.header.session for envelope in envelopes_of(line.log)} == {SESSION}

    def test_flushing_again_moves_nothing(self, line: Line) -> None:
        line.record(1)
        line.drainer.flush()
        line.drainer.flush()
        assert line.log.head() == 1

    def test_files_that_are_in_the_log_are_deleted(self, line: Line) -> None:
        line.record(*range(500))
        assert len(list(line.folder.iterdir())) > 3
        line.drainer.flush()
        assert len(list(line.folder.iterdir())) == 1

    def test_a_full_disk_keeps_the_frames_for_later(
        self, line: Line, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(*_: object) -> None:
            raise DiskFullError("cannot write log: the disk is full")

        line.record(*range(300))
        with monkeypatch.context() as patch:
            patch.setattr(line.log, "transact", refuse)
            with pytest.raises(DiskFullError):
                line.drainer.flush()
        assert bodies_in(line.folder) == [body(step) for step in range(300)]
        line.drainer.flush()
        assert line.steps() == list(range(300))

    def test_a_commit_that_fails_at_its_end_moves_nothing(
        self, line: Line, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        line.record(*range(300))

        def work(txn: LogTransaction) -> None:
            line.drainer.take(txn)
            raise KeyError

        with pytest.raises(KeyError):
            line.log.transact(work)
        assert line.log.head() == 0
        line.drainer.flush()
        assert line.steps() == list(range(300))

    def test_a_transaction_of_the_callers_takes_what_was_recorded_before(self, line: Line) -> None:
        line.record(1, 2)

        def work(txn: LogTransaction) -> list[object]:
            marks = line.drainer.take(txn)
            txn.append(Draft.of(RUN, TagsSet({"after": "them"})), SESSION)
            return list(marks)

        line.drainer.settle(line.log.transact(work))  # type: ignore[arg-type]
        line.record(3)
        line.drainer.flush()
        events = [events_of(envelope) for envelope in envelopes_of(line.log)]
        assert events == [points(1, 2), [TagsSet({"after": "them"})], points(3)]

    def test_frames_committed_but_not_settled_are_not_moved_again(self, line: Line) -> None:
        """An interrupt came between the commit and the note of it."""
        line.record(1, 2)
        line.log.transact(line.drainer.take)
        line.record(3)
        line.drainer.flush()
        assert line.steps() == [1, 2, 3]

    def test_a_journal_that_somebody_else_damaged_is_kept_and_reported(self, line: Line) -> None:
        line.record(1, 2, 3)
        [(file, _)] = line.journal.snapshot()
        place = file.map[:].index(body(2))
        file.map[place] ^= 1
        with pytest.warns(EventtrackWarning, match="damaged"):
            line.drainer.flush()
        line.record(4)
        line.drainer.flush()
        assert line.steps() == [1, 3, 4]
        [aside] = line.folder.glob("*.damaged")
        assert body(3) in aside.read_bytes()


class TestThread:
    def test_what_is_recorded_comes_into_the_log_by_itself(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(drain, "JOURNAL_HELD_S", 0.2)
        line = Line(MemoryLog(), tmp_path)
        for step in range(3):
            line.record(step)
            assert eventually(lambda step=step: line.steps() == [*range(step + 1)])  # type: ignore[misc]
        line.close()

    def test_it_goes_on_after_a_failure_and_warns_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(drain, "JOURNAL_HELD_S", 0.1)
        log = MemoryLog()
        failures: list[int] = []
        real = log.transact

        def refuse(work: Callable[[MemoryLog], object]) -> object:
            if len(failures) < 3:
                failures.append(1)
                raise DiskFullError("cannot write log: the disk is full")
            return real(work)

        monkeypatch.setattr(drain, "_RETRY_S", 0.01)
        monkeypatch.setattr(log, "transact", refuse)
        warned: list[str] = []
        monkeypatch.setattr(warnings, "warn", lambda text, *_, **__: warned.append(text))
        line = Line(log, tmp_path)
        line.record(1)
        assert eventually(lambda: line.steps() == [1])
        line.close()
        assert len(failures) == 3
        assert len(warned) == 1
        assert "the disk is full" in warned[0]

    def test_closing_does_not_wait_for_the_interval(self, tmp_path: Path) -> None:
        line = Line(MemoryLog(), tmp_path)
        line.drainer.close()
        assert not line.drainer._thread.is_alive()
        line.journal.close()


class TestExactlyOnce:
    def test_threads_that_record_flush_and_decide_move_each_frame_once(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "log").mkdir()
        (tmp_path / "journal").mkdir()
        log = LmdbLog(tmp_path / "log")
        line = Line(log, tmp_path / "journal")
        failures: list[EventtrackError] = []

        def record(first: int) -> None:
            slot = line.journal.define(f"run/{first}", "run.metric_logged", 1)
            for step in range(first, first + 400):
                append(line.journal, slot, body(step))
                if step % 50 == 0:
                    line.drainer.flush()
                if step % 70 == 0:
                    decide()

        def decide() -> None:
            def work(txn: LogTransaction) -> list[object]:
                marks = line.drainer.take(txn)
                txn.append(Draft.of(RUN, TagsSet({"decided": "yes"})), SESSION)
                return list(marks)

            try:
                line.drainer.settle(log.transact(work))  # type: ignore[arg-type]
            except EventtrackError as error:
                failures.append(error)

        threads = [threading.Thread(target=record, args=(1000 * place,)) for place in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        line.drainer.flush()
        assert failures == []
        found = line.steps()
        assert sorted(found) == [1000 * place + step for place in range(3) for step in range(400)]
        for place in range(3):
            own = [step for step in found if step // 1000 == place]
            assert own == sorted(own)
        line.close()
        assert list((tmp_path / "journal").iterdir()) == []
        log.close()

    @pytest.mark.slow
    @pytest.mark.parametrize("round_", range(6))
    def test_a_process_killed_while_its_threads_flush_loses_and_repeats_nothing(
        self, tmp_path: Path, round_: int
    ) -> None:
        reading, writing = SPAWN.Pipe(duplex=False)
        child = SPAWN.Process(target=_record_until_killed, args=(tmp_path, writing))
        child.start()
        writing.close()
        returned = -1
        assert reading.poll(60)
        until = time.monotonic() + 0.05 * round_
        while time.monotonic() < until:
            returned = reading.recv()
        assert child.pid is not None
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        while reading.poll():
            try:
                returned = reading.recv()
            except EOFError:
                break
        log = LmdbLog(tmp_path / "log")
        adopt_orphans(log, tmp_path / "journal")
        counts = Counter(steps_of(log))
        assert set(counts.values()) == {1}
        assert sorted(counts) == list(range(len(counts)))
        assert len(counts) > returned
        log.close()


def _record_until_killed(folder: Path, pipe: Connection) -> None:
    for name in ("log", "journal"):
        (folder / name).mkdir()
    line = Line(LmdbLog(folder / "log"), folder / "journal")

    def flush() -> None:
        while True:
            line.drainer.flush()

    for _ in range(2):
        threading.Thread(target=flush, daemon=True).start()
    step = 0
    while True:
        line.record(step)
        pipe.send(step)
        step += 1


class TestEnvelopes:
    @given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 1000))))
    def test_each_stream_keeps_its_order(self, frames: list[tuple[int, int]]) -> None:
        slots = {
            1: Slot(1, "run/a", "run.metric_logged", 1),
            2: Slot(2, "run/b", "run.metric_logged", 1),
            3: Slot(3, "run/a", "run.metrics_logged", 1),
            4: Slot(4, "run/b", "run.metrics_logged", 1),
        }

        def event(slot: int, step: int) -> MetricLogged | MetricsLogged:
            if slot < 3:
                return MetricLogged("loss", 0.5, step, 0)
            return MetricsLogged(["loss"], [0.5], step, 0)

        log = MemoryLog()
        encoded = [(slot, msgspec.msgpack.encode(event(slot, step))) for slot, step in frames]
        log.transact(lambda txn: append_frames(txn, encoded, slots.__getitem__, SESSION))
        for stream, numbers in (("run/a", (1, 3)), ("run/b", (2, 4))):
            found = [
                one
                for envelope in log.read(0, 100)
                if envelope.header.stream == stream
                for one in events_of(envelope)
            ]
            assert found == [event(slot, step) for slot, step in frames if slot in numbers]
        for envelope in log.read(0, 100):
            assert envelope.header.count == len(events_of(envelope))

    @pytest.mark.parametrize("slots", [1, 2])
    def test_an_envelope_holds_no_more_events_than_it_may(self, slots: int) -> None:
        log = MemoryLog()
        count = 2 * ENVELOPE_EVENTS_MAX + 1
        frames = [(1 + step // 1000 % slots, body(step)) for step in range(count)]
        log.transact(
            lambda txn: append_frames(
                txn, frames, lambda number: Slot(number, RUN, "run.metric_logged", 1), SESSION
            )
        )
        envelopes = log.read(0, 100)
        assert all(one.header.count <= ENVELOPE_EVENTS_MAX for one in envelopes)
        assert steps_of(log) == list(range(count))

    def test_an_envelope_holds_no_more_bytes_than_a_commit(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(drain, "COMMIT_PAYLOAD_BYTES_MAX", 1000)
        log = MemoryLog()
        slots = {
            1: Slot(1, RUN, "run.metric_logged", 1),
            2: Slot(2, RUN, "run.metrics_logged", 1),
        }
        frames = [(1 + step % 2, body(step, "x" * 300)) for step in range(8)]
        log.transact(lambda txn: append_frames(txn, frames, slots.__getitem__, SESSION))
        assert all(one.header.payload_length < 1100 for one in log.read(0, 100))
        assert sum(one.header.count for one in log.read(0, 100)) == 8


def test_a_flush_is_bounded_and_goes_on(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    """One commit for each so many bytes: other writers get their turn."""
    monkeypatch.setattr(drain, "COMMIT_PAYLOAD_BYTES_MAX", FILE_BYTES)
    line.record(*range(1000))
    commits = line.log.change_count()
    line.drainer.flush()
    assert line.log.change_count() - commits > 2
    assert line.steps() == list(range(1000))


def test_journals_of_different_processes_have_different_names(tmp_path: Path) -> None:
    ids = RandomIds()
    journals = [Journal(tmp_path, SESSION, ids.id128, lambda: None, FILE_BYTES) for _ in range(20)]
    assert len(list(tmp_path.iterdir())) == 20
    for journal in journals:
        journal.close()
