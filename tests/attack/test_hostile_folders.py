"""Folders between machines, bundles and settings that hold what nobody would put there."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from eventtrack.errors import ChecksumError, EventtrackError, NotFoundError, RemoteError
from eventtrack.spaces.folder import FolderSpace
from eventtrack.spaces.space import OBJECT_BYTES_MAX, Entry, bounded
from eventtrack.store import Store
from eventtrack.sync import Ways, synchronize
from eventtrack.sync.bundle import BundleRemote, apply_bundle, create_bundle
from eventtrack.sync.remotes import Remotes
from eventtrack.sync.selection import leaves_out
from tests.attack.planted import sha256
from tests.sync.machines import machine, record_run, sync

PULL, PUSH = Ways(push=False), Ways(pull=False)


def fifo(path: Path, _: Path) -> None:
    os.mkfifo(path)


def folder(path: Path, _: Path) -> None:
    path.mkdir()


def link(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "target")


def loop(path: Path, _: Path) -> None:
    path.symlink_to(path)


def device(path: Path, _: Path) -> None:
    path.symlink_to("/dev/zero")


def sparse(path: Path, _: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**40)


def noise(path: Path, _: Path) -> None:
    path.write_bytes(os.urandom(1000))


ODD = (fifo, folder, link, loop, device, sparse, noise)
Odd = Callable[[Path, Path], None]


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A folder that nobody named."""
    path = tmp_path / "outside"
    path.mkdir()
    (path / "target").write_bytes(b"not yours")
    return path


@pytest.mark.parametrize("odd", ODD)
def test_what_stands_in_place_of_a_segment_is_named_and_stops_no_other_feed(
    one: Store, two: Store, tmp_path: Path, outside: Path, odd: Odd
) -> None:
    stick = tmp_path / "stick"
    record_run(one, "one")
    sync(one, stick, PUSH)
    theirs = [path for path in (stick / "feeds").rglob("*") if path.is_file()]
    three = machine(tmp_path / "three")
    other = record_run(three, "three")
    sync(three, stick, PUSH)
    three.close()
    for path in theirs:
        path.unlink()
        odd(path, outside)
    if odd is folder:  # no segment at all: all that can be done is to do without it
        sync(two, stick, PULL)
    else:
        with pytest.raises(EventtrackError) as raised:
            sync(two, stick, PULL)
        assert theirs[0].name in raised.value.message
        assert raised.value.hint
    assert two.runs.get(other).info.run_name == "three"
    assert two.maintenance.check().ok


@pytest.mark.parametrize("odd", [*(one for one in ODD if one is not sparse)])
def test_what_stands_in_place_of_an_artifact_is_named_and_stops_no_other(
    one: Store, two: Store, tmp_path: Path, outside: Path, odd: Odd
) -> None:
    stick = tmp_path / "stick"
    run_id = record_run(one)
    for name in ("a", "b", "c"):
        one.artifacts.log_bytes(run_id, name.encode(), name)
    sync(one, stick, PUSH)
    name = sha256(b"b").hex()
    path = stick / "blobs" / name[:2] / name
    path.unlink()
    odd(path, outside)
    if odd in (folder, fifo, link, loop, device):
        # What is no file is not there.
        assert sync(two, stick, PULL).pulled.artifacts_missing == 1
    else:
        with pytest.raises(ChecksumError, match=name):
            sync(two, stick, PULL)
    for known in (b"a", b"c"):
        assert two.artifacts.blobs.holds(sha256(known))
    assert not two.artifacts.blobs.holds(sha256(b"b"))


@pytest.mark.parametrize("name", ["feeds", "blobs", "feeds/*", "blobs/*"])
def test_a_link_leads_no_sync_out_of_its_folder(
    one: Store, two: Store, tmp_path: Path, name: str
) -> None:
    """Nothing is written, deleted or listed there."""
    stick, away = tmp_path / "stick", tmp_path / "away"
    run_id = record_run(one)
    one.artifacts.log_bytes(run_id, b"a", "a")
    sync(one, stick, PUSH)
    [place, *_] = sorted(stick.glob(name))
    place.rename(away)
    place.symlink_to(away)
    before = sorted(path.name for path in away.rglob("*"))
    record_run(two)
    two.artifacts.log_bytes(record_run(two), b"another", "b")
    with pytest.raises(RemoteError, match="leads out of"):
        sync(two, stick)
    assert sorted(path.name for path in away.rglob("*")) == before


