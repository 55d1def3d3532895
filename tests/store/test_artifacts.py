"""Artifacts: kept once, listed as MLflow lists, checked on the way out."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from eventtrack.errors import (
    ChecksumError,
    EventtrackWarning,
    InvalidValueError,
    NotFoundError,
)
from eventtrack.store import Store
from eventtrack.views.records import FileInfo
from tests.store.machines import refused


def blobs(store: Store) -> list[Path]:
    return sorted(path for path in (store.path / "blobs").rglob("*") if path.is_file())


def content(store: Store, run_id: str, path: str) -> bytes:
    with store.artifacts.open(run_id, path) as file:
        return file.read()


def listed(store: Store, run_id: str, path: str | None = None) -> list[tuple[str, int | None]]:
    return [(one.path, one.file_size) for one in store.artifacts.list(run_id, path)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files on two levels, an empty folder, and links."""
    root = tmp_path / "source"
    (root / "sub" / "deep").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "a.txt").write_text("a")
    (root / "sub" / "b.txt").write_text("bb")
    (root / "sub" / "deep" / "c.txt").write_text("ccc")
    (root / "link.txt").symlink_to(root / "a.txt")
    return root


def test_bytes_come_back_as_they_went(store: Store, run_id: str) -> None:
    data = bytes(range(256))
    store.artifacts.log_bytes(run_id, data, "folder/file.bin")
    assert content(store, run_id, "folder/file.bin") == data
    entry = store.artifacts.entry(run_id, "folder/file.bin")
    assert (entry.path, entry.size) == ("folder/file.bin", 256)
    assert entry.sha256 == hashlib.sha256(data).hexdigest()


def test_equal_files_of_all_runs_lie_on_the_disk_once(store: Store, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"same")
    for _ in range(2):
        run_id = store.runs.create("0").info.run_id
        store.artifacts.log_bytes(run_id, b"same", "one")
        store.artifacts.log_file(run_id, tmp_path / "f", "two")
    (blob,) = blobs(store)
    assert blob.name == hashlib.sha256(b"same").hexdigest()
    assert blob.read_bytes() == b"same"


def test_a_file_keeps_its_name_and_its_source(store: Store, run_id: str, folder: Path) -> None:
    store.artifacts.log_file(run_id, folder / "a.txt")
    store.artifacts.log_file(run_id, folder / "a.txt", "x/y")
    assert listed(store, run_id) == [("a.txt", 1), ("x", None)]
    assert content(store, run_id, "x/y/a.txt") == b"a"
    assert (folder / "a.txt").read_text() == "a"


def test_a_folder_is_one_event_with_every_file(store: Store, run_id: str, folder: Path) -> None:
    store.artifacts.log_folder(run_id, folder, "into")
    (event,) = store.events.read(types=["run.artifacts_logged"])
    assert [file["path"] for file in event.body["files"]] == [
        "into/a.txt",
        "into/link.txt",
        "into/sub/b.txt",
        "into/sub/deep/c.txt",
    ]
    assert content(store, run_id, "into/link.txt") == b"a"


def test_an_empty_folder_is_no_event(store: Store, run_id: str, tmp_path: Path) -> None:
    head = store.events.head()
    (tmp_path / "nothing").mkdir()
    store.artifacts.log_folder(run_id, tmp_path / "nothing")
    assert store.events.head() == head


def test_a_list_shows_one_level_sorted_by_path(store: Store, run_id: str, folder: Path) -> None:
    store.artifacts.log_folder(run_id, folder)
    store.artifacts.log_bytes(run_id, b"", "sub.txt")
    assert store.artifacts.list(run_id) == [
        FileInfo(path="a.txt", is_dir=False, file_size=1),
        FileInfo(path="link.txt", is_dir=False, file_size=1),
        FileInfo(path="sub", is_dir=True),
        FileInfo(path="sub.txt", is_dir=False, file_size=0),
    ]
    assert listed(store, run_id, "sub") == [("sub/b.txt", 2), ("sub/deep", None)]
    assert listed(store, run_id, "sub/deep/") == [("sub/deep/c.txt", 3)]


def test_a_list_of_a_file_or_of_nothing_is_empty(store: Store, run_id: str, folder: Path) -> None:
    store.artifacts.log_folder(run_id, folder)
    assert listed(store, run_id, "a.txt") == listed(store, run_id, "no") == []
    assert listed(store, run_id, "su") == []


def test_paths_of_any_length_and_script_are_kept_apart(store: Store, run_id: str) -> None:
    deep = "/".join(["y" * 250] * 4)
    names = ["é/日本.txt", f"{deep}/a", f"{deep}/b", f"{'z' * 200}/{'z' * 200}", "a b/%2e%2e"]
    for name in names:
        store.artifacts.log_bytes(run_id, name.encode(), name)
    for name in names:
        assert content(store, run_id, name) == name.encode()
    assert {one.path for one in store.artifacts.entries(run_id)} == set(names)
    assert len(store.artifacts.list(run_id, deep)) == 2


