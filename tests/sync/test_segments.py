"""A place that only keeps bytes: whole feeds, whoever writes at once; damage told by its name."""

import errno
import os
import threading
import time
from pathlib import Path

import pytest

from eventtrack.errors import ChecksumError, ConflictError, FormatTooNewError, RemoteError
from eventtrack.log.blocks import Block
from eventtrack.store import Store
from eventtrack.sync.protocol import FeedHead
from tests.sync.machines import PULL, PUSH, block_of, envelopes, record_run, sync
from tests.sync.places import FolderPlace, Place, remote_of, segments_of


def feed_in(place: Place, replica: bytes) -> list[bytes]:
    """The envelopes of a feed as its segments hold them; each must be what its name says."""
    found: list[bytes] = []
    for block in remote_of(place).read([]):
        header = block.header
        if header.replica == replica:
            assert header.first == len(found)
            found += block.envelopes
    for name in segments_of(place, replica):
        header = Block.decode(place.get(name)).header
        words = f"{header.first:016x}-{header.stop:016x}-{header.root.hex()}"
        assert name == f"feeds/{replica.hex()}/{words}.segment"
    return found


def feed_of(store: Store) -> list[bytes]:
    """The envelopes of a store's own feed."""
    size = store.replication.heads()[store.replication.log.replica].size
    return list(block_of(store, 0, size).envelopes)


def parts_of(store: Store, width: int) -> list[Block]:
    """A store's own feed as blocks of so many envelopes."""
    size = len(feed_of(store))
    return [block_of(store, at, min(at + width, size)) for at in range(0, size, width)]


def push_parts(place: Place, blocks: list[Block]) -> None:
    """Give a place blocks, as they come."""
    remote = remote_of(place, create=True)
    for block in blocks:
        remote.append(block)


def test_two_machines_that_meet_hold_the_same(one: Store, two: Store, place: Place) -> None:
    record_run(one, "first")
    record_run(two, "second")
    assert sync(one, place.url).pushed.envelopes == len(envelopes(one))
    report = sync(two, place.url)
    assert report.pulled.envelopes == len(envelopes(one))
    assert report.pushed.feeds == 1
    sync(one, place.url)
    assert one.maintenance.digest() == two.maintenance.digest()
    assert envelopes(one) == envelopes(two)


def test_a_round_without_news_moves_and_writes_nothing(
    one: Store, two: Store, place: Place
) -> None:
    record_run(one)
    for store in (one, two, one):
        sync(store, place.url)
    before = {name: place.get(name) for name in place.names()}
    position = one.events.head()
    for store in (one, two):
        report = sync(store, place.url)
        assert not report.changed
        assert report.pulled.bytes == report.pushed.bytes == 0
    assert one.events.head() == position
    assert {name: place.get(name) for name in place.names()} == before


def test_only_what_is_new_is_moved(one: Store, two: Store, place: Place) -> None:
    record_run(one)
    sync(one, place.url)
    sync(two, place.url)
    had = len(envelopes(one))
    record_run(one, "again")
    assert sync(one, place.url, PUSH).pushed.envelopes == len(envelopes(one)) - had
    assert sync(two, place.url, PULL).pulled.envelopes == len(envelopes(one)) - had


def test_a_relay_passes_on_what_it_got_from_others(
    one: Store, two: Store, three: Store, place: Place
) -> None:
    run_id = record_run(one)
    sync(one, place.url)
    sync(two, place.url)
    other = place.beside("another")
    sync(two, other.url)
    sync(three, other.url)
    assert three.runs.get(run_id).data.params == {"lr": "run"}
    assert envelopes(one).items() <= envelopes(three).items()


