"""Views are a cache: what is in doubt, damaged or gone is folded anew, without loss."""

import shutil
from pathlib import Path

import pytest

from eventtrack.errors import ProjectionError
from eventtrack.events.envelope import Draft
from eventtrack.events.types import MetricsLogged
from eventtrack.log.memory import MemoryLog
from eventtrack.projections import build as build_module
from eventtrack.projections.build import Build
from eventtrack.projections.digest import digest
from eventtrack.projections.runner import Views, fingerprint
from tests.contracts.event_log import SESSION
from tests.projections.live import (
    RUN,
    builds,
    digest_of,
    open_views,
    record,
    value,
)


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
            assert not (tmp_path / name / "clean").exists()
            views.close()
            assert (tmp_path / name / "clean").exists()

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
        assert (tmp_path / name / "clean").exists()
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
    def test_a_projection_that_fails_stops_before_the_event_and_costs_none(
        self, views: Views, log: MemoryLog
    ) -> None:
        record(log, 1)
        assert value(views) == "1"
        broken = Draft.of(RUN, MetricsLogged(["a", "b"], [1.0], 1, 1))
        log.transact(lambda txn: txn.append(broken, SESSION))
        record(log, 2)
        for _ in range(2):
            with pytest.raises(ProjectionError, match=r"event 2\.0 of run/"):
                value(views)
        assert log.head() == 3

    def test_a_batch_that_fails_leaves_no_trace(self, tmp_path: Path) -> None:
        log = MemoryLog()
        record(log, 1)
        build = Build(tmp_path)
        build.advance(log)
        with build.read() as reader:
            before = digest(reader)
        record(log, 2)
        broken = Draft.of(RUN, MetricsLogged(["a", "b"], [1.0], 1, 1))
        log.transact(lambda txn: txn.append(broken, SESSION))
        with pytest.raises(ProjectionError):
            build.advance(log)
        with build.read() as reader:
            assert digest(reader) == before
        assert build.checkpoint().position == 1
        build.close()
