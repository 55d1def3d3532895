"""A backup holds what the log held, also of a store in use; what is restored goes on as its own."""

import json
import resource
import shutil
import threading
import time
from pathlib import Path

import pytest

from eventtrack.errors import DiskFullError, InvalidValueError
from eventtrack.rescue import back_up, backup
from eventtrack.store import Store
from eventtrack.sync import Remotes, clone
from eventtrack.tokens import Tokens
from tests.crash import workers
from tests.sync.machines import machine, record_run, restore, sync


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where the backup will be."""
    return tmp_path / "backups" / "runs"


def restored(folder: Path, path: Path) -> Store:
    """A store made of a backup."""
    store, _ = clone(str(folder), path)
    assert store.maintenance.check().ok
    return store


def test_what_a_backup_holds_is_restored_and_goes_on_under_another_name(
    tmp_path: Path, folder: Path
) -> None:
    one = machine(tmp_path / "one")
    run_id = record_run(one, "first")
    one.artifacts.log_bytes(run_id, b"weights", "weights.bin")
    Remotes(one.replication).add("origin", str(tmp_path / "stick"))
    token = Tokens(one.path).create("ada", "write")
    report = back_up(one, folder)
    assert report.artifacts == 1
    assert report.envelopes == one.events.head()
    assert sorted(path.name for path in folder.iterdir()) == [
        *("BACKUP.json", "REMOTE", "blobs", "feeds", "remotes.json", "tokens.json")
    ]
    assert token not in (folder / "tokens.json").read_text()
    again = restored(folder, tmp_path / "again")
    assert again.maintenance.digest() == one.maintenance.digest()
    assert again.replication.log.replica != one.replication.log.replica
    again.runs.set_tags(run_id, {"restored": "yes"})
    sync(again, tmp_path / "stick")
    sync(one, tmp_path / "stick")
    assert one.runs.get(run_id).data.tags["restored"] == "yes"
    again.close()
    one.close()


def test_the_next_backup_copies_only_what_is_new(tmp_path: Path, folder: Path) -> None:
    one = machine(tmp_path / "one")
    record_run(one, "first")
    back_up(one, folder)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}
    assert back_up(one, folder).bytes == 0
    head = one.events.head()
    record_run(one, "second")
    report = back_up(one, folder)
    assert report.envelopes == one.events.head() - head
    unchanged = [path for path, time in before.items() if path.stat().st_mtime_ns == time]
    assert len(unchanged) == len(before) - 1, "only BACKUP.json was written anew"
    assert restored(folder, tmp_path / "again").maintenance.digest() == one.maintenance.digest()
    one.close()


def test_a_backup_is_made_while_others_write(tmp_path: Path, folder: Path) -> None:
    """Everything that had returned before it began is in it, and each later one holds more."""
    path, notes = tmp_path / "store", tmp_path / "notes"
    writer = workers.start(workers.write, path, notes)
    sizes = []
    for number in range(3):
        workers.until_returned(notes, 200 * (number + 1))
        with workers.opened(path) as store:
            at_least = store.events.head()
            report = back_up(store, folder)
        again = restored(folder, tmp_path / f"again-{number}")
        sizes.append(again.events.head())
        assert sizes[-1] >= at_least
        assert sum(report.heads.values()) >= at_least
        again.close()
    assert sizes == sorted(set(sizes))
    notes.with_suffix(".stop").touch()
    workers.finish(writer)


def test_machines_that_saw_more_than_the_backup_give_the_rest_back(
    tmp_path: Path, folder: Path
) -> None:
    one, two = machine(tmp_path / "one"), machine(tmp_path / "two")
    record_run(one, "before")
    back_up(one, folder)
    late = record_run(one, "after")
    sync(one, tmp_path / "stick")
    sync(two, tmp_path / "stick")
    digest = one.maintenance.digest()
    one.close()
    shutil.rmtree(tmp_path / "one")
    again = restored(folder, tmp_path / "one-again")
    assert late not in {run.info.run_id for run in again.runs.search(["0"])}
    mine = record_run(again, "mine")
    sync(again, tmp_path / "stick")
    assert again.runs.get(late).data.params["lr"] == "after"
    sync(two, tmp_path / "stick")
    assert two.maintenance.digest() != digest
    assert two.runs.get(mine).data.params["lr"] == "mine"
    assert not two.feeds.forks()
    for store in (again, two):
        assert store.maintenance.check().ok
        store.close()


def test_a_copied_folder_starts_a_feed_of_its_own_as_well(tmp_path: Path) -> None:
    """Backups made by other means, by copying the folder of a store that nobody has open."""
    one = machine(tmp_path / "one")
    run_id = record_run(one, "copied")
    replica = one.replication.log.replica
    one.close()
    shutil.copytree(tmp_path / "one", tmp_path / "copy")
    copy = Store(tmp_path / "copy", create=False)
    assert copy.replication.log.replica != replica
    assert copy.runs.get(run_id).data.params["lr"] == "copied"
    copy.close()


def _kill_in_backup(path: Path, folder: Path) -> None:
    """Back up, and die before the note that says it is whole."""
    vars(backup)["replace_file"] = lambda *_: workers.kill_after(lambda: None)
    with workers.opened(path) as store:
        back_up(store, folder)


def test_a_backup_that_was_killed_is_never_taken_for_a_whole_one(
    tmp_path: Path, folder: Path
) -> None:
    with workers.opened(tmp_path / "one") as one:
        record_run(one, "first")
    process = workers.start(_kill_in_backup, tmp_path / "one", folder)
    process.join(workers.PATIENCE_S)
    assert process.exitcode == -9
    assert not (folder / backup.NOTE).exists()
    with workers.opened(tmp_path / "one") as one:
        back_up(one, folder)
        first = (folder / backup.NOTE).read_bytes()
        record_run(one, "second")
    process = workers.start(_kill_in_backup, tmp_path / "one", folder)
    process.join(workers.PATIENCE_S)
    assert (folder / backup.NOTE).read_bytes() == first
    again = restored(folder, tmp_path / "again")
    assert sum(json.loads(first)["heads"].values()) <= again.events.head()
    again.close()
    with workers.opened(tmp_path / "one") as one:
        back_up(one, folder)
        assert (folder / backup.NOTE).read_bytes() != first


@pytest.mark.parametrize("place", ["itself", "inside", "another store"])
def test_a_backup_is_not_put_into_a_store(tmp_path: Path, place: str) -> None:
    one = machine(tmp_path / "one")
    machine(tmp_path / "two").close()
    folder = {"itself": "one", "inside": "one/backup", "another store": "two"}[place]
    with pytest.raises(InvalidValueError) as caught:
        back_up(one, tmp_path / folder)
    assert "another disk" in caught.value.hint
    one.close()


def test_on_a_full_disk_the_earlier_backup_stays(tmp_path: Path, folder: Path) -> None:
    """A limit of the size of files is told as a full disk is."""
    one = machine(tmp_path / "one")
    record_run(one, "first")
    back_up(one, folder)
    note = (folder / backup.NOTE).read_bytes()
    run_id = record_run(one, "second")
    one.artifacts.log_bytes(run_id, bytes(2**22), "large.bin")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**21, before[1]))
    try:
        with pytest.raises(DiskFullError) as caught:
            back_up(one, folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "ulimit -f" in caught.value.hint
    assert (folder / backup.NOTE).read_bytes() == note
    assert not list(folder.rglob(".draft-*"))
    again = restored(folder, tmp_path / "again")
    assert "first" in {run.info.run_name for run in again.runs.search(["0"])}
    again.close()
    back_up(one, folder)
    assert (folder / backup.NOTE).read_bytes() != note
    one.close()


def test_threads_that_write_meanwhile_do_not_disturb_a_backup(tmp_path: Path, folder: Path) -> None:
    one = machine(tmp_path / "one")
    run_id = record_run(one)
    stop = threading.Event()
    threads = workers.Threads()

    def write() -> None:
        number = 0
        while not stop.is_set():
            one.metrics.log(run_id, "busy", number, number)
            number += 1
            time.sleep(0.001)

    threads.run(write)
    for _ in range(3):
        back_up(one, folder)
    stop.set()
    threads.join()
    back_up(one, folder)
    assert restored(folder, tmp_path / "again").maintenance.digest() == one.maintenance.digest()
    one.close()


def test_restoring_over_the_old_files_is_noticed_when_the_rest_comes_back(
    tmp_path: Path,
) -> None:
    """An image of a disk: file for file in its place, so nothing shows that it is a copy."""
    one = machine(tmp_path / "one")
    record_run(one, "kept")
    one.close()
    shutil.copytree(tmp_path / "one", tmp_path / "image")
    one = Store(tmp_path / "one", create=False)
    record_run(one, "lost here")
    replica = one.replication.log.replica
    sync(one, tmp_path / "stick")
    one.close()
    restore(tmp_path / "image", tmp_path / "one")
    again = Store(tmp_path / "one", create=False)
    sync(again, tmp_path / "stick")
    assert {run.info.run_name for run in again.runs.search(["0"])} == {"kept", "lost here"}
    assert again.replication.log.replica != replica
    again.close()
