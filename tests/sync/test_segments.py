"""A folder between machines: whole chains, whoever writes at once, and damage told by its name."""

import errno
import os
import threading
import time
from pathlib import Path

import pytest

from eventtrack.errors import ChecksumError, ConflictError, FormatTooNewError, RemoteError
from eventtrack.store import Store
from eventtrack.sync.blocks import Block
from eventtrack.sync.folder import FolderRemote
from eventtrack.sync.protocol import FeedHead
from tests.sync.machines import PULL, PUSH, block_of, envelopes, record_run, sync


def chain(folder: Path, replica: bytes) -> list[Block]:
    """The segments of a feed, in order, each beginning where the one before ends."""
    paths = sorted((folder / "feeds" / replica.hex()).glob("*.segment"))
    found = [Block.decode(path.read_bytes()) for path in paths]
    stop = 0
    for path, block in zip(paths, found, strict=True):
        assert (block.header.first, path.stem) == (stop, f"{stop:016x}")
        stop = block.header.stop
    return found


def test_two_machines_that_meet_in_a_folder_hold_the_same(
    one: Store, two: Store, stick: Path
) -> None:
    record_run(one, "first")
    record_run(two, "second")
    assert sync(one, stick).pushed.envelopes == len(envelopes(one))
    report = sync(two, stick)
    assert report.pulled.envelopes == len(envelopes(one))
    assert report.pushed.feeds == 1
    sync(one, stick)
    assert one.maintenance.digest() == two.maintenance.digest()
    assert envelopes(one) == envelopes(two)


def test_a_round_without_news_moves_and_writes_nothing(one: Store, two: Store, stick: Path) -> None:
    record_run(one)
    for store in (one, two, one):
        sync(store, stick)
    before = {path: path.stat().st_mtime_ns for path in stick.rglob("*")}
    position = one.events.head()
    for store in (one, two):
        report = sync(store, stick)
        assert not report.changed
        assert report.pulled.bytes == report.pushed.bytes == 0
    assert one.events.head() == position
    assert {path: path.stat().st_mtime_ns for path in stick.rglob("*")} == before


def test_only_what_is_new_is_moved(one: Store, two: Store, stick: Path) -> None:
    record_run(one)
    sync(one, stick)
    sync(two, stick)
    had = len(envelopes(one))
    record_run(one, "again")
    assert sync(one, stick, PUSH).pushed.envelopes == len(envelopes(one)) - had
    assert sync(two, stick, PULL).pulled.envelopes == len(envelopes(one)) - had


def test_a_relay_passes_on_what_it_got_from_others(
    one: Store, two: Store, three: Store, stick: Path, tmp_path: Path
) -> None:
    run_id = record_run(one)
    sync(one, stick)
    sync(two, stick)
    other_stick = tmp_path / "another"
    sync(two, other_stick)
    sync(three, other_stick)
    assert three.runs.get(run_id).data.params == {"lr": "run"}
    assert envelopes(one).items() <= envelopes(three).items()


