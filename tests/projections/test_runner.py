"""The live views: kept up with the log, and replaced beside their readers."""

import hashlib
import shutil
import threading
from pathlib import Path
from unittest.mock import Mock

import pytest

from eventtrack.clock import ManualClock
from eventtrack.errors import CorruptionError, DiskFullError, StoreClosedError
from eventtrack.events.envelope import Draft
from eventtrack.events.types import RunStarted, TagsSet
from eventtrack.ids import SeededIds
from eventtrack.log.lmdb_log import LmdbLog
from eventtrack.log.memory import MemoryLog
from eventtrack.projections import shape, states
from eventtrack.projections.build import Build
from eventtrack.projections.runner import Views
from eventtrack.projections.shape import fingerprint
from eventtrack.projections.tables import TABLES, Tables
from tests.contracts.event_log import SESSION
from tests.projections.live import (
    RUN,
    SPAWN,
    builds,
    digest_of,
    in_process,
    open_views,
    record,
    value,
)


class TestCatchingUp:
    def test_every_read_shows_what_the_log_holds(self, views: Views, log: MemoryLog) -> None:
        assert value(views) is None
        for number in range(5):
            record(log, number)
            assert value(views) == str(number)

    def test_a_reader_keeps_its_state_while_others_fold(self, views: Views, log: MemoryLog) -> None:
        record(log, 1)
        with views.read() as reader:
            record(log, 2)
            assert value(views) == "2"
            run = reader.run(RUN.partition("/")[2])
            assert run is not None
            assert run.live_tags() == {"value": "1"}

    def test_reopened_views_go_on_where_they_were(self, tmp_path: Path, log: MemoryLog) -> None:
        views = open_views(tmp_path, log)
        record(log, *range(10))
        before, names = digest_of(views), builds(tmp_path)
        views.close()
        again = open_views(tmp_path, log)
        assert digest_of(again) == before
        assert builds(tmp_path) == names
        record(log, 10)
        assert value(again) == "10"
        again.close()

    def test_a_decision_sees_and_leaves_views_that_are_caught_up(
        self, views: Views, log: MemoryLog
    ) -> None:
        record(log, 1)
        with views.begin() as fold, log.begin() as transaction:
            fold.catch_up(transaction)
            assert fold.tables.run(RUN.partition("/")[2]) is not None
            draft = Draft.of(RUN, TagsSet({"value": "decided"}))
            fold.apply(transaction, [transaction.append(draft, SESSION)])
            change = transaction.id()
        views.note_caught_up(fold, change)
        assert value(views) == "decided"

    def test_a_decision_that_changed_nothing_does_not_hide_what_follows(
        self, tmp_path: Path
    ) -> None:
        """Its transaction takes no number: the next one, of another process, has the same."""
        for name in ("log", "views"):
            (tmp_path / name).mkdir()
        log, other = LmdbLog(tmp_path / "log"), MemoryLog()
        del other
        views = open_views(tmp_path / "views", log)
        record(log, 1)
        assert value(views) == "1"
        with views.begin() as fold, log.begin() as transaction:
            fold.catch_up(transaction)
            change = transaction.id()
        views.note_caught_up(fold, change)
        in_process(tmp_path, "append")
        assert value(views) == "100"
        views.close()
        log.close()

    def test_threads_see_what_they_recorded(self, tmp_path: Path) -> None:
        (tmp_path / "log").mkdir()
        log = LmdbLog(tmp_path / "log")
        views = open_views(tmp_path / "views", log)
        failures: list[str] = []

        def work(name: str) -> None:
            stream = f"run/{name * 32}"
            for number in range(25):
                draft = Draft.of(stream, TagsSet({"value": str(number)}))
                log.transact(lambda txn, draft=draft: txn.append(draft, SESSION))  # type: ignore[misc]
                with views.read() as reader:
                    run = reader.run(name * 32)
                    if run is None or run.live_tags()["value"] != str(number):
                        failures.append(f"{name}: {number} is missing")

        threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        views.close()
        log.close()

    def test_closed_views_say_so(self, views: Views) -> None:
        views.close()
        with pytest.raises(StoreClosedError):
            value(views)


def test_views_of_another_history_are_rebuilt(tmp_path: Path, log: MemoryLog) -> None:
    """A backup of the log was restored: its positions hold other envelopes."""
    views = open_views(tmp_path, log)
    record(log, *range(5))
    assert value(views) == "4"
    views.close()
    other = MemoryLog(clock=ManualClock(), ids=SeededIds("other"))
    record(other, *range(10, 18))
    again = open_views(tmp_path, other)
    assert value(again) == "17"
    rebuilt = open_views(tmp_path / "fresh", other)
    assert digest_of(again) == digest_of(rebuilt)
    again.close()
    rebuilt.close()


def test_views_ahead_of_a_log_that_was_set_back_are_rebuilt(tmp_path: Path, log: MemoryLog) -> None:
    record(log, 1, 2)
    shorter = MemoryLog()
    for envelope in log.read(0, 1):
        shorter.append_foreign(envelope.data)
    views = open_views(tmp_path, log)
    assert value(views) == "2"
    views.close()
    again = open_views(tmp_path, shorter)
    assert value(again) == "1"
    again.close()


def test_a_history_that_only_grew_is_not_folded_anew(tmp_path: Path, log: MemoryLog) -> None:
    views = open_views(tmp_path, log)
    record(log, 1)
    assert value(views) == "1"
    names = builds(tmp_path)
    record(log, 2)
    assert value(views) == "2"
    assert builds(tmp_path) == names
    views.close()