def test_relays_that_push_the_same_feed_at_once_leave_the_whole_feed(
    one: Store, place: Place
) -> None:
    for number in range(12):
        record_run(one, str(number))
    remote_of(place, create=True).close()
    start = threading.Barrier(4)
    failures: list[BaseException] = []

    def relay(blocks: list[Block]) -> None:
        try:
            remote = remote_of(place)
            remote.heads()
            start.wait()
            for block in blocks:
                remote.append(block)
        except BaseException as error:
            failures.append(error)

    threads = [
        threading.Thread(target=relay, args=(parts_of(one, width),)) for width in (3, 4, 5, 7)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert feed_in(place, one.replication.log.replica) == feed_of(one)
    assert not [name for name in place.names() if ".draft-" in name]


def test_who_finds_a_name_taken_goes_on_behind_it(one: Store, place: Place) -> None:
    record_run(one)
    push_parts(place, [])
    slow = remote_of(place)
    slow.heads()
    push_parts(place, [block_of(one, 0, 2), block_of(one, 2, 4)])
    slow.append(block_of(one, 0, 2))
    slow.append(block_of(one, 2, 5))
    assert len(segments_of(place, one.replication.log.replica)) == 3
    assert feed_in(place, one.replication.log.replica) == feed_of(one)[:5]


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
    space = FolderPlace(stick).space()
    [name] = segments_of(FolderPlace(stick), one.replication.log.replica)
    assert not space.create(name, b"something else")
    sync(two, stick)
    sync(one, stick)
    assert two.maintenance.digest() == one.maintenance.digest()


def test_a_damaged_segment_is_named_and_other_feeds_come_all_the_same(
    one: Store, two: Store, three: Store, place: Place
) -> None:
    record_run(one)
    second = record_run(two)
    sync(one, place.url)
    sync(two, place.url)
    [segment] = segments_of(place, one.replication.log.replica)
    data = bytearray(place.get(segment))
    data[len(data) // 2] ^= 1
    place.put(segment, bytes(data))
    with pytest.raises(ChecksumError, match=segment):
        sync(three, place.url)
    assert three.runs.get(second).info.run_name == "run"
    assert one.replication.log.replica not in three.replication.heads()
    place.delete(segment)
    sync(one, place.url)
    sync(three, place.url)
    assert three.replication.heads().items() >= one.replication.heads().items()


@pytest.mark.parametrize("length", [0, 5, 100, -1])
def test_a_segment_that_was_cut_is_refused(
    one: Store, two: Store, place: Place, length: int
) -> None:
    record_run(one)
    sync(one, place.url)
    [segment] = segments_of(place, one.replication.log.replica)
    place.put(segment, place.get(segment)[:length])
    with pytest.raises(ChecksumError, match=segment) as caught:
        sync(two, place.url)
    assert "delete it" in caught.value.hint
    assert one.replication.log.replica not in two.replication.heads()


def test_a_gap_is_closed_by_whoever_has_what_was_there(
    one: Store, two: Store, place: Place
) -> None:
    for number in range(3):
        record_run(one, str(number))
        sync(one, place.url)
    middle = segments_of(place, one.replication.log.replica)[1]
    place.delete(middle)
    sync(two, place.url)
    assert len(two.runs.search(["0"])) == 1
    sync(one, place.url)
    sync(two, place.url)
    assert two.maintenance.digest() == one.maintenance.digest()
    assert feed_in(place, one.replication.log.replica) == feed_of(one)


def test_a_renamed_segment_is_refused(one: Store, two: Store, place: Place) -> None:
    record_run(one)
    sync(one, place.url)
    [segment] = segments_of(place, one.replication.log.replica)
    stop, wrong = f"{len(feed_of(one)):016x}", f"{len(feed_of(one)) + 7:016x}"
    place.put(segment.replace(f"-{stop}-", f"-{wrong}-"), place.get(segment))
    with pytest.raises(ChecksumError, match="renamed"):
        sync(two, place.url)


def test_what_is_no_segment_is_left_alone(one: Store, two: Store, place: Place) -> None:
    record_run(one)
    sync(one, place.url)
    feed = f"feeds/{one.replication.log.replica.hex()}"
    names = [
        f"{feed}/notes.txt",
        "feeds/x/y.segment",
        f"{feed}/{5:016x}-{5:016x}-{'a' * 64}.segment",
    ]
    for name in names:
        place.put(name, b"something")
    sync(two, place.url)
    assert envelopes(two).items() >= envelopes(one).items()
    assert set(names) <= set(place.names())


def test_a_block_behind_a_gap_is_not_added(one: Store, place: Place) -> None:
    record_run(one)
    remote = remote_of(place, create=True)
    with pytest.raises(ConflictError):
        remote.append(block_of(one, 2, 3))
    remote.append(block_of(one, 0, 3))
    remote.append(block_of(one, 1, 2))
    assert feed_in(place, one.replication.log.replica) == feed_of(one)[:3]


def test_heads_are_those_of_what_was_pushed(one: Store, place: Place) -> None:
    record_run(one)
    sync(one, place.url)
    head = one.replication.heads()[one.replication.log.replica]
    expected = [FeedHead(one.replication.log.replica, head.size, head.root)]
    assert remote_of(place).heads() == expected


def test_many_small_segments_become_few(one: Store, two: Store, place: Place) -> None:
    run_id = record_run(one)
    for number in range(60):
        one.runs.set_tags(run_id, {"round": str(number)})
        sync(one, place.url, PUSH)
        if number % 7 == 0:
            assert feed_in(place, one.replication.log.replica) == feed_of(one)
    assert len(segments_of(place, one.replication.log.replica)) <= 8
    sync(two, place.url)
    assert two.runs.get(run_id).data.tags["round"] == "59"


def test_segments_that_others_stand_in_for_are_deleted(
    one: Store, two: Store, place: Place
) -> None:
    """Left behind by a process that died between the two steps."""
    record_run(one)
    push_parts(place, parts_of(one, 2))
    before = {name: place.get(name) for name in segments_of(place, one.replication.log.replica)}
    for name in before:
        place.delete(name)
    sync(one, place.url)
    for name, data in before.items():
        place.put(name, data)
    sync(two, place.url, PULL)
    assert envelopes(two).items() >= envelopes(one).items()
    sync(one, place.url)
    assert len(segments_of(place, one.replication.log.replica)) == 1
    assert feed_in(place, one.replication.log.replica) == feed_of(one)


def test_readers_miss_nothing_while_segments_are_replaced(
    one: Store, two: Store, place: Place
) -> None:
    run_id = record_run(one)
    sync(one, place.url)
    done = threading.Event()
    failures: list[BaseException] = []
    sizes = [0]

    def read() -> None:
        try:
            while not done.is_set():
                remote = remote_of(place)
                [head] = remote.heads()
                read = sum(block.header.count for block in remote.read([]))
                assert read >= head.size >= sizes[-1]
                sizes.append(head.size)
        except BaseException as error:
            failures.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(40):
        one.runs.set_tags(run_id, {"round": str(number)})
        sync(one, place.url, PUSH)
    done.set()
    reader.join()
    assert not failures
    assert len(sizes) > 1
    sync(two, place.url)
    assert envelopes(two).items() >= envelopes(one).items()


def test_what_is_not_there_is_told_and_not_made_by_a_pull(one: Store, place: Place) -> None:
    with pytest.raises(RemoteError, match="no remote at"):
        sync(one, place.url, PULL)
    assert not place.names()


def test_a_place_of_something_else_is_refused(one: Store, place: Place) -> None:
    place.put("holiday.jpg", b"sun")
    with pytest.raises(RemoteError, match="holiday"):
        sync(one, place.url)
    assert place.names() == ["holiday.jpg"]


@pytest.mark.parametrize("text", [b"eventtrack remote 3\n", b"", b"\xff\x00"])
def test_a_place_of_a_later_version_is_refused(one: Store, place: Place, text: bytes) -> None:
    place.put("REMOTE", text)
    with pytest.raises(FormatTooNewError):
        sync(one, place.url)


def test_a_folder_of_version_1_goes_on_as_version_2(
    one: Store, two: Store, three: Store, place: Place
) -> None:
    record_run(one)
    feed = f"feeds/{one.replication.log.replica.hex()}"
    for block in parts_of(one, 3):
        place.put(f"{feed}/{block.header.first:016x}.segment", block.data)
    place.put("REMOTE", b"eventtrack remote 1\n")
    sync(two, place.url, PULL)
    assert envelopes(two).items() >= envelopes(one).items()
    assert place.get("REMOTE") == b"eventtrack remote 1\n"
    record_run(one, "again")
    assert sync(one, place.url).pushed.feeds == 1
    assert place.get("REMOTE") == b"eventtrack remote 2\n"
    sync(three, place.url)
    assert envelopes(three).items() >= envelopes(one).items()


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
