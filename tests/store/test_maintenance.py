"""Figures, rebuilds, and the check that finds each kind of planted damage."""

import os
from collections.abc import Callable
from pathlib import Path

import lmdb
import pytest

from eventtrack.clock import ManualClock
from eventtrack.errors import EventtrackError, EventtrackWarning
from eventtrack.ids import SeededIds
from eventtrack.projections.timeline import Place
from eventtrack.store import Store
from eventtrack.store.check import CheckReport, _check_journals
from tests.store.machines import dataset, exchange


def fill(store: Store) -> str:
    """Some of everything; returns a run's id."""
    run_id = store.runs.create("0", run_name="filled").info.run_id
    store.runs.log_params(run_id, {"p": 1})
    store.runs.set_tags(run_id, {"t": 1})
    store.metrics.sink(run_id).log_many({"a": 1.0, "b": 2.0}, 1)
    store.metrics.log(run_id, "a", 3.0, 2)
    store.runs.log_inputs(run_id, [dataset("d")])
    store.artifacts.log_bytes(run_id, b"bytes", "f")
    store.experiments.create("second")
    store.flush()
    return run_id


@pytest.fixture
def filled(store: Store) -> Store:
    """A store with some of everything."""
    fill(store)
    return store


def test_stats_count_what_is_there(filled: Store, other: Store) -> None:
    stats = filled.stats()
    assert (stats.envelopes, stats.feeds, stats.sessions) == (filled.events.head(), 1, 1)
    assert (stats.experiments, stats.runs, stats.series, stats.points) == (2, 1, 2, 3)
    assert (stats.artifacts, stats.format, stats.unknown_events) == (1, 1, {})
    assert stats.path == str(filled.path)
    assert stats.bytes_log > 0
    assert stats.bytes_views > 0
    assert stats.bytes_blobs >= 5
    exchange(filled, other)
    assert (other.stats().feeds, other.stats().sessions) == (2, 2)


def test_two_machines_with_the_same_events_have_the_same_digest(
    filled: Store, other: Store
) -> None:
    fill(other)
    assert filled.maintenance.digest() != other.maintenance.digest()
    exchange(filled, other)
    assert filled.maintenance.digest() == other.maintenance.digest()


def test_every_change_changes_the_digest(filled: Store) -> None:
    run_id = filled.runs.search(["0"])[0].info.run_id
    digests = {filled.maintenance.digest()}
    changes: list[Callable[[], None]] = [
        lambda: filled.runs.set_tags(run_id, {"u": 1}),
        lambda: filled.metrics.log(run_id, "a", 4.0, 0, 0),
        lambda: filled.runs.delete(run_id),
        lambda: filled.experiments.set_tag("0", "t", "x"),
    ]
    for number, change in enumerate(changes, start=2):
        change()
        digests.add(filled.maintenance.digest())
        assert len(digests) == number


def test_a_rebuild_gives_what_was_there_and_answers_go_on(filled: Store) -> None:
    run = filled.runs.search(["0"])[0]
    digest = filled.maintenance.digest()
    seen: list[tuple[int, int]] = []
    assert filled.maintenance.rebuild(lambda done, total: seen.append((done, total))) == digest
    assert seen[-1] == (filled.events.head(), filled.events.head())
    assert filled.runs.get(run.info.run_id) == run
    filled.runs.set_tags(run.info.run_id, {"after": 1})
    assert filled.maintenance.verify()[0]


def test_verifying_compares_live_with_rebuilt(filled: Store) -> None:
    equal, live, rebuilt = filled.maintenance.verify()
    assert equal
    assert live == rebuilt == filled.maintenance.digest()


def plant_in_views(store: Store) -> None:
    """Change a fact in the views behind the log's back."""
    stream = f"run/{store.runs.search(['0'])[0].info.run_id}"
    (*_, last) = store.events.envelopes(0, store.events.head())
    with store._engine.views.begin() as fold:
        fold.tables.note_envelope(stream, Place.of(last))
        fold.tables.change_run(stream).user = "mallory"
        fold.tables.flush()


def test_views_that_were_tampered_with_are_found_and_mended(filled: Store) -> None:
    digest = filled.maintenance.digest()
    plant_in_views(filled)
    equal, live, rebuilt = filled.maintenance.verify()
    assert not equal
    assert (live == digest, rebuilt == digest) == (False, True)
    (problem,) = filled.maintenance.check().problems
    assert (problem.where, problem.what) == ("views", "they differ from the log")
    assert filled.maintenance.rebuild() == digest
    assert filled.maintenance.check().ok


def test_a_sound_store_passes_with_counts(filled: Store, other: Store) -> None:
    fill(other)
    exchange(filled, other)
    seen: list[tuple[int, int]] = []
    report = filled.maintenance.check(lambda done, total: seen.append((done, total)))
    assert report.ok, report.problems
    assert report.envelopes == filled.events.head()
    assert report.events == len(list(filled.events.read()))
    assert (report.feeds, report.blobs) == (2, 1)
    assert report.digest == filled.maintenance.digest()
    assert seen[-1] == (report.envelopes, report.envelopes)


def test_a_check_changes_nothing(filled: Store) -> None:
    def state() -> tuple[int, int, list[str]]:
        names = sorted(str(path) for path in filled.path.rglob("*"))
        return filled.events.head(), filled.change_count(), names

    before = state()
    filled.maintenance.check()
    assert state() == before


def change_value(store: Store, position: int, change: int, at: int) -> None:
    """Flip bits in the stored bytes of an envelope, behind the log's back."""
    with lmdb.open(str(store.path / "log"), max_dbs=8) as environment:
        events = environment.open_db(b"events")
        with environment.begin(write=True) as txn:
            key = position.to_bytes(8, "big")
            data = bytearray(txn.get(key, db=events) or b"")
            data[at] ^= change
            txn.put(key, bytes(data), db=events)