BAD_PATHS = ["..", "../a", "a/../../b", "/etc/passwd", "a\0b", "", ".", "\ud800", "a/../.."]


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_path_out_of_the_run_is_refused(
    store: Store, run_id: str, path: str, tmp_path: Path
) -> None:
    with refused(store, InvalidValueError):
        store.artifacts.log_bytes(run_id, b"", path)
    if path:
        with refused(store, InvalidValueError):
            store.artifacts.list(run_id, path)
        with refused(store, InvalidValueError):
            store.artifacts.download(run_id, path, tmp_path)
    with refused(store, InvalidValueError):
        store.artifacts.open(run_id, path)
    assert blobs(store) == []


@pytest.mark.parametrize("folder", ["..", "/abs", "a/../../b"])
def test_a_folder_out_of_the_run_is_refused(
    store: Store, run_id: str, folder: str, tmp_path: Path
) -> None:
    (tmp_path / "f").write_text("")
    with refused(store, InvalidValueError):
        store.artifacts.log_file(run_id, tmp_path / "f", folder)
    with refused(store, InvalidValueError):
        store.artifacts.log_folder(run_id, tmp_path, folder)


def test_what_is_not_there_cannot_be_logged(store: Store, run_id: str, tmp_path: Path) -> None:
    with refused(store, NotFoundError, "there is no such file"):
        store.artifacts.log_file(run_id, tmp_path / "no")
    with refused(store, NotFoundError, "there is no such file"):
        store.artifacts.log_file(run_id, tmp_path)
    with refused(store, NotFoundError, "there is no such folder"):
        store.artifacts.log_folder(run_id, tmp_path / "no")


@pytest.mark.parametrize("data", ["text", None, 5, ["a"]])
def test_only_bytes_are_bytes(store: Store, run_id: str, data: object) -> None:
    with refused(store, InvalidValueError):
        store.artifacts.log_bytes(run_id, data, "f")  # type: ignore[arg-type]


def test_a_file_name_that_is_no_text_is_refused(store: Store, run_id: str, tmp_path: Path) -> None:
    name = os.fsencode(str(tmp_path)) + b"/\xff"
    try:
        os.close(os.open(name, os.O_CREAT))
    except OSError:
        pytest.skip("this file system takes only names in UTF-8")
    with refused(store, InvalidValueError, "cannot encode"):
        store.artifacts.log_folder(run_id, tmp_path)


def test_what_a_run_does_not_have_is_not_found(store: Store, run_id: str, tmp_path: Path) -> None:
    for ask in (store.artifacts.entry, store.artifacts.open, store.artifacts.delete):
        with refused(store, NotFoundError, "has no artifact 'no'"):
            ask(run_id, "no")
    with refused(store, NotFoundError):
        store.artifacts.download(run_id, "no", tmp_path)
    with refused(store, NotFoundError, "not found"):
        store.artifacts.list("f" * 32)


def test_a_file_in_the_place_of_a_folder_is_refused(store: Store, run_id: str) -> None:
    store.artifacts.log_bytes(run_id, b"", "a/b")
    with refused(store, InvalidValueError, "it is a folder"):
        store.artifacts.log_bytes(run_id, b"", "a")
    with refused(store, InvalidValueError, "'a/b' is a file"):
        store.artifacts.log_bytes(run_id, b"", "a/b/c/d")
    store.artifacts.delete(run_id, "a/b")
    store.artifacts.log_bytes(run_id, b"", "a")


def test_a_file_may_be_replaced(store: Store, run_id: str) -> None:
    store.artifacts.log_bytes(run_id, b"old", "f")
    store.artifacts.log_bytes(run_id, b"newer", "f")
    assert content(store, run_id, "f") == b"newer"
    assert listed(store, run_id) == [("f", 5)]


def test_a_deleted_file_is_gone_from_the_list_and_may_come_back(store: Store, run_id: str) -> None:
    for name in ("d/a", "d/b", "da"):
        store.artifacts.log_bytes(run_id, name.encode(), name)
    store.artifacts.delete(run_id, "d")
    assert listed(store, run_id) == [("da", 2)]
    with refused(store, NotFoundError):
        store.artifacts.open(run_id, "d/a")
    store.artifacts.log_bytes(run_id, b"again", "d/a")
    assert content(store, run_id, "d/a") == b"again"


def test_a_download_is_a_file_a_folder_or_everything(
    store: Store, run_id: str, folder: Path, tmp_path: Path
) -> None:
    store.artifacts.log_folder(run_id, folder)
    target = tmp_path / "target"
    assert store.artifacts.download(run_id, "a.txt", target).read_text() == "a"
    assert (store.artifacts.download(run_id, "sub", target) / "deep/c.txt").read_text() == "ccc"
    everything = store.artifacts.download(run_id, "", tmp_path / "all")
    found = {path.relative_to(everything) for path in everything.rglob("*") if path.is_file()}
    assert len(found) == 4


