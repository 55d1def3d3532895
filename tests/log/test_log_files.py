"""The folder of a store: what is made, what is refused, and how the log in it is opened."""

import errno
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import lmdb
import pytest

from eventtrack.clock import ManualClock
from eventtrack.errors import (
    EventtrackError,
    FormatTooNewError,
    InvalidValueError,
    StoreMissingError,
    StoreReadOnlyError,
    UnsuitableFileSystemError,
)
from eventtrack.events.envelope import FORMAT_VERSION
from eventtrack.log import files, filesystem, identity
from eventtrack.log.filesystem import file_identity
from eventtrack.log.lmdb_log import LmdbLog
from tests.contracts.event_log import append, point


def contents(folder: Path) -> dict[str, bytes | None]:
    """Every file with its bytes, every folder with None."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


def mounts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *lines: str) -> None:
    """Let the machine have these mounts."""
    table = tmp_path / "mounts"
    table.write_text("".join(f"{line} rw,relatime 0 0\n" for line in lines))
    monkeypatch.setattr(filesystem, "_MOUNTS", table)


@pytest.fixture
def original(tmp_path: Path) -> Path:
    folder = tmp_path / "original"
    folder.mkdir()
    log = LmdbLog(folder)
    append(log, point(0), point(1))
    log.close()
    return folder


def test_a_newer_format_is_refused_and_left_alone(tmp_path: Path) -> None:
    files.prepare(tmp_path, create=True)
    newer = files.FORMAT_WITH_BRANCHES + 1
    (tmp_path / "FORMAT").write_text(f"{newer}\n")
    before = contents(tmp_path)
    times = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    for create in (True, False):
        with pytest.raises(FormatTooNewError) as caught:
            files.prepare(tmp_path, create=create)
        assert f"format {newer}" in caught.value.message
        assert "pip install -U eventtrack" in caught.value.hint
    assert contents(tmp_path) == before
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == times


def test_the_log_is_opened_with_synchronous_commits_and_no_writable_map(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[dict[str, Any]] = []
    real = lmdb.open

    def recording(*args: Any, **options: Any) -> lmdb.Environment:
        opened.append(options)
        return real(*args, **options)

    monkeypatch.setattr(lmdb, "open", recording)
    LmdbLog(tmp_path).close()
    [options] = opened
    assert options["sync"] is True
    assert options["metasync"] is True
    assert options["writemap"] is False
    assert not options.get("map_async", False)


def test_a_copied_store_starts_a_new_feed(original: Path, tmp_path: Path) -> None:
    shutil.copytree(original, tmp_path / "copy")
    log, copy = LmdbLog(original), LmdbLog(tmp_path / "copy")
    assert copy.replica != log.replica
    [envelope] = append(copy, point(2))
    assert (envelope.header.replica, envelope.header.index) == (copy.replica, 0)
    assert copy.heads()[log.replica] == log.heads()[log.replica]
    assert [one.data for one in copy.read(0, 2)] == [one.data for one in log.read(0, 2)]
    log.close()
    copy.close()


def test_a_copy_with_the_same_inode_on_another_disk_starts_a_new_feed(
    original: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy on a new file system often has it: what tells is the generation, and which system."""
    log = LmdbLog(original)
    replica = log.replica
    log.close()
    inode, generation, system = file_identity(original / "data.mdb").decode().split(".")
    for other in (f"{inode}.0badcafe.{system}", f"{inode}.{generation}.1234"):
        monkeypatch.setattr(identity, "file_identity", lambda path, name=other: name.encode())
        copy = LmdbLog(original)
        assert copy.replica != replica
        replica = copy.replica
        copy.close()


def test_a_file_keeps_its_identity_when_it_is_written_renamed_and_touched(tmp_path: Path) -> None:
    file = tmp_path / "data.mdb"
    file.write_bytes(b"1")
    before = file_identity(file)
    file.write_bytes(b"22")
    moved = file.rename(tmp_path / "moved")
    os.utime(moved, (0, 0))
    assert file_identity(moved) == before
    shutil.copy2(moved, tmp_path / "copy")
    assert file_identity(tmp_path / "copy") != before


