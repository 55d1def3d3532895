"""The journal: frames that survive the process."""

import errno
import os
import threading
import zlib
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from eventtrack.errors import DiskFullError, EventtrackWarning, StoreClosedError
from eventtrack.ids import SeededIds
from eventtrack.log.drain import adopt_orphans
from eventtrack.log.frames import FRAME, MAGIC, PREAMBLE, Slot, session_in
from eventtrack.log.journal import Journal
from eventtrack.log.memory import MemoryLog
from tests.log.journals import (
    FILE_BYTES,
    RUN,
    SESSION,
    abandoned,
    adopted_events,
    append,
    bodies_in,
    body,
    count_descriptors,
    fill_disk,
    frames_of,
    new_journal,
    points,
)


class TestWriting:
    def test_a_file_begins_with_its_name_and_session(
        self, journal: Journal, tmp_path: Path
    ) -> None:
        [path] = tmp_path.iterdir()
        magic, journal_id, session = PREAMBLE.unpack_from(path.read_bytes())
        assert (magic, journal_id.hex(), session) == (MAGIC, path.stem, SESSION)
        assert session_in(frames_of(path)) == SESSION
        assert path.stat().st_size == FILE_BYTES

    def test_the_blocks_of_a_file_are_there_before_they_are_written(
        self, journal: Journal, tmp_path: Path
    ) -> None:
        """Writing into a hole through a map kills the process when the disk is full."""
        [path] = tmp_path.iterdir()
        assert path.stat().st_blocks * 512 >= FILE_BYTES

    def test_frames_are_in_the_file_when_the_call_returns(
        self, journal: Journal, tmp_path: Path
    ) -> None:
        slot = journal.define(RUN, "run.metric_logged", 1)
        append(journal, slot, body(1), body(2))
        [path] = tmp_path.iterdir()
        of_session, again, definition, and_again, *events = frames_of(path)
        assert (of_session, definition) == (again, and_again)
        assert definition[0] == 0
        assert msgspec.msgpack.decode(definition[1], type=Slot) == Slot(
            slot, RUN, "run.metric_logged", 1
        )
        assert events == [(slot, body(1)), (slot, body(2))]

    def test_a_frame_is_laid_out_as_the_format_says(self, journal: Journal, tmp_path: Path) -> None:
        slot = journal.define(RUN, "run.metric_logged", 1)
        start = journal.snapshot()[0][1]
        append(journal, slot, body(1))
        [path] = tmp_path.iterdir()
        frame = path.read_bytes()[start : start + 12 + len(body(1))]
        assert int.from_bytes(frame[:4], "little") == len(body(1))
        seed = zlib.crc32(slot.to_bytes(4, "little")) + len(body(1))
        assert int.from_bytes(frame[4:8], "little") == zlib.crc32(body(1), seed)
        assert int.from_bytes(frame[8:12], "little") == slot
        assert frame[12:] == body(1)

    def test_every_slot_has_a_number_of_its_own(self, journal: Journal) -> None:
        numbers = [journal.define(f"run/{place}", "run.metric_logged", 1) for place in range(20)]
        assert len({*numbers, 0}) == 21

    def test_a_full_file_is_followed_by_another(self, journal: Journal, tmp_path: Path) -> None:
        slot = journal.define(RUN, "run.metric_logged", 1)
        append(journal, slot, *map(body, range(500)))
        assert len(list(tmp_path.glob("*.journal"))) > 3
        assert bodies_in(tmp_path) == [body(step) for step in range(500)]

    def test_each_file_defines_the_slots_that_it_uses(
        self, journal: Journal, tmp_path: Path
    ) -> None:
        slots = [journal.define(f"run/{place}", "run.metric_logged", 1) for place in range(3)]
        for step in range(300):
            append(journal, slots[step % 3], body(step))
        for path in tmp_path.glob("*.journal"):
            defined: set[int] = set()
            for number, one in frames_of(path):
                if number == 0:
                    defined.add(msgspec.msgpack.decode(one, type=Slot).number)
                else:
                    assert number in defined

    def test_a_retired_slot_is_not_carried_on(self, journal: Journal, tmp_path: Path) -> None:
        kept = journal.define("run/kept", "run.metric_logged", 1)
        retired = journal.define("run/retired", "run.metric_logged", 1)
        append(journal, retired, body(0))
        journal.retire(retired)
        append(journal, kept, *map(body, range(1, 200)))
        streams = [
            [
                msgspec.msgpack.decode(one, type=Slot).stream
                for slot, one in frames_of(path)
                if not slot
            ]
            for path in tmp_path.glob("*.journal")
        ]
        assert sum("run/retired" in one for one in streams) == 1
        assert all("run/kept" in one for one in streams)
        assert bodies_in(tmp_path) == [body(step) for step in range(200)]

    def test_a_frame_larger_than_a_file_gets_one_of_its_size(
        self, journal: Journal, tmp_path: Path
    ) -> None:
        slot = journal.define(RUN, "run.metric_logged", 1)
        large = body(1, "x" * 3 * FILE_BYTES)
        append(journal, slot, body(0), large, body(2))
        assert bodies_in(tmp_path) == [body(0), large, body(2)]
        assert max(path.stat().st_size for path in tmp_path.iterdir()) > 3 * FILE_BYTES

    def test_threads_do_not_tear_each_others_frames(self, journal: Journal, tmp_path: Path) -> None:
        def log(first: int) -> None:
            slot = journal.define(f"run/{first}", "run.metric_logged", 1)
            append(journal, slot, *map(body, range(first, first + 300)))

        threads = [threading.Thread(target=log, args=(1000 * place,)) for place in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        steps = [1000 * place + step for place in range(4) for step in range(300)]
        assert bodies_in(tmp_path) == [body(step) for step in steps]

    def test_the_drainer_is_woken_once_until_it_rests(self, tmp_path: Path) -> None:
        woken: list[int] = []
        journal = Journal(
            tmp_path, SESSION, SeededIds(1).id128, lambda: woken.append(1), FILE_BYTES
        )
        slot = journal.define(RUN, "run.metric_logged", 1)
        append(journal, slot, body(1), body(2))
        assert len(woken) == 1
        journal.rest()
        append(journal, slot, body(3), body(4))
        assert len(woken) == 2
        journal.close()


class TestClosing:
    def test_a_drained_journal_is_deleted(self, tmp_path: Path) -> None:
        journal = new_journal(tmp_path)
        journal.close()
        assert list(tmp_path.iterdir()) == []

    def test_what_is_not_drained_is_left_to_an_adopter(self, tmp_path: Path) -> None:
        journal = new_journal(tmp_path)
        slot = journal.define(RUN, "run.metric_logged", 1)
        append(journal, slot, body(1))
        journal.close()
        assert adopted_events(tmp_path) == points(1)

    def test_a_closed_journal_refuses_events(self, tmp_path: Path) -> None:
        journal = new_journal(tmp_path)
        slot = journal.define(RUN, "run.metric_logged", 1)
        journal.close()
        with pytest.raises(StoreClosedError):
            append(journal, slot, body(1))
        with pytest.raises(StoreClosedError):
            journal.define(RUN, "run.metrics_logged", 1)


class TestFullDisk:
    def test_a_journal_that_finds_no_room_leaves_nothing_behind(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill_disk(monkeypatch)
        open_files = count_descriptors()
        for _ in range(3):
            with pytest.raises(DiskFullError):
                new_journal(tmp_path)
        assert list(tmp_path.iterdir()) == []
        assert count_descriptors() == open_files

    def test_an_event_without_room_is_refused_and_the_next_is_taken(
        self, journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        slot = journal.define(RUN, "run.metric_logged", 1)
        taken: list[bytes] = []

        def append_and_note(steps: range) -> None:
            for step in steps:
                append(journal, slot, body(step))
                taken.append(body(step))

        with monkeypatch.context() as patch:
            fill_disk(patch)
            with pytest.raises(DiskFullError):
                append_and_note(range(1000))
        append(journal, slot, body(1000))
        assert bodies_in(tmp_path) == [*taken, body(1000)]

    def test_a_slot_that_was_retired_while_the_disk_was_full_stays_retired(
        self, journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        retired = journal.define("run/retired", "run.metric_logged", 1)
        slot = journal.define(RUN, "run.metric_logged", 1)
        journal.retire(retired)
        with monkeypatch.context() as patch:
            fill_disk(patch)
            with pytest.raises(DiskFullError):
                append(journal, slot, *map(body, range(1000)))
        append(journal, slot, *map(body, range(1000, 1300)))
        newest = max(tmp_path.glob("*.journal"), key=lambda path: path.stat().st_mtime_ns)
        slots = [
            msgspec.msgpack.decode(one, type=Slot)
            for number, one in frames_of(newest)
            if not number
        ]
        assert [one.stream for one in slots[2:]] == [RUN, RUN]

    def test_a_file_system_without_preallocation_is_written_to(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill_disk(monkeypatch, errno.EOPNOTSUPP)
        journal = new_journal(tmp_path)
        slot = journal.define(RUN, "run.metric_logged", 1)
        append(journal, slot, *map(body, range(300)))
        assert bodies_in(tmp_path) == [body(step) for step in range(300)]
        journal.close()

    def test_a_short_write_instead_of_preallocation_is_a_full_disk(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fill_disk(monkeypatch, errno.EOPNOTSUPP)
        real = os.write
        monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, data[:100]))
        with pytest.raises(DiskFullError):
            new_journal(tmp_path)
        assert list(tmp_path.iterdir()) == []


def test_a_damaged_journal_is_set_aside_and_reported(tmp_path: Path) -> None:
    path = abandoned(tmp_path, 1, 2, 3)
    data = bytearray(path.read_bytes())
    data[data.index(body(2))] ^= 1
    path.write_bytes(data)
    with pytest.warns(EventtrackWarning, match="fails its checksum"):
        assert adopted_events(tmp_path) == points(1, 3)
    [aside] = tmp_path.iterdir()
    assert aside == path.with_suffix(".damaged")
    assert aside.read_bytes() == data
    assert adopted_events(tmp_path) == []


def test_a_file_that_is_no_journal_is_set_aside(tmp_path: Path) -> None:
    (tmp_path / "00.journal").write_bytes(b"something else entirely" * 10)
    with pytest.warns(EventtrackWarning, match="is not a journal"):
        assert adopted_events(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == ["00.damaged"]


@pytest.mark.parametrize("size", [0, 10, FILE_BYTES])
def test_a_journal_that_was_not_begun_goes_without_a_word(tmp_path: Path, size: int) -> None:
    (tmp_path / "00.journal").write_bytes(bytes(size))
    assert adopted_events(tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_damage_among_moved_frames_costs_only_what_cannot_be_named(tmp_path: Path) -> None:
    """Both definitions of a slot were damaged after its first frames had been moved."""
    path = abandoned(tmp_path, 1, 2)
    data = bytearray(path.read_bytes())
    for (_, first), (_, second) in pairwise(frames_of(path)):
        if first == second and RUN.encode() in first:
            data[data.index(first)] ^= 1
            data[data.index(first)] ^= 1
    path.write_bytes(data)
    log = MemoryLog()
    moved = len(data[: data.index(body(2))]) - FRAME.size
    log.transact(lambda txn: txn.set_journal_offset(bytes.fromhex(path.stem), moved))
    with pytest.warns(EventtrackWarning, match="damaged"):
        adopt_orphans(log, tmp_path)
    assert log.head() == 0
    assert [one.suffix for one in tmp_path.iterdir()] == [".damaged"]


def test_one_damaged_journal_does_not_hold_up_the_others(tmp_path: Path) -> None:
    first = abandoned(tmp_path, 1)
    data = bytearray(first.read_bytes())
    data[data.index(body(1))] ^= 1
    first.write_bytes(data)
    other = new_journal(tmp_path, ids="other")
    append(other, other.define(RUN, "run.metric_logged", 1), body(2))
    other.close()
    with pytest.warns(EventtrackWarning, match=first.name):
        assert adopted_events(tmp_path) == points(2)


def test_a_journal_whose_process_died_before_its_first_frame_goes_without_a_word(
    tmp_path: Path,
) -> None:
    path = abandoned(tmp_path, 1)
    data = path.read_bytes()
    path.write_bytes(data[: PREAMBLE.size].ljust(len(data), b"\0"))
    assert adopted_events(tmp_path) == []
    assert list(tmp_path.iterdir()) == []