class TestRebuild:
    def test_a_rebuild_gives_the_same_state(self, views: Views, log: MemoryLog) -> None:
        record(log, *range(50))
        before = digest_of(views)
        seen: list[tuple[int, int]] = []
        views.rebuild(lambda done, total: seen.append((done, total)))
        assert digest_of(views) == before
        assert seen[-1] == (50, 50)

    def test_readers_of_the_old_build_read_on(self, views: Views, log: MemoryLog) -> None:
        record(log, 1)
        with views.read() as reader:
            views.rebuild()
            record(log, 2)
            assert value(views) == "2"
            run = reader.run(RUN.partition("/")[2])
            assert run is not None
            assert run.live_tags() == {"value": "1"}

    def test_one_build_is_left(self, views: Views, log: MemoryLog, tmp_path: Path) -> None:
        record(log, 1)
        for _ in range(3):
            views.rebuild()
            assert value(views) == "1"
        assert len(builds(tmp_path)) == 1

    @pytest.mark.parametrize("what", ["rebuild", "rebuild, then append", "append"])
    def test_what_another_process_did_is_seen(self, tmp_path: Path, what: str) -> None:
        for name in ("log", "views"):
            (tmp_path / name).mkdir()
        log = LmdbLog(tmp_path / "log")
        views = open_views(tmp_path / "views", log)
        record(log, 1, 2)
        assert value(views) == "2"
        before = builds(tmp_path / "views")
        in_process(tmp_path, what)
        assert value(views) == ("100" if "append" in what else "2")
        assert (builds(tmp_path / "views") == before) == (what == "append")
        record(log, 3)
        assert value(views) == "3"
        views.close()
        log.close()

    def test_a_build_that_lags_behind_is_caught_up_after_the_swap(
        self, tmp_path: Path, log: MemoryLog
    ) -> None:
        """Another process's rebuild ended before our last append: the log has not changed since."""
        ours, theirs = open_views(tmp_path, log), open_views(tmp_path / "elsewhere", log)
        record(log, 1)
        assert value(theirs) == "1"
        theirs.close()
        record(log, 2)
        assert value(ours) == "2"
        [lagging] = builds(tmp_path / "elsewhere")
        shutil.copytree(tmp_path / "elsewhere" / lagging, tmp_path / lagging)
        draft = tmp_path / "draft"
        draft.write_text(lagging)
        draft.replace(tmp_path / f"current-{fingerprint()}")
        assert value(ours) == "2"
        ours.close()

    def test_a_failed_rebuild_leaves_the_views_alone(
        self, views: Views, log: MemoryLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        record(log, 1)
        assert value(views) == "1"
        names = builds(tmp_path)
        monkeypatch.setattr(Tables, "flush", Mock(side_effect=DiskFullError("no room")))
        with pytest.raises(DiskFullError):
            views.rebuild()
        assert builds(tmp_path) == names


class TestFingerprint:
    def test_it_changes_with_the_tables(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = fingerprint()
        monkeypatch.setattr(shape, "TABLES", (*TABLES, "another"))
        assert fingerprint() != before

    def test_it_changes_with_the_version(self, monkeypatch: pytest.MonkeyPatch) -> None:
        before = fingerprint()
        monkeypatch.setattr(shape, "PROJECTIONS_VERSION", shape.PROJECTIONS_VERSION + 1)
        assert fingerprint() != before

    def test_it_changes_with_the_fields_of_every_state(self) -> None:
        fields = [(kind.__name__, kind.__struct_fields__) for kind in states.ENTITIES]
        digest = hashlib.sha256(repr(fields).encode()).hexdigest()[:12]
        assert digest == shape.FIELDS, f'write into shape.py: FIELDS = "{digest}"'

    def test_it_is_the_same_in_another_process(self) -> None:
        with SPAWN.Pool(1) as pool:
            assert pool.apply(fingerprint) == fingerprint()


class TestCache:
    """Decoded entities are kept between batches, as long as nobody else folded."""

    def test_a_fold_by_another_process_is_not_overwritten(self, tmp_path: Path) -> None:
        for name in ("log", "views"):
            (tmp_path / name).mkdir()
        log = LmdbLog(tmp_path / "log")
        views = open_views(tmp_path / "views", log)
        start = Draft.of(RUN, RunStarted("1", "name", "me", 1, {"value": "0"}))
        log.transact(lambda txn: txn.append(start, SESSION))
        for number in range(3):
            record(log, number)
            assert value(views) == str(number)
            in_process(tmp_path, "append")
            in_process(tmp_path, "rebuild" if number == 2 else "read")
            record(log, 200 + number)
            assert value(views) == str(200 + number)
        fresh = open_views(tmp_path / "fresh", log)
        assert digest_of(views) == digest_of(fresh)
        fresh.close()
        views.close()
        log.close()

    def test_a_batch_that_was_undone_is_not_remembered(self, tmp_path: Path) -> None:
        log = MemoryLog()
        record(log, 1)
        build = Build(tmp_path)
        build.advance(log)
        record(log, 2)

        def undone() -> None:
            with build.begin() as fold:
                fold.take_batch(log)
                raise CorruptionError("undone")

        with pytest.raises(CorruptionError):
            undone()
        with build.begin() as fold:
            run = fold.tables.change_run(RUN)
            assert run.live_tags() == {"value": "1"}
            assert run.metrics["loss"].count == 1
        build.advance(log)
        with build.read() as reader:
            run_state = reader.run(RUN.partition("/")[2])
            assert run_state is not None
            assert run_state.metrics["loss"].count == 2
        build.close()