class TestPrepare:
    def test_a_new_store_has_its_folders_and_says_its_format(self, tmp_path: Path) -> None:
        files.prepare(tmp_path / "deep" / "store", create=True)
        found = contents(tmp_path / "deep" / "store")
        assert found.pop("FORMAT") == f"{FORMAT_VERSION}\n".encode()
        made = {".gitignore", "log/data.mdb", "log/lock.mdb"}
        assert set(found) == {*made, "log", "journal", "views", "blobs", "locations"}

    def test_git_leaves_a_new_store_out(self, tmp_path: Path) -> None:
        def told() -> str:
            words = ["git", "status", "--porcelain"]
            return subprocess.run(
                words, cwd=tmp_path, check=True, capture_output=True, text=True
            ).stdout

        subprocess.run(["git", "init", "-q", tmp_path], check=True)
        files.prepare(tmp_path / ".eventtrack", create=True)
        assert told() == ""
        (tmp_path / "train.py").write_text("")
        assert told() == "?? train.py\n"

    def test_a_store_in_a_folder_of_git_hides_nothing_else(self, tmp_path: Path) -> None:
        subprocess.run(["git", "init", "-q", tmp_path], check=True)
        files.prepare(tmp_path, create=True)
        assert not (tmp_path / ".gitignore").exists()

    def test_preparing_again_changes_nothing(self, tmp_path: Path) -> None:
        files.prepare(tmp_path / "store", create=True)
        before = contents(tmp_path)
        files.prepare(tmp_path / "store", create=True)
        files.prepare(tmp_path / "store", create=False)
        assert contents(tmp_path) == before

    def test_a_missing_store_is_not_made_unless_asked_for(self, tmp_path: Path) -> None:
        with pytest.raises(StoreMissingError) as caught:
            files.prepare(tmp_path / "store", create=False)
        assert "eventtrack demo" in caught.value.hint
        assert contents(tmp_path) == {}

    def test_a_store_whose_making_was_interrupted_is_finished(self, tmp_path: Path) -> None:
        (tmp_path / "store" / "log").mkdir(parents=True)
        (tmp_path / "store" / "FORMAT.123").write_text("1")
        (tmp_path / "store" / "FORMAT.123").rename(tmp_path / "store" / ".draft")
        files.prepare(tmp_path / "store", create=True)
        assert (tmp_path / "store" / "FORMAT").read_text() == f"{FORMAT_VERSION}\n"
        assert (tmp_path / "store" / "blobs").is_dir()

    def test_a_folder_of_something_else_is_refused_and_left_alone(self, tmp_path: Path) -> None:
        (tmp_path / "thesis.tex").write_text("years of work")
        before = contents(tmp_path)
        with pytest.raises(InvalidValueError, match=r"thesis\.tex"):
            files.prepare(tmp_path, create=True)
        assert contents(tmp_path) == before

    @pytest.mark.parametrize("text", ["", "one\n", "-1", "1.5", "\0\0"])
    def test_a_format_that_is_no_number_is_refused(self, tmp_path: Path, text: str) -> None:
        files.prepare(tmp_path, create=True)
        (tmp_path / "FORMAT").write_text(text)
        with pytest.raises(InvalidValueError, match="FORMAT"):
            files.prepare(tmp_path, create=True)

    @pytest.mark.parametrize("below", ["", "store", "deep/store"])
    def test_a_file_in_place_of_the_folder_is_refused(self, tmp_path: Path, below: str) -> None:
        (tmp_path / "file").write_text("a file")
        with pytest.raises(EventtrackError) as caught:
            files.prepare(tmp_path / "file" / below, create=True)
        assert caught.value.hint
        assert (tmp_path / "file").read_text() == "a file"

    def test_a_file_in_place_of_a_missing_store_is_said_to_be_no_store(
        self, tmp_path: Path
    ) -> None:
        (tmp_path / "file").write_text("a file")
        with pytest.raises(EventtrackError):
            files.prepare(tmp_path / "file", create=False)

    def test_an_unreadable_store_says_whose_fault_it_is(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The tests may run as root, who can read everything: so reading is made to fail."""
        files.prepare(tmp_path, create=True)

        def refuse(path: Path, *_: Any, **__: Any) -> str:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

        monkeypatch.setattr(Path, "read_text", refuse)
        with pytest.raises(StoreReadOnlyError) as caught:
            files.prepare(tmp_path, create=True)
        assert "permissions" in caught.value.hint

    def test_a_full_disk_says_so_and_leaves_no_half_store(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device", str(descriptor))

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", refuse)
            with pytest.raises(EventtrackError, match="the disk is full"):
                files.prepare(tmp_path / "store", create=True)
        assert not (tmp_path / "store" / "FORMAT").exists()
        files.prepare(tmp_path / "store", create=True)


class TestFileSystem:
    def test_a_network_file_system_is_refused_with_the_way_out(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        home = tmp_path / "home"
        mounts(monkeypatch, tmp_path, "/dev/sda1 / ext4", f"server:/home {home} nfs4")
        with pytest.raises(UnsuitableFileSystemError) as caught:
            files.prepare(home / "me" / "store", create=True)
        assert "nfs4" in caught.value.message
        assert "EVENTTRACK_URI" in caught.value.hint

    def test_a_store_that_came_to_lie_on_a_network_is_refused(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        files.prepare(tmp_path / "store", create=True)
        mounts(monkeypatch, tmp_path, f"server:/ {tmp_path} cifs")
        with pytest.raises(UnsuitableFileSystemError):
            files.prepare(tmp_path / "store", create=False)

    def test_a_local_disk_below_a_network_mount_is_fine(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scratch = tmp_path / "home" / "scratch"
        mounts(
            monkeypatch, tmp_path, f"server:/ {tmp_path / 'home'} nfs", f"/dev/sdb {scratch} xfs"
        )
        files.prepare(scratch / "store", create=True)

    def test_the_last_mount_at_a_point_counts(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mounts(monkeypatch, tmp_path, f"server:/ {tmp_path} nfs", f"/dev/sdb {tmp_path} xfs")
        assert filesystem.file_system_kind(tmp_path) == "xfs"

    def test_a_mount_with_a_similar_name_is_another_one(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mounts(monkeypatch, tmp_path, "/dev/sda1 / ext4", f"server:/ {tmp_path}/data nfs")
        assert filesystem.file_system_kind(tmp_path / "database") == "ext4"

    def test_a_space_in_a_mount_point_is_understood(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        mounts(monkeypatch, tmp_path, f"server:/ {tmp_path}/my\\040disk nfs")
        assert filesystem.file_system_kind(tmp_path / "my disk" / "store") == "nfs"

    def test_a_link_is_followed_to_where_it_leads(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "net").mkdir()
        (tmp_path / "link").symlink_to(tmp_path / "net")
        mounts(monkeypatch, tmp_path, "/dev/sda1 / ext4", f"server:/ {tmp_path}/net nfs")
        assert filesystem.file_system_kind(tmp_path / "link" / "store") == "nfs"

    def test_nothing_is_refused_where_the_system_does_not_tell(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(filesystem, "_MOUNTS", tmp_path / "missing")
        assert filesystem.file_system_kind(tmp_path) == ""
        files.prepare(tmp_path / "store", create=True)


class TestOpening:
    def test_an_append_moves_the_time_of_the_file(self, tmp_path: Path) -> None:
        """What a file watcher waits for: a writable map would not show it."""
        log = LmdbLog(tmp_path)
        os.utime(tmp_path / "data.mdb", (0, 0))
        append(log, point(0))
        assert (tmp_path / "data.mdb").stat().st_mtime > 1
        log.close()


class TestCopies:
    def test_the_copy_keeps_its_new_name(self, original: Path, tmp_path: Path) -> None:
        shutil.copytree(original, tmp_path / "copy")
        names = []
        for _ in range(2):
            copy = LmdbLog(tmp_path / "copy")
            names.append(copy.replica)
            copy.close()
        assert names[0] == names[1]

    def test_two_copies_are_two_replicas(self, original: Path, tmp_path: Path) -> None:
        names = set()
        for name in ("one", "two"):
            shutil.copytree(original, tmp_path / name)
            copy = LmdbLog(tmp_path / name)
            names.add(copy.replica)
            copy.close()
        assert len(names) == 2

    def test_a_copy_records_after_what_it_holds(self, original: Path, tmp_path: Path) -> None:
        """Or a fact of the copy could lose against an older one. Its clock may be a little slow."""
        shutil.copytree(original, tmp_path / "copy")
        written_ms = LmdbLog(original).read(0, 10)[-1].header.recorded >> 16
        copy = LmdbLog(tmp_path / "copy", clock=ManualClock(written_ms - 50_000))
        newest = copy.read(0, 10)[-1].header.recorded
        assert append(copy, point(2))[0].header.recorded > newest
        copy.close()

    def test_a_moved_store_goes_on_with_its_feed(self, original: Path, tmp_path: Path) -> None:
        log = LmdbLog(original)
        replica = log.replica
        log.close()
        original.rename(tmp_path / "moved")
        moved = LmdbLog(tmp_path / "moved")
        assert moved.replica == replica
        assert append(moved, point(2))[0].header.index == 2
        moved.close()


def test_a_boot_has_a_name_or_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "boot_id").write_text("a-boot\n")
    monkeypatch.setattr(filesystem, "_BOOT_ID", tmp_path / "boot_id")
    assert filesystem.boot_id() == "a-boot"
    monkeypatch.setattr(filesystem, "_BOOT_ID", tmp_path / "missing")
    assert filesystem.boot_id() == ""


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, "DiskFullError"),
        (errno.EDQUOT, "DiskFullError"),
        (errno.EFBIG, "DiskFullError"),
        (errno.EROFS, "StoreReadOnlyError"),
        (errno.EACCES, "StoreReadOnlyError"),
        (errno.EPERM, "StoreReadOnlyError"),
    ],
)
def test_the_systems_errors_become_ours(number: int, kind: str) -> None:
    error = filesystem.translate_os_error(OSError(number, "text", "file"), "try")
    assert type(error).__name__ == kind
    assert isinstance(error, EventtrackError)
    assert error.hint


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_every_error_of_the_system_becomes_ours_with_what_to_do(number: int) -> None:
    error = OSError(number, os.strerror(number), "some/file")
    ours = filesystem.translate_os_error(error, "try")
    assert ours.message.startswith("cannot try: ")
    assert ours.hint
