"""Journals of dead processes: moved into the log once, by one, and never from the living."""

import os
import shutil
from pathlib import Path

import pytest

from eventtrack.errors import ChecksumError, DiskFullError
from eventtrack.events.reading import events_of
from eventtrack.log.drain import adopt_orphans
from eventtrack.log.frames import FRAME, MAGIC
from eventtrack.log.journal import Journal, JournalDisowned
from eventtrack.log.memory import MemoryLog
from eventtrack.log.orphans import OrphanJournal, clear_drafts
from tests.log.forking import in_child
from tests.log.journals import (
    RUN,
    SESSION,
    abandoned,
    adopted_events,
    append,
    bodies_in,
    body,
    new_journal,
    points,
)


def test_a_dead_processs_journal_is_adopted_exactly_once(tmp_path: Path) -> None:
    log = MemoryLog()
    path = abandoned(tmp_path, 1, 2)
    copy = path.read_bytes()
    assert adopt_orphans(log, tmp_path) == 1
    assert adopt_orphans(log, tmp_path) == 0
    assert log.head() == 1
    assert log.read(0, 1)[0].header.session == SESSION
    assert not path.exists()
    path.write_bytes(copy)


def test_an_adopter_that_died_before_it_deleted_the_journal_moved_it_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = MemoryLog()
    abandoned(tmp_path, 1, 2)

    def die(orphan: OrphanJournal, *, damaged: bool) -> None:
        orphan.close()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(OrphanJournal, "finish", die)
        with pytest.raises(KeyboardInterrupt):
            adopt_orphans(log, tmp_path)
    assert adopt_orphans(log, tmp_path) == 1
    assert [events_of(one) for one in log.read(0, 10)] == [points(1, 2)]
    assert list(tmp_path.iterdir()) == []


def test_an_adoption_goes_on_behind_what_its_owner_had_moved(tmp_path: Path) -> None:
    log = MemoryLog()
    path = abandoned(tmp_path, 1, 2, 3)
    moved = path.read_bytes().index(body(3)) - FRAME.size
    log.transact(lambda txn: txn.set_journal_offset(bytes.fromhex(path.stem), moved))
    adopt_orphans(log, tmp_path)
    assert [events_of(one) for one in log.read(0, 10)] == [points(3)]


def test_a_failed_adoption_can_be_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = MemoryLog()
    abandoned(tmp_path, 1)

    def refuse(*_: object) -> None:
        raise DiskFullError("cannot write log: the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(log, "transact", refuse)
        with pytest.raises(DiskFullError):
            adopt_orphans(log, tmp_path)
    assert adopt_orphans(log, tmp_path) == 1
    assert log.head() == 1


def test_own_journals_are_never_adopted(journal: Journal, tmp_path: Path) -> None:
    append(journal, journal.define(RUN, "run.metric_logged", 1), body(1))
    assert adopted_events(tmp_path) == []
    assert len(list(tmp_path.glob("*.journal"))) == 1


def test_a_living_processs_journals_are_not_adopted(journal: Journal, tmp_path: Path) -> None:
    append(journal, journal.define(RUN, "run.metric_logged", 1), body(1))
    assert in_child(lambda: adopted_events(tmp_path)) == []
    assert bodies_in(tmp_path) == [body(1)]


def test_a_backup_by_the_process_itself_does_not_free_its_journal(
    journal: Journal, tmp_path: Path
) -> None:
    """With POSIX locks, closing any copy of a file's descriptor would."""
    append(journal, journal.define(RUN, "run.metric_logged", 1), body(1))
    shutil.copytree(tmp_path, tmp_path / "backup")
    assert in_child(lambda: adopted_events(tmp_path)) == []


def test_a_child_does_not_keep_its_dead_parents_journal_from_adoption(tmp_path: Path) -> None:
    """Data loaders outlive a training that was killed."""
    stop, stopping = os.pipe()
    started, starting = os.pipe()

    def parent() -> int:
        journal = new_journal(tmp_path)
        append(journal, journal.define(RUN, "run.metric_logged", 1), body(1))
        child = os.fork()
        if not child:
            os.close(stopping)
            os.write(starting, b"!")
            os.read(stop, 1)
            os._exit(0)
        os.read(started, 1)
        return child

    in_child(parent)
    assert adopted_events(tmp_path) == points(1)
    for descriptor in (stop, stopping, started, starting):
        os.close(descriptor)


def test_a_forked_child_cannot_write_into_its_parents_journal(
    journal: Journal, tmp_path: Path
) -> None:
    slot = journal.define(RUN, "run.metric_logged", 1)

    def work() -> str:
        journal.disown()
        try:
            append(journal, slot, body(1))
        except JournalDisowned:
            return "disowned"
        return "written"

    assert in_child(work) == "disowned"
    append(journal, slot, body(2))
    assert bodies_in(tmp_path) == [body(2)]


def test_a_journal_that_vanished_was_adopted_by_another(tmp_path: Path) -> None:
    assert OrphanJournal.claim(tmp_path / "00.journal") is None


def test_a_claimed_journal_cannot_be_claimed_again(tmp_path: Path) -> None:
    path = abandoned(tmp_path, 1)
    orphan = OrphanJournal.claim(path)
    assert orphan is not None
    assert OrphanJournal.claim(path) is None
    orphan.close()
    again = OrphanJournal.claim(path)
    assert again is not None
    again.close()


def test_a_short_file_has_no_preamble(tmp_path: Path) -> None:
    (tmp_path / "00.journal").write_bytes(MAGIC)
    orphan = OrphanJournal.claim(tmp_path / "00.journal")
    assert orphan is not None
    with pytest.raises(ChecksumError):
        orphan.preamble()
    orphan.close()


def test_drafts_of_journals_are_cleared_when_they_are_old(tmp_path: Path) -> None:
    for name, age_s in (("old.new", 7200), ("young.new", 10)):
        (tmp_path / name).write_bytes(b"")
        now = (tmp_path / name).stat().st_mtime
        os.utime(tmp_path / name, (now - age_s, now - age_s))
    clear_drafts(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["young.new"]
