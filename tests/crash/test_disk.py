"""Full disks, files without permission, folders that are gone: said clearly, and nothing lost."""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from eventtrack.errors import (
    DiskFullError,
    EventtrackError,
    EventtrackWarning,
    StoreMissingError,
    StoreReadOnlyError,
)
from eventtrack.store import Store, open_store
from tests.crash import workers
from tests.crash.workers import opened

NOBODY = 65534
is_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount or become nobody")


def log_until_full(store: Store, run_id: str) -> int:
    """Log points until one is refused; returns how many were taken."""
    for number in range(10**6):
        try:
            store.metrics.log(run_id, "loss", number / 3, number)
        except DiskFullError:
            return number
    raise AssertionError("the disk never filled")


def fill(path: Path, free: Callable[[], None], full: Callable[[], None]) -> None:
    """Log into a full disk, then into one that has room again."""
    warnings.simplefilter("ignore", EventtrackWarning)  # the drainer's: it is heard elsewhere
    workers.shrink(journal_bytes=64 * 1024)
    store = open_store(path)
    run_id = store.runs.create("0").info.run_id
    store.runs.log_params(run_id, {"before": "full"})
    store.metrics.log(run_id, "loss", 0.0, -1)
    full()
    # The journal was made before the disk was full: it takes what it can.
    taken = log_until_full(store, run_id)
    assert taken > 100
    with pytest.raises(DiskFullError, match="full") as caught:
        store.runs.log_params(run_id, {"large": "x" * 6000, "larger": "y" * 6000})
    assert "free some space" in caught.value.hint
    with pytest.raises(DiskFullError):
        store.artifacts.log_bytes(run_id, os.urandom(3_000_000), "large.bin")
    free()
    store.metrics.log(run_id, "loss", 0.5, taken)
    store.flush()
    assert list(store.metrics.arrays(run_id, "loss").steps) == list(range(-1, taken + 1))
    store.runs.log_params(run_id, {"after": "full"})
    assert set(store.runs.get(run_id).data.params) == {"before", "after"}
    workers.assert_sound(store)
    store.close()


def fill_small_disk(mount: Path) -> None:
    """Fill a file system of a few megabytes, mounted where only this process sees it."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(mount)], check=True)
    ballast = mount / "ballast"

    def full() -> None:
        with ballast.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    fill(mount / "store", ballast.unlink, full)


def _fails(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode != 0


def _call(work: Callable[[Path], None], path: Path, *before: str) -> None:
    """Do `work(path)` in a new program, begun by the command `before`."""
    code = (
        f"import pathlib, {work.__module__} as tests\n"
        f"tests.{work.__name__}(pathlib.Path({str(path)!r}))"
    )
    root = str(Path(__file__).resolve().parents[2])
    done = subprocess.run(
        [*before, sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": root},
        timeout=workers.PATIENCE_S,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@is_root
@pytest.mark.slow
def test_a_full_disk_loses_nothing_and_is_left_when_there_is_room(tmp_path: Path) -> None:
    private = ("unshare", "--mount")
    mount = tmp_path / "mount"
    mount.mkdir()
    probe = [*private, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(mount)]
    if not shutil.which("unshare") or _fails(*probe):
        pytest.skip("no private mount namespaces here")
    _call(fill_small_disk, mount, *private)


def fill_by_limit(path: Path) -> None:
    """No file may grow beyond a limit: what a quota does, and anybody can have it."""

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

    def full() -> None:
        limit((path / "log" / "data.mdb").stat().st_size // 2)

    fill(path, lambda: limit(resource.RLIM_INFINITY), full)


@pytest.mark.slow
def test_a_file_that_may_not_grow_loses_nothing(tmp_path: Path) -> None:
    _call(fill_by_limit, tmp_path / "store")


def as_nobody(path: Path) -> None:
    """Try to write to a store of somebody else's, and to read one that only its owner may read."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    store = open_store(path)
    with pytest.raises(StoreReadOnlyError) as caught:
        store.runs.create("0")
    assert "permissions" in caught.value.message
    store.close()
    with pytest.raises(StoreReadOnlyError) as caught:
        open_store(path.parent / "secret")
    assert "permissions" in caught.value.hint
    with pytest.raises(StoreReadOnlyError):
        open_store(path.parent / "new")


@is_root
def test_a_store_without_permission_says_so(tmp_path: Path) -> None:
    place = Path(tempfile.mkdtemp(prefix="eventtrack-"))
    try:
        place.chmod(0o755)
        with opened(place / "store") as store:
            store.runs.create("0")
        shutil.copytree(place / "store", place / "secret")
        (place / "secret" / "log" / "data.mdb").chmod(0o600)
        workers.finish(workers.start(as_nobody, place / "store"))
    finally:
        shutil.rmtree(place)


def on_read_only_disk(path: Path) -> None:
    """Try to use a store on a file system that was mounted to be read."""
    with opened(path / "store") as store:
        store.runs.create("0")
    subprocess.run(["mount", "--bind", str(path), str(path)], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", str(path)], check=True)
    store = open_store(path / "store")
    with pytest.raises(StoreReadOnlyError) as caught:
        store.runs.create("0")
    assert caught.value.hint
    store.close()
    with pytest.raises(StoreReadOnlyError):
        open_store(path / "new")


@is_root
def test_a_read_only_disk_says_so(tmp_path: Path) -> None:
    if not shutil.which("unshare") or _fails("unshare", "-m", "true"):
        pytest.skip("no private mount namespaces here")
    _call(on_read_only_disk, tmp_path, "unshare", "--mount")


def test_a_store_that_was_deleted_says_so(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    run_id = store.runs.create("0").info.run_id
    store.metrics.log(run_id, "loss", 1.0)
    store.flush()
    shutil.rmtree(tmp_path / "store")
    with pytest.raises(StoreMissingError, match="deleted") as caught:
        store.runs.set_tags(run_id, {"k": "v"})
    assert caught.value.hint
    with pytest.raises(StoreMissingError, match="deleted"):
        store.runs.create("0")
    with pytest.raises(StoreMissingError, match="deleted"):
        store.runs.get(run_id)
    assert not (tmp_path / "store").exists()
    store.close()
    with opened(tmp_path / "store") as store:
        assert store.runs.search(["0"]) == []


def test_points_of_a_store_that_was_deleted_are_not_taken_silently(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    run_id = store.runs.create("0").info.run_id
    sink = store.metrics.sink(run_id)
    shutil.rmtree(tmp_path / "store")
    drainer = store._engine._drainer
    assert drainer is not None

    def log() -> None:
        sink.log("loss", 1.0)
        workers.until(lambda: drainer._warned)
        time.sleep(0.05)  # it says so just after

    with pytest.warns(EventtrackWarning, match="stay in the journal"):
        log()
    with pytest.raises(StoreMissingError):
        store.flush()
    with pytest.raises(EventtrackError):
        store.close()


def test_a_store_that_was_replaced_says_so(tmp_path: Path) -> None:
    store = open_store(tmp_path / "store")
    store.runs.create("0")
    (tmp_path / "store").rename(tmp_path / "old")
    workers.finish(workers.start(_make, tmp_path / "store"))
    with pytest.raises(StoreMissingError, match="replaced"):
        store.runs.create("0")
    store.close()
    with opened(tmp_path / "old") as old:
        assert len(old.runs.search(["0"])) == 1
        workers.assert_sound(old)


def _make(path: Path) -> None:
    open_store(path).close()