def checked(store: Store) -> CheckReport:
    again = Store(store.path)
    try:
        report = again.maintenance.check()
    finally:
        again.close()
    for problem in report.problems:
        assert problem.where
        assert problem.what
        assert problem.hint
    return report


def length_of(store: Store, position: int) -> int:
    envelope = store._engine.log.get(position)
    assert envelope is not None
    return len(envelope.data)


@pytest.mark.parametrize("from_end", [1, 5])
def test_a_flipped_byte_of_a_payload_is_found(filled: Store, from_end: int) -> None:
    position = filled.events.head() - 2
    at = length_of(filled, position) - from_end
    filled.close()
    change_value(filled, position, 0x01, at)
    report = checked(filled)
    assert any(problem.where == f"log, position {position}" for problem in report.problems)


@pytest.mark.filterwarnings("ignore:a header of envelopes:eventtrack.errors.EventtrackWarning")
def test_every_flipped_byte_of_an_envelope_is_found(tmp_path: Path) -> None:
    store = Store(tmp_path / "store", clock=ManualClock(), ids=SeededIds("flip"))
    store.runs.create("0", run_name="n", run_id="1" * 32)
    position = store.events.head()
    size = length_of(store, position)
    store.close()
    unseen = []
    for at in range(0, size, 7):
        change_value(store, position, 0x20, at)
        if problems(store).ok:
            unseen.append(at)
        change_value(store, position, 0x20, at)
    assert unseen == []
    # Views that were made meanwhile leave out what was damaged then.
    again = Store(tmp_path / "store", clock=ManualClock(), ids=SeededIds("again"))
    again.maintenance.rebuild()
    again.close()
    assert problems(store).ok


def problems(store: Store) -> CheckReport:
    """A check's report; damage that keeps a store from opening counts as found."""
    try:
        return checked(store)
    except EventtrackError as error:
        report = CheckReport(problems=[])
        report.note("open", error.message, error.hint or "none")
        return report


def test_a_missing_envelope_is_found(filled: Store) -> None:
    position = filled.events.head() - 1
    filled.close()
    with lmdb.open(str(filled.path / "log"), max_dbs=8) as environment:
        events = environment.open_db(b"events")
        with environment.begin(write=True) as txn:
            txn.delete(position.to_bytes(8, "big"), db=events)
    report = checked(filled)
    assert any(problem.what == f"position {position} is missing" for problem in report.problems)


def test_a_changed_frontier_is_found(filled: Store) -> None:
    filled.close()
    with lmdb.open(str(filled.path / "log"), max_dbs=8) as environment:
        heads = environment.open_db(b"heads")
        with environment.begin(write=True) as txn:
            ((replica, value),) = list(txn.cursor(heads))
            txn.put(replica, value[:-1] + bytes([value[-1] ^ 1]), db=heads)
    (problem,) = checked(filled).problems
    assert "Merkle frontier" in problem.what


def blob(store: Store) -> Path:
    (found,) = (path for path in (store.path / "blobs").rglob("*") if path.is_file())
    return found


def test_a_missing_blob_is_found(filled: Store) -> None:
    blob(filled).unlink()
    (problem,) = filled.maintenance.check().problems
    assert problem.what == "the bytes of artifact 'f' are missing"
    assert problem.hint


def test_a_changed_blob_is_found(filled: Store) -> None:
    blob(filled).chmod(0o644)
    blob(filled).write_bytes(b"other")
    (problem,) = filled.maintenance.check().problems
    assert problem.where == f"blob {blob(filled).name}"
    assert problem.what == "its bytes are not what was logged"


def test_a_blob_whose_artifact_was_deleted_is_not_missed(filled: Store) -> None:
    filled.artifacts.delete(filled.runs.search(["0"])[0].info.run_id, "f")
    blob(filled).unlink()
    assert filled.maintenance.check().ok


@pytest.mark.parametrize("content", [b"garbage", b"\xff" * 100], ids=["short", "long"])
def test_a_journal_of_garbage_is_found_and_set_aside(filled: Store, content: bytes) -> None:
    path = filled.path / "journal" / ("ab" * 16 + ".journal")
    filled.close()
    path.write_bytes(content)
    with pytest.warns(EventtrackWarning, match="is damaged"):
        again = Store(filled.path)
    assert not path.exists()
    (problem,) = again.maintenance.check().problems
    assert problem.where == f"journal {path.with_suffix('.damaged').name}"
    assert "delete the file" in problem.hint
    again.close()


def test_a_journal_of_garbage_is_found_before_anybody_adopts_it(filled: Store) -> None:
    path = filled.path / "journal" / ("ab" * 16 + ".journal")
    path.write_bytes(b"garbage")
    report = CheckReport(problems=[])
    _check_journals(path.parent, report)
    (problem,) = report.problems
    assert (problem.where, report.journals) == (f"journal {path.name}", 2)
    path.unlink()


def test_a_journal_in_use_is_no_problem(filled: Store) -> None:
    filled.metrics.log(filled.runs.search(["0"])[0].info.run_id, "a", 1.0, 9)
    report = filled.maintenance.check()
    assert report.ok
    assert report.journals == 1


def test_files_that_go_while_sizes_are_added_up_stop_no_stats(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process moves a journal into the log between the listing and the look."""
    walk = os.walk
    monkeypatch.setattr(
        "os.walk",
        lambda top: ((place, folders, [*names, "gone"]) for place, folders, names in walk(top)),
    )
    assert store.stats().bytes_log > 0
