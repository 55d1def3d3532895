"""Few points of a server go into its journal, which is synced before the answer."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest

from eventtrack.errors import InvalidValueError
from eventtrack.log import journal
from eventtrack.log.frames import FRAME, Slot, decode_slot, encode_slot, find_slot, slot_seed
from eventtrack.store import Store, recorder
from eventtrack.store.recorder import Prepared
from eventtrack.store.session import AUTHOR
from eventtrack.views.records import Metric
from tests.store.test_record import elsewhere


def points(store: Store, run_id: str, *steps: int, author: str | None = None) -> list[Prepared]:
    """Points of the metric `m`, each of a call of its own."""
    token = AUTHOR.set(author)
    try:
        return [store.metrics.prepare(run_id, [Metric("m", 0.5, 1, step)]) for step in steps]
    finally:
        AUTHOR.reset(token)


def record(store: Store, calls: list[Prepared]) -> None:
    """Record as a server does, and refuse nothing."""
    assert store.metrics.record(calls, journal=True) == [None] * len(calls)


def steps(store: Store, run_id: str) -> list[int]:
    """The steps of the metric `m`."""
    return list(store.metrics.arrays(run_id, "m").steps)


def authors(store: Store) -> dict[int, str | None]:
    """Who logged each step, by the session of its envelope."""
    found: dict[int, str | None] = {}
    for event in store.events.read(types=["run.metrics_logged"]):
        session = store.sessions.find(event.session)
        assert session is not None
        found[event.body["steps"]] = session.user
    return found


def test_few_points_are_synced_in_the_journal_and_cost_no_commit(
    store: Store, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(store, points(store, run_id, 0))  # the first is a decision
    synced: list[bytes] = []

    def note(descriptor: int) -> None:
        synced.append(os.pread(descriptor, 2**20, 0))

    monkeypatch.setattr(journal, "_sync_data", note)
    record(store, points(store, run_id, 1))
    before = store.change_count()
    later = points(store, run_id, 2, 3, 4)
    record(store, later)
    assert store.change_count() == before
    assert len(synced) == 2
    assert all(each.body in synced[-1] for each in later)
    assert steps(store, run_id) == [0, 1, 2, 3, 4]
    elsewhere(store, f"assert list(store.metrics.arrays('{run_id}', 'm').steps) == [0, 1, 2, 3, 4]")


def test_many_points_go_into_the_log_at_once(store: Store, run_id: str) -> None:
    record(store, points(store, run_id, 0))
    record(store, points(store, run_id, 1))
    before = store.change_count()
    record(store, points(store, run_id, *range(2, 2000)))
    assert store.change_count() == before + 1
    assert steps(store, run_id) == list(range(2000))


@pytest.mark.parametrize("end", ["flushed", "read elsewhere", "killed"])
def test_points_belong_to_whoever_logged_them(store: Store, run_id: str, end: str) -> None:
    code = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from tests.store.test_synced_points import *
store = Store(Path(sys.argv[1]))
for step, author in enumerate(["ada", "ben", None, "ada", "ben", None]):
    record(store, points(store, {run_id!r}, step, author=author))
if sys.argv[2] == "flushed":
    store.flush()
print("logged", flush=True)
sys.stdin.read()
"""
    command = [sys.executable, "-c", code, str(store.path), end]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "logged\n"
        if end == "killed":
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert steps(store, run_id) == [0, 1, 2, 3, 4, 5]
        store.gather()
        found = authors(store)
        process.kill()
    assert [found[step] for step in range(6) if step not in (2, 5)] == ["ada", "ben"] * 2
    assert found[2] == found[5] not in ("ada", "ben")


@pytest.mark.parametrize("what", ["run", "experiment"])
def test_a_deletion_forbids_points_in_the_journal_too(store: Store, run_id: str, what: str) -> None:
    record(store, points(store, run_id, 0))
    record(store, points(store, run_id, 1))
    elsewhere(store, f"store.{what}s.delete('{run_id if what == 'run' else 0}')")
    (refused,) = store.metrics.record(points(store, run_id, 2), journal=True)
    assert isinstance(refused, InvalidValueError)
    assert steps(store, run_id) == [0, 1]


def test_what_was_recorded_before_a_decision_stands_before_it(store: Store, run_id: str) -> None:
    for step in range(3):
        record(store, points(store, run_id, step))
    store.runs.set_tags(run_id, {"a": "1"})
    types = [event.type for event in store.events.read()]
    assert types.index("run.tags_set") == len(types) - 1


def test_slots_of_runs_that_rest_are_given_up(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "_SLOTS_MAX", 2)
    runs = [store.runs.create("0").info.run_id for _ in range(5)]
    for step in range(3):
        for run_id in runs:
            record(store, points(store, run_id, step))
    own = store._engine.journal()
    own.renew()
    assert len(own._file.slots) == 1 + 2  # its session, and the runs that were logged to last
    for run_id in runs:
        record(store, points(store, run_id, 3))
        assert steps(store, run_id) == [0, 1, 2, 3]


def test_syncs_go_on_while_files_are_filled_and_drained(store: Store, run_id: str) -> None:
    """A full file is deleted once it is drained, perhaps while another thread syncs it."""
    store._engine.journal()._file_bytes = 4096
    failures: list[Exception] = []
    ended = threading.Event()

    def drain() -> None:
        while not ended.is_set():
            try:
                store.flush()
            except Exception as error:
                failures.append(error)
                return

    thread = threading.Thread(target=drain)
    thread.start()
    try:
        for step in range(0, 1000, 4):
            record(store, points(store, run_id, *range(step, step + 4)))
    finally:
        ended.set()
        thread.join()
    assert failures == []
    assert steps(store, run_id) == list(range(1000))


def test_a_sync_that_fails_is_told(
    store: Store, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(store, points(store, run_id, 0))

    def fail(descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(journal, "_sync_data", fail)
    with pytest.raises(Exception, match="sync a journal"):
        record(store, points(store, run_id, 1))


def test_a_slot_with_a_session_is_found_and_read_by_those_who_know_none() -> None:
    class Before(msgspec.Struct, array_like=True):
        number: int
        stream: str
        type: str
        version: int

    plain, named = Slot(1, "run/a", "t", 1), Slot(2, "run/a", "t", 1, b"s" * 16)
    frames = b""
    for slot in (plain, named):
        body = encode_slot(slot)
        checksum = journal._crc32(body, slot_seed(0) + len(body))
        frames += FRAME.pack(len(body), checksum, 0) + body
        assert decode_slot(body) == slot
        assert msgspec.msgpack.decode(body, type=Before).number == slot.number
    assert encode_slot(plain)[0] == 0x94
    assert [find_slot(frames, number) for number in (1, 2, 3)] == [plain, named, None]
    for wrong in (b"short", 7):
        assert decode_slot(msgspec.msgpack.encode((1, "run/a", "t", 1, wrong))) is None