def test_a_big_file_passes_through_in_pieces(
    store: Store, run_id: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_bytes = Path.read_bytes

    def small(self: Path) -> bytes:
        assert self.stat().st_size < 2**20, "the whole file was read at once"
        return read_bytes(self)

    monkeypatch.setattr(Path, "read_bytes", small)
    big = tmp_path / "big"
    with big.open("wb") as file:
        for number in range(9):
            file.write(bytes([number]) * 2**20)
        file.write(b"end")
    store.artifacts.log_file(run_id, big)
    assert store.artifacts.entry(run_id, "big").size == 9 * 2**20 + 3
    copy = store.artifacts.download(run_id, "big", tmp_path / "out")
    with copy.open("rb") as one, big.open("rb") as two:
        assert hashlib.file_digest(one, "md5").digest() == hashlib.file_digest(two, "md5").digest()


def damage(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


def test_a_changed_blob_is_noticed_on_download_and_left_out(
    store: Store, run_id: str, tmp_path: Path
) -> None:
    store.artifacts.log_bytes(run_id, b"right", "f")
    damage(blobs(store)[0], b"wrong")
    with refused(store, ChecksumError, "is not what was logged"):
        store.artifacts.download(run_id, "f", tmp_path / "out")
    assert not (tmp_path / "out" / "f").exists()


def test_a_missing_blob_is_not_found(store: Store, run_id: str, tmp_path: Path) -> None:
    store.artifacts.log_bytes(run_id, b"here", "f")
    blobs(store)[0].unlink()
    with refused(store, NotFoundError, "are not here"):
        store.artifacts.open(run_id, "f")
    with refused(store, NotFoundError, "are not here"):
        store.artifacts.download(run_id, "f", tmp_path)


def test_a_missing_blob_comes_back_with_the_next_log(store: Store, run_id: str) -> None:
    store.artifacts.log_bytes(run_id, b"here", "f")
    blobs(store)[0].unlink()
    store.artifacts.log_bytes(run_id, b"here", "g")
    assert content(store, run_id, "f") == b"here"


@pytest.mark.parametrize("write", [str, lambda path: path.as_uri()])
def test_an_experiment_s_own_location_holds_plain_files(
    store: Store, tmp_path: Path, write: Callable[[Path], str]
) -> None:
    root = tmp_path / "my files"
    experiment_id = store.experiments.create("own", artifact_location=write(root))
    run_id = store.runs.create(experiment_id).info.run_id
    store.artifacts.log_bytes(run_id, b"one", "d/f")
    store.artifacts.log_bytes(run_id, b"two", "d/f")
    assert (root / run_id / "artifacts" / "d" / "f").read_bytes() == b"two"
    assert content(store, run_id, "d/f") == b"two"
    assert blobs(store) == []
    assert [path.name for path in root.rglob("*") if path.is_file()] == ["f"]
    assert store.artifacts.download(run_id, "d/f", tmp_path / "out").read_bytes() == b"two"


def test_a_location_that_is_no_folder_here_is_refused_with_the_first_file(store: Store) -> None:
    experiment_id = store.experiments.create("bucket", artifact_location="s3://bucket/path")
    run_id = store.runs.create(experiment_id).info.run_id
    with refused(store, InvalidValueError, "s3"):
        store.artifacts.log_bytes(run_id, b"", "f")


def test_a_relative_location_is_a_folder_of_the_one_who_made_the_experiment(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    experiment_id = store.experiments.create("relative", artifact_location="some/where")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run_id = store.runs.create(experiment_id).info.run_id
    store.artifacts.log_bytes(run_id, b"x", "f")
    assert (tmp_path / "some" / "where" / run_id / "artifacts" / "f").exists()


def test_nothing_is_left_of_a_refused_file(store: Store, run_id: str, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("f")
    store.runs.delete(run_id)
    with refused(store, InvalidValueError, "must be in the 'active' state"):
        store.artifacts.log_file(run_id, tmp_path / "f")
    assert blobs(store) == []


def test_links_in_a_logged_folder_are_files_or_nothing(
    store: Store, run_id: str, tmp_path: Path
) -> None:
    """A link to a file is logged as what it shows; one to a folder, or to nothing, is left out."""
    folder, elsewhere = tmp_path / "logged", tmp_path / "elsewhere"
    (folder / "sub").mkdir(parents=True)
    elsewhere.mkdir()
    (elsewhere / "real.txt").write_text("real")
    (folder / "link.txt").symlink_to(elsewhere / "real.txt")
    (folder / "folder").symlink_to(elsewhere)
    (folder / "sub" / "ring").symlink_to(folder)
    (folder / "sub" / "nothing").symlink_to(tmp_path / "missing")
    (folder / "sub" / "itself").symlink_to(folder / "sub" / "itself")
    with pytest.warns(
        EventtrackWarning, match="4 entries .* folder, sub/itself, sub/nothing, sub/"
    ):
        store.artifacts.log_folder(run_id, folder)
    assert [entry.path for entry in store.artifacts.entries(run_id)] == ["link.txt"]
    with store.artifacts.open(run_id, "link.txt") as file:
        assert file.read() == b"real"