def test_relays_that_push_the_same_feed_at_once_leave_one_whole_chain(
    one: Store, stick: Path
) -> None:
    for number in range(12):
        record_run(one, str(number))
    FolderRemote(stick, create=True).close()
    size = one.replication.heads()[one.replication.log.replica].size
    parts = {
        width: [block_of(one, at, min(at + width, size)) for at in range(0, size, width)]
        for width in (3, 4, 5, 7)
    }
    start = threading.Barrier(len(parts))
    failures: list[BaseException] = []

    def relay(blocks: list[Block]) -> None:
        try:
            remote = FolderRemote(stick)
            start.wait()
            for block in blocks:
                remote.append(block)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=relay, args=(blocks,)) for blocks in parts.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    found = [
        data for block in chain(stick, one.replication.log.replica) for data in block.envelopes
    ]
    assert found == [block_of(one, at, at + 1).envelopes[0] for at in range(size)]
    assert not list(stick.rglob(".draft-*"))


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_file_system_without_links_does_as_well(
    one: Store, two: Store, stick: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Sticks are formatted so: there a name is taken by a rename that replaces nothing."""

    def refuse(source: object, target: object) -> None:
        raise OSError(number, os.strerror(number), str(source), None, str(target))

    monkeypatch.setattr(os, "link", refuse)
    record_run(one)
    sync(one, stick)
    remote = FolderRemote(stick)
    remote._tails[one.replication.log.replica] = None  # as if another had been faster
    remote.append(block_of(one, 0, 2))
    assert len(chain(stick, one.replication.log.replica)) == 1
    sync(two, stick)
    sync(one, stick)
    assert two.maintenance.digest() == one.maintenance.digest()


def test_a_damaged_segment_is_named_and_other_feeds_come_all_the_same(
    one: Store, two: Store, three: Store, stick: Path
) -> None:
    record_run(one)
    second = record_run(two)
    sync(one, stick)
    sync(two, stick)
    [segment] = (stick / "feeds" / one.replication.log.replica.hex()).iterdir()
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.chmod(0o644)
    segment.write_bytes(data)
    with pytest.raises(ChecksumError, match=segment.name):
        sync(three, stick)
    assert three.runs.get(second).info.run_name == "run"
    assert one.replication.log.replica not in three.replication.heads()
    segment.unlink()
    sync(one, stick)
    sync(three, stick)
    assert three.replication.heads().items() >= one.replication.heads().items()


def test_a_renamed_segment_is_refused(one: Store, two: Store, stick: Path) -> None:
    record_run(one)
    sync(one, stick)
    [segment] = (stick / "feeds" / one.replication.log.replica.hex()).iterdir()
    segment.rename(segment.with_name(f"{7:016x}.segment"))
    with pytest.raises(ChecksumError, match="renamed"):
        sync(two, stick)


def test_a_block_behind_a_gap_is_not_added(one: Store, stick: Path) -> None:
    record_run(one)
    remote = FolderRemote(stick, create=True)
    with pytest.raises(ConflictError):
        remote.append(block_of(one, 2, 3))
    remote.append(block_of(one, 0, 3))
    remote.append(block_of(one, 1, 2))
    assert [block.header.stop for block in chain(stick, one.replication.log.replica)] == [3]


def test_heads_are_those_of_what_was_pushed(one: Store, stick: Path) -> None:
    record_run(one)
    sync(one, stick)
    head = one.replication.heads()[one.replication.log.replica]
    expected = [FeedHead(one.replication.log.replica, head.size, head.root)]
    assert FolderRemote(stick).heads() == expected


def test_a_folder_that_is_not_there_is_told_and_not_made_by_a_pull(one: Store, stick: Path) -> None:
    with pytest.raises(RemoteError, match="no remote at"):
        sync(one, stick, PULL)
    assert not stick.exists()


def test_a_folder_of_something_else_is_refused(one: Store, stick: Path) -> None:
    stick.mkdir()
    (stick / "holiday.jpg").touch()
    with pytest.raises(RemoteError, match="holiday"):
        sync(one, stick)


def test_a_folder_of_a_later_version_is_refused(one: Store, stick: Path) -> None:
    stick.mkdir()
    (stick / "REMOTE").write_text("eventtrack remote 2\n")
    with pytest.raises(FormatTooNewError):
        sync(one, stick)


def test_what_a_dead_process_left_is_swept_up_when_it_is_old(one: Store, stick: Path) -> None:
    record_run(one)
    sync(one, stick)
    folder = stick / "feeds" / one.replication.log.replica.hex()
    old, new = folder / ".draft-old", folder / ".draft-new"
    for draft in (old, new):
        draft.touch()
    os.utime(old, (time.time() - 2 * 86_400,) * 2)
    sync(one, stick)
    assert not old.exists()
    assert new.exists()
