"""Sync as one calls it: names of remotes, clones, restored backups."""

from pathlib import Path

import pytest

from eventtrack.errors import AlreadyExistsError, InvalidValueError, NotFoundError, RemoteError
from eventtrack.store import Store
from eventtrack.sync import Remotes, clone, synchronize
from tests.sync.machines import copy_of, record_run, reopened, restore, sync


def test_a_clone_holds_the_same_and_writes_its_own_feed(
    one: Store, stick: Path, tmp_path: Path
) -> None:
    record_run(one)
    sync(one, stick)
    twin, report = clone(str(stick), tmp_path / "twin")
    assert twin.maintenance.digest() == one.maintenance.digest()
    assert report.pulled.envelopes == one.events.head()
    assert twin.replication.heads().keys() == one.replication.heads().keys()
    run_id = record_run(twin, "of the clone")
    assert twin.replication.log.replica not in one.replication.heads()
    synchronize(twin)
    sync(one, stick)
    assert one.runs.get(run_id).info.run_name == "of the clone"
    assert twin.maintenance.digest() == one.maintenance.digest()
    twin.close()


def test_a_clone_does_not_touch_a_store_that_is_there(one: Store, stick: Path) -> None:
    sync(one, stick)
    with pytest.raises(AlreadyExistsError):
        clone(str(stick), one.path)


def test_a_clone_of_nothing_makes_nothing(tmp_path: Path) -> None:
    with pytest.raises(RemoteError):
        clone(str(tmp_path / "nowhere"), tmp_path / "twin")
    assert not (tmp_path / "twin").exists()


def test_a_restored_backup_gets_its_own_feed_back_and_begins_another(
    one: Store, two: Store, stick: Path, tmp_path: Path
) -> None:
    backup = copy_of(one, tmp_path / "backup")
    lost = record_run(one, "after the backup")
    for store in (one, two, one):
        sync(store, stick)
    before, replica = one.maintenance.digest(), one.replication.log.replica
    one.close()
    restore(backup, one.path)
    again = reopened(one.path, "again")
    assert again.replication.log.replica == replica
    report = sync(again, stick)
    assert not report.forks
    assert again.runs.get(lost).info.run_name == "after the backup"
    assert again.maintenance.digest() == before
    run_id = record_run(again, "new")
    assert again.replication.log.replica != replica
    sync(again, stick)
    sync(two, stick)
    assert two.runs.get(run_id).info.run_name == "new"
    assert two.maintenance.digest() == again.maintenance.digest()
    again.close()


def test_a_remote_is_named_once_and_then_by_its_name(one: Store, two: Store, stick: Path) -> None:
    record_run(one)
    remotes = Remotes(one.replication)
    assert remotes.list() == []
    remotes.add("usb", str(stick))
    assert synchronize(one).changed
    assert not synchronize(one, "usb").changed
    with pytest.raises(AlreadyExistsError):
        remotes.add("usb", "elsewhere")
    remotes.add("backup", str(stick.with_name("second")))
    with pytest.raises(NotFoundError, match="several"):
        synchronize(one)
    remotes.add("origin", str(stick))
    assert not synchronize(one).changed
    assert [one.name for one in remotes.list()] == ["backup", "origin", "usb"]
    assert remotes.remove("usb").url == str(stick)
    with pytest.raises(NotFoundError):
        remotes.remove("usb")


def test_a_name_that_nobody_knows_is_no_folder_to_be_made(one: Store) -> None:
    with pytest.raises(NotFoundError, match="no remote 'usb'"):
        synchronize(one, "usb")
    with pytest.raises(NotFoundError, match="none"):
        synchronize(one)


@pytest.mark.parametrize("name", ["", "a b", "../up", "-x", "a/b", "x" * 101])
def test_a_name_that_cannot_be_one_is_refused(one: Store, name: str) -> None:
    with pytest.raises(InvalidValueError):
        Remotes(one.replication).add(name, "somewhere")


@pytest.mark.parametrize("url", ["gopher://host/path", "", "ftp:x"])
def test_a_url_that_leads_nowhere_is_refused(one: Store, url: str) -> None:
    with pytest.raises(InvalidValueError):
        synchronize(one, url)


def test_a_folder_is_remembered_by_its_whole_path(
    one: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert Remotes(one.replication).add("a", "stick").url == str(tmp_path / "stick")
    assert Remotes(one.replication).add("b", "file:///mnt/a%20b").url == "/mnt/a b"
