"""Views are a cache: what is in doubt, damaged or gone is folded anew, without loss."""

import shutil
from pathlib import Path

import pytest

from eventtrack.events.envelope import Draft, Envelope
from eventtrack.events.types import TagDeleted
from eventtrack.log.memory import MemoryLog
from eventtrack.projections import build as build_module
from eventtrack.projections import fold, skipped
from eventtrack.projections.runner import Views
from eventtrack.projections.shape import fingerprint
from eventtrack.projections.tables import Tables
from tests.contracts.event_log import SESSION
from tests.projections.live import (
    RUN,
    builds,
    digest_of,
    open_views,
    record,
    value,
)


def is_clean(build: Path) -> bool:
    """Whether the build says that it was closed, and not written since."""
    clean = build / "clean"
    return clean.exists() and int(clean.read_text()) >= 0


class TestTrust:
    """Commits of the views are not synced: after a power cut nothing unsynced is believed."""

    @pytest.fixture
    def boots(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        current = ["first boot"]
        monkeypatch.setattr(build_module, "boot_id", lambda: current[0])
        return current

    def test_views_closed_cleanly_are_kept_over_a_boot(
        self, tmp_path: Path, log: MemoryLog, boots: list[str]
    ) -> None:
        views = open_views(tmp_path, log)
        record(log, 1)
        assert value(views) == "1"
        views.close()
        names = builds(tmp_path)
        boots[0] = "second boot"
        again = open_views(tmp_path, log)
        assert value(again) == "1"
        assert builds(tmp_path) == names
        again.close()

    def test_views_left_open_are_thrown_away_after_a_boot(
        self, tmp_path: Path, log: MemoryLog, boots: list[str]
    ) -> None:
        views = open_views(tmp_path, log)
        record(log, 1)
        assert value(views) == "1"
        left = builds(tmp_path)
        shutil.copytree(tmp_path, tmp_path / "after the power cut")
        views.close()
        boots[0] = "second boot"
        again = open_views(tmp_path / "after the power cut", log)
        assert value(again) == "1"
        assert builds(tmp_path / "after the power cut") != left
        again.close()

    def test_views_left_open_are_kept_within_a_boot(
        self, tmp_path: Path, log: MemoryLog, boots: list[str]
    ) -> None:
        views = open_views(tmp_path, log)
        record(log, 1)
        assert value(views) == "1"
        left = builds(tmp_path)
        shutil.copytree(tmp_path, tmp_path / "after a kill")
        views.close()
        again = open_views(tmp_path / "after a kill", log)
        assert value(again) == "1"
        assert builds(tmp_path / "after a kill") == left
        again.close()

    def test_views_used_again_are_not_clean_any_more(
        self, tmp_path: Path, log: MemoryLog, boots: list[str]
    ) -> None:
        """A commit after the sync may have taken pages that the synced state still needs."""
        for number in range(2):
            views = open_views(tmp_path, log)
            record(log, number)
            assert value(views) == str(number)
            [name] = builds(tmp_path)
            assert not is_clean(tmp_path / name)
            views.close()
            assert is_clean(tmp_path / name)

    def test_reading_alone_leaves_views_clean(
        self, tmp_path: Path, log: MemoryLog, boots: list[str]
    ) -> None:
        views = open_views(tmp_path, log)
        record(log, 1)
        assert value(views) == "1"
        views.close()
        again = open_views(tmp_path, log)
        assert value(again) == "1"
        [name] = builds(tmp_path)
        assert is_clean(tmp_path / name)
        again.close()

    def test_a_system_without_boot_names_syncs_and_trusts(
        self, tmp_path: Path, log: MemoryLog, boots: list[str]
    ) -> None:
        boots[0] = ""
        views = open_views(tmp_path, log)
        record(log, 1)
        assert value(views) == "1"
        left = builds(tmp_path)
        shutil.copytree(tmp_path, tmp_path / "after anything")
        views.close()
        again = open_views(tmp_path / "after anything", log)
        assert value(again) == "1"
        assert builds(tmp_path / "after anything") == left
        again.close()


class TestHealing:
    """The views may be deleted at any time, by anyone, in part or as a whole."""

    @pytest.mark.parametrize("what", ["everything", "the builds", "the pointer", "the data"])
    def test_deleted_views_are_folded_anew_on_opening(
        self, tmp_path: Path, log: MemoryLog, what: str
    ) -> None:
        folder = tmp_path / "views"
        views = open_views(folder, log)
        record(log, 1)
        before = digest_of(views)
        views.close()
        delete(folder, what)
        again = open_views(folder, log)
        assert digest_of(again) == before
        again.close()

    @pytest.mark.parametrize("what", ["everything", "the pointer"])
    def test_views_deleted_under_an_open_store_are_folded_anew(
        self, tmp_path: Path, log: MemoryLog, what: str
    ) -> None:
        folder = tmp_path / "views"
        views = open_views(folder, log)
        record(log, 1)
        before = digest_of(views)
        delete(folder, what)
        assert digest_of(views) == before
        record(log, 2)
        assert value(views) == "2"
        views.close()

    @pytest.mark.parametrize("damage", [b"", b"no LMDB file at all" * 1000, bytes(8192)])
    def test_a_damaged_file_is_folded_anew(
        self, tmp_path: Path, log: MemoryLog, damage: bytes
    ) -> None:
        views = open_views(tmp_path, log)
        record(log, 1)
        before = digest_of(views)
        views.close()
        [name] = builds(tmp_path)
        (tmp_path / name / "data.mdb").write_bytes(damage)
        again = open_views(tmp_path, log)
        assert digest_of(again) == before
        again.close()

    def test_a_pointer_to_nowhere_is_mended(self, tmp_path: Path, log: MemoryLog) -> None:
        record(log, 1)
        (tmp_path / f"current-{fingerprint()}").write_text(f"{fingerprint()}-nowhere")
        views = open_views(tmp_path, log)
        assert value(views) == "1"
        views.close()

    def test_builds_of_other_versions_are_left_alone(self, tmp_path: Path, log: MemoryLog) -> None:
        other = tmp_path / "0123456789ab-other"
        other.mkdir()
        (tmp_path / "current-0123456789ab").write_text(other.name)
        views = open_views(tmp_path, log)
        record(log, 1)
        views.rebuild()
        assert other.is_dir()
        assert (tmp_path / "current-0123456789ab").read_text() == other.name
        views.close()


def delete(folder: Path, what: str) -> None:
    if what == "everything":
        shutil.rmtree(folder)
    elif what == "the builds":
        for name in builds(folder):
            shutil.rmtree(folder / name)
    elif what == "the pointer":
        (folder / f"current-{fingerprint()}").unlink()
    else:
        for name in builds(folder):
            (folder / name / "data.mdb").unlink()


class TestFailures:
    """A fold that breaks down over an event is our bug: it costs that envelope and no other."""

    @pytest.fixture
    def buggy(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The fold of deleted tags breaks down, behind changes of the run that it made before."""

        def tag_deleted(tables: Tables, envelope: Envelope, *_: object) -> None:
            tables.change_run(envelope.header.stream).user = "half done"
            raise ZeroDivisionError

        monkeypatch.setitem(fold._FOLDS, "run.tag_deleted", tag_deleted)

    def test_the_envelope_is_set_aside_and_all_others_are_folded(
        self, views: Views, log: MemoryLog, buggy: None
    ) -> None:
        record(log, 1)
        assert value(views) == "1"
        broken = Draft.of(RUN, TagDeleted("a"))
        log.transact(lambda txn: txn.append(broken, SESSION))
        record(log, 2)
        for _ in range(2):
            assert value(views) == "2"
        with views.read() as reader:
            [aside] = skipped.read(reader)
            assert (aside.position, aside.kind, aside.count) == (2, skipped.FAILED, 1)
            assert "ZeroDivisionError" in aside.what
            state = reader.run(RUN.partition("/")[2])
            assert state is not None
            assert state.user != "half done"

    def test_it_is_set_aside_by_every_rebuild(
        self, views: Views, log: MemoryLog, buggy: None
    ) -> None:
        record(log, 1)
        broken = Draft.of(RUN, TagDeleted("a"))
        log.transact(lambda txn: txn.append(broken, SESSION))
        record(log, 2)
        before = digest_of(views)
        views.rebuild()
        assert digest_of(views) == before

    def test_a_batch_that_cannot_be_written_loses_nothing_of_what_can(
        self, views: Views, log: MemoryLog, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The failure shows only when the batch is written, so nobody knows whose it is."""

        def tag_deleted(tables: Tables, envelope: Envelope, *_: object) -> None:
            # More than any row can hold.
            tables.change_run(envelope.header.stream).start_ms = 2**70

        monkeypatch.setitem(fold._FOLDS, "run.tag_deleted", tag_deleted)
        record(log, 1)
        broken = Draft.of(RUN, TagDeleted("a"))
        log.transact(lambda txn: txn.append(broken, SESSION))
        record(log, 2)
        assert value(views) == "2"
        with views.read() as reader:
            assert [one.position for one in skipped.read(reader)] == [2]