def test_a_damaged_artifact_of_ones_own_stops_no_other(one: Store, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    run_id = record_run(one)
    for name in ("a", "b", "c"):
        one.artifacts.log_bytes(run_id, name.encode(), name)
    blob = one.artifacts.blobs.path(sha256(b"b"))
    blob.chmod(0o644)
    blob.write_bytes(b"B")
    with pytest.raises(ChecksumError, match=sha256(b"b").hex()):
        sync(one, stick, PUSH)
    there = {path.name for path in (stick / "blobs").rglob("*") if path.is_file()}
    assert there == {sha256(b"a").hex(), sha256(b"c").hex()}


def test_listings_and_objects_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventtrack.spaces.space.LISTED_MAX", 10)
    with pytest.raises(RemoteError, match="holds more than 10"):
        bounded((Entry(str(number), 1) for number in range(10**9)), "there")
    deep = tmp_path / "feeds"
    for _ in range(200):
        deep /= "a"
    deep.mkdir(parents=True)
    assert FolderSpace(tmp_path).list("feeds") == []
    with (tmp_path / "feeds" / "long").open("wb") as file:
        file.truncate(OBJECT_BYTES_MAX + 1)
    with pytest.raises(ChecksumError, match="long has"):
        FolderSpace(tmp_path).read("feeds/long")


@pytest.mark.parametrize("odd", ODD)
def test_what_is_no_bundle_is_refused(one: Store, tmp_path: Path, outside: Path, odd: Odd) -> None:
    path = tmp_path / "news.bundle"
    odd(path, outside)
    if odd is sparse:
        with path.open("r+b") as file:
            file.truncate(2**24)
    with pytest.raises((EventtrackError, OSError)) as raised:
        apply_bundle(one, path)
    assert isinstance(raised.value, EventtrackError) or odd is loop


def test_a_bundle_may_be_named_by_a_link(one: Store, two: Store, tmp_path: Path) -> None:
    run_id = record_run(one)
    create_bundle(one, tmp_path / "news.bundle")
    (tmp_path / "link").symlink_to(tmp_path / "news.bundle")
    apply_bundle(two, tmp_path / "link")
    assert two.runs.get(run_id)


def test_a_bundle_with_a_damaged_artifact_brings_all_else(
    one: Store, two: Store, tmp_path: Path
) -> None:
    run_id = record_run(one)
    for name in ("a", "b", "c"):
        one.artifacts.log_bytes(run_id, name.encode(), name)
    blob = one.artifacts.blobs.path(sha256(b"b"))
    blob.chmod(0o644)
    blob.write_bytes(b"B")
    create_bundle(one, tmp_path / "news.bundle")
    with pytest.raises(ChecksumError, match=sha256(b"b").hex()):
        apply_bundle(two, tmp_path / "news.bundle")
    held = [two.artifacts.blobs.holds(sha256(name)) for name in (b"a", b"b", b"c")]
    assert held == [True, False, True]


def test_a_bundle_of_countless_parts_is_refused(
    one: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record_run(one)
    create_bundle(one, tmp_path / "news.bundle")
    monkeypatch.setattr("eventtrack.sync.bundle.PARTS_MAX", 1)
    with pytest.raises(ChecksumError, match="part 2"):
        BundleRemote(tmp_path / "news.bundle")


@pytest.mark.parametrize("text", [b"[" * 100_000, b"{}", b"\xff", b"[1]", b'[{"name": 1}]', b""])
def test_a_damaged_list_of_remotes_is_named(one: Store, text: bytes) -> None:
    file = one.replication.folder / "remotes.json"
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(text)
    with pytest.raises(EventtrackError, match=r"remotes\.json"):
        Remotes(one.replication).list()
    with pytest.raises(EventtrackError, match=r"remotes\.json"):
        synchronize(one, None, PULL)


def test_a_damaged_note_of_a_partial_pull_is_named(one: Store) -> None:
    note = one.replication.folder / "0123456789abcdef.wanted"
    note.parent.mkdir(exist_ok=True)
    note.write_bytes(b"[" * 100_000)
    with pytest.raises(EventtrackError, match=r"0123456789abcdef\.wanted"):
        leaves_out(one.replication)


def test_a_folder_that_is_not_there_is_no_hostile_one(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError):
        FolderSpace(tmp_path / "nowhere").read("REMOTE")
