"""Journals of living processes: others see what waits there, and may move it, once."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.ids import SeededIds
from eventtrack.log import living
from eventtrack.log.drain import Bell, Drainer, append_frames
from eventtrack.log.frames import PREAMBLE
from eventtrack.log.journal import Journal
from eventtrack.log.living import NOTHING, Held, LivingJournals
from eventtrack.log.lmdb_log import LmdbLog
from tests.log.journals import FILE_BYTES, RUN, SESSION, append, body, new_journal
from tests.log.test_drain import steps_of


class Writer:
    """A process that logs points and drains only when it is told to."""

    def __init__(self, log: LmdbLog, folder: Path, file_bytes: int = FILE_BYTES) -> None:
        self.journal = Journal(folder, SESSION, SeededIds("w").id128, lambda: None, file_bytes)
        self.slot = self.journal.define(RUN, "run.metric_logged", 1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Drainer, "_run", lambda self: self._stop.wait())
            self.drainer = Drainer(log, self.journal, SESSION, Bell())

    def record(self, *steps: int) -> None:
        append(self.journal, self.slot, *map(body, steps))

    def close(self) -> None:
        self.drainer.close()
        self.journal.close()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[LmdbLog]:
    (tmp_path / "log").mkdir()
    (tmp_path / "journal").mkdir()
    log = LmdbLog(tmp_path / "log")
    yield log
    log.close()


@pytest.fixture
def writer(log: LmdbLog, tmp_path: Path) -> Iterator[Writer]:
    writer = Writer(log, tmp_path / "journal")
    yield writer
    writer.close()


@pytest.fixture
def journals(log: LmdbLog, tmp_path: Path) -> LivingJournals:
    return LivingJournals(log, tmp_path / "journal")


def look(journals: LivingJournals) -> Held:
    held = journals.look()
    assert held is not None
    return held


def points_in(held: Held) -> int:
    return sum(draft.count for _, draft in held.drafts)


def test_points_that_wait_are_seen_and_then_in_the_log(
    writer: Writer, journals: LivingJournals, log: LmdbLog
) -> None:
    for step in range(5):
        writer.record(step)
        held = look(journals)
        assert (points_in(held), held.head) == (step + 1, 0)
        assert held.since(()) == {RUN}
        assert look(journals) is held
    writer.drainer.flush()
    assert (points_in(look(journals)), look(journals).head) == (0, 1)
    assert look(journals).since(held.mark) == set()
    writer.record(5)
    assert points_in(look(journals)) == 1
    assert look(journals).since(held.mark) == {RUN}


def test_a_newcomer_finds_the_slots_of_points_behind_the_offset(
    writer: Writer, log: LmdbLog, tmp_path: Path
) -> None:
    """Their definitions are among the frames that the log has, or were read by nobody."""
    writer.record(1)
    writer.drainer.flush()
    writer.record(2)
    held = look(LivingJournals(log, tmp_path / "journal"))
    [(session, draft)] = held.drafts
    assert (session, draft.stream, draft.count) == (SESSION, RUN, 1)


def test_whoever_moves_a_point_it_is_in_the_log_once(
    writer: Writer, journals: LivingJournals, log: LmdbLog
) -> None:
    writer.record(0, 1)
    journals.move()
    writer.record(2)
    journals.move()
    writer.record(3)
    writer.drainer.flush()
    writer.record(4)
    journals.move()
    journals.move()
    writer.drainer.flush()
    assert steps_of(log) == [0, 1, 2, 3, 4]
    assert points_in(look(journals)) == 0


def test_movers_and_the_owner_at_the_same_time_move_each_point_once(
    writer: Writer, log: LmdbLog, tmp_path: Path
) -> None:
    """Files of the journal fill up and are deleted meanwhile."""
    done = threading.Event()

    def move() -> None:
        journals = LivingJournals(log, tmp_path / "journal")
        while not done.is_set():
            journals.move()

    movers = [threading.Thread(target=move) for _ in range(2)]
    for mover in movers:
        mover.start()
    for step in range(0, 600, 3):
        writer.record(step, step + 1, step + 2)
        if step % 60 == 0:
            writer.drainer.flush()
    done.set()
    for mover in movers:
        mover.join()
    writer.drainer.flush()
    assert steps_of(log) == list(range(600))


def test_a_journal_whose_offset_was_forgotten_is_not_read_again(
    writer: Writer, journals: LivingJournals, log: LmdbLog, tmp_path: Path
) -> None:
    """Also by one that has the file open since before it was deleted."""
    writer.record(*range(100))
    assert points_in(look(journals)) > 0
    writer.drainer.flush()
    gone = [path for path in (tmp_path / "journal").iterdir() if path.stem != newest(tmp_path)]
    assert not gone
    log.transact(lambda txn: txn.forget_journals(lambda: [bytes.fromhex(newest(tmp_path))]))
    assert points_in(look(journals)) == 0
    journals.move()
    assert steps_of(log) == list(range(100))


def newest(folder: Path) -> str:
    return max(path.stem for path in (folder / "journal").iterdir())


def test_the_points_of_a_full_file_come_before_those_of_the_next(
    writer: Writer, journals: LivingJournals, log: LmdbLog
) -> None:
    writer.record(*range(200))
    journals.move()
    assert steps_of(log) == list(range(200))


def test_only_so_much_is_read_of_a_journal_as_may_wait(
    log: LmdbLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(living, "JOURNAL_HELD_BYTES_MAX", 1000)
    journal = new_journal(tmp_path / "journal", 10**6)
    slot = journal.define(RUN, "run.metric_logged", 1)
    append(journal, slot, *map(body, range(500)))
    journals = LivingJournals(log, tmp_path / "journal")
    assert 0 < points_in(look(journals)) < 50
    journals.move()
    assert steps_of(log) == list(range(500))
    journal.close()


def test_a_damaged_frame_ends_what_is_seen_and_moved(
    writer: Writer, journals: LivingJournals, log: LmdbLog
) -> None:
    """Its owner sets the journal aside, and goes on behind it."""
    writer.record(0, 1)
    [(file, stop)] = writer.journal.snapshot()
    writer.record(2, 3)
    file.map[stop + 15] ^= 0xFF
    assert points_in(look(journals)) == 2
    journals.move()
    assert steps_of(log) == [0, 1]
    with pytest.warns(match="is damaged"):
        writer.drainer.flush()
    assert steps_of(log) == [0, 1, 3]


def test_what_is_no_journal_is_left_alone(
    journals: LivingJournals, log: LmdbLog, tmp_path: Path
) -> None:
    folder = tmp_path / "journal"
    assert look(journals) is NOTHING
    assert not journals
    (folder / ("ab" * 16 + ".journal")).write_bytes(b"")
    (folder / ("cd" * 16 + ".journal")).write_bytes(b"ETJOURN1" + bytes(PREAMBLE.size))
    (folder / ("ef" * 16 + ".journal")).write_bytes(b"\xff" * 10_000)
    (folder / "notes.journal").write_bytes(b"x")
    assert points_in(look(journals)) == 0
    journals.move()
    assert log.head() == 0


def test_a_frame_of_a_slot_that_nobody_defined_is_not_read(
    log: LmdbLog, tmp_path: Path, journals: LivingJournals
) -> None:
    journal = new_journal(tmp_path / "journal")
    append(journal, 7, body(1))
    assert points_in(look(journals)) == 0
    journals.move()
    assert log.head() == 0
    journal.close()


def test_adopters_and_movers_agree(writer: Writer, journals: LivingJournals, log: LmdbLog) -> None:
    """Frames as an adopter moves them, with the offset behind them, are not moved again."""
    writer.record(0, 1)
    [(file, stop)] = writer.journal.snapshot()
    frames = [(writer.slot, body(0)), (writer.slot, body(1))]

    def adopt(transaction: object) -> None:
        append_frames(transaction, frames, file.slots.__getitem__, SESSION)  # type: ignore[arg-type]
        transaction.set_journal_offset(file.id, stop)  # type: ignore[attr-defined]

    log.transact(adopt)
    journals.move()
    writer.drainer.flush()
    assert steps_of(log) == [0, 1]
