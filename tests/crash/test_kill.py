"""`kill -9` at any instant: what had returned is in the log, once, and nothing is half there."""

import random
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from eventtrack.errors import EventtrackWarning
from eventtrack.store import Store, open_store
from tests.crash import workers
from tests.crash.workers import PATIENCE_S, opened, returned

SMALL = [
    pytest.param({}, id="as it comes"),
    pytest.param({"journal_bytes": 2048}, id="the journal rotates"),
    pytest.param({"map_bytes": 96 * 1024}, id="the map grows"),
    pytest.param({"drain_ms": 10**7}, id="nothing is drained"),
    pytest.param({"drain_ms": 1, "journal_bytes": 4096}, id="everything is drained at once"),
]


def kill(process: BaseProcess) -> None:
    """`kill -9`, and wait until it is dead."""
    process.kill()
    process.join(PATIENCE_S)
    assert process.exitcode == -9


@pytest.mark.slow
@pytest.mark.parametrize("small", SMALL)
def test_every_returned_call_is_in_the_log_exactly_once(
    tmp_path: Path, small: dict[str, int]
) -> None:
    path, chance = tmp_path / "store", random.Random(repr(small))
    survivor_notes = tmp_path / "survivor"
    survivor = workers.start(workers.write, path, survivor_notes)
    notes: list[Path] = []
    for round_number in range(3):
        batch = [tmp_path / f"notes-{round_number}-{number}" for number in range(3)]
        writers = [_writer(path, file, small) for file in batch]
        for file, writer in zip(batch, writers, strict=True):
            workers.until_returned(file, 1)
            time.sleep(chance.random() * 0.2)
            kill(writer)
        notes += batch
        with opened(path) as store:
            for file in notes:
                workers.assert_exactly_once(store, returned(file))
    survivor_notes.with_suffix(".stop").touch()
    workers.finish(survivor)
    with opened(path) as store:
        for file in (*notes, survivor_notes):
            workers.assert_exactly_once(store, returned(file))
        workers.assert_sound(store)
        assert not list((path / "journal").glob("*.journal"))


def _writer(path: Path, notes: Path, small: dict[str, int]) -> BaseProcess:
    return workers.start(_write_small, path, notes, small)


def _write_small(path: Path, notes: Path, small: dict[str, int]) -> None:
    workers.write(path, notes, **small)


def test_a_store_that_stays_open_sees_what_a_killed_process_left(tmp_path: Path) -> None:
    """Nobody opens the store anew: its journal is found by whoever looks next."""
    with opened(tmp_path / "store") as store:
        notes = tmp_path / "notes"
        writer = _writer(store.path, notes, {"drain_ms": 10**7})
        workers.until_returned(notes, 50)
        kill(writer)
        workers.assert_exactly_once(store, returned(notes))


def test_points_keep_their_order_across_the_files_of_a_killed_process(tmp_path: Path) -> None:
    """Some ten files: in any other order than theirs the chance is one in millions."""
    path, notes = tmp_path / "store", tmp_path / "notes"
    writer = _writer(path, notes, {"drain_ms": 10**7, "journal_bytes": 512})
    workers.until_returned(notes, 400)
    kill(writer)
    assert len(list((path / "journal").iterdir())) > 0
    with opened(path) as store:
        workers.assert_exactly_once(store, returned(notes))


# Each work below is done by a process that dies at one of its lines; the lines are spread over all
# that it runs. It is done again by one that lives, and must then have been done once.
STEPS = 12


def create(path: Path) -> None:
    """Make a store and a run."""
    store = open_store(path)
    store.runs.create("0", run_id="a" * 32)
    store.close()


def adopt(path: Path) -> None:
    """Open a store with the journals of dead processes in it."""
    open_store(path).close()


def rebuild(path: Path) -> None:
    """Fold everything anew."""
    store = open_store(path)
    store.maintenance.rebuild()
    store.close()


def batch(path: Path) -> None:
    """Forty decisions and points in one commit."""
    store = open_store(path)
    with store.batch():
        for number in range(20):
            store.runs.set_tags("b" * 32, {f"t{number}": number})
            store.metrics.log("b" * 32, "batched", number, number)
    store.close()


def log_artifacts(path: Path) -> None:
    """Two files in one event."""
    source = path.parent / "source"
    source.mkdir(exist_ok=True)
    (source / "one").write_bytes(b"1" * 100_000)
    (source / "two").write_bytes(b"2")
    store = open_store(path)
    store.artifacts.log_folder("b" * 32, source, "model")
    store.close()


def rotate(path: Path) -> None:
    """Points through journal files of one kilobyte."""
    workers.shrink(journal_bytes=1024)
    store = open_store(path)
    for number in range(60):
        store.metrics.log("b" * 32, "rotated", number, number)
    store.close()


def grow(path: Path) -> None:
    """Params that do not fit the map."""
    workers.shrink(map_bytes=128 * 1024)
    store = open_store(path)
    for number in range(12):
        store.runs.log_params("b" * 32, {f"long{number}-{key}": "x" * 6000 for key in range(4)})
    store.close()


def prepared(path: Path) -> Path:
    """A store with a run and a few hundred events, none of them in a journal."""
    with opened(path) as store:
        run_id = store.runs.create("0", run_id="b" * 32).info.run_id
        for number in range(100):
            store.metrics.log(run_id, "loss", number / 7, number)
        store.artifacts.log_bytes(run_id, b"before", "before.bin")
    return path


def with_orphans(path: Path) -> Path:
    """The same, and journals that two killed processes left."""
    prepared(path)
    for number in range(2):
        notes = path.with_name(f"{path.name}.{number}")
        small = {"drain_ms": 10**7, "journal_bytes": 4096}
        writer = _writer(path, notes, small)
        workers.until_returned(notes, 100)
        kill(writer)
    return path


def dies_at_each_step(work: object, prepare: object, folder: Path) -> list[Path]:
    """Stores in which a process died at one of its steps in `work`; the last of them lived."""
    assert callable(work)
    assert callable(prepare)
    lines = folder / "lines"
    workers.finish(workers.start(workers.trip, work, prepare(folder / "case"), 0, lines))
    total = int(lines.read_text())
    assert total > 100
    chance = random.Random(total)
    paths = []
    for step in range(STEPS):
        path = prepare(folder / f"case-{step}")
        kill_at = 1 + (step * total) // STEPS + chance.randrange(total // STEPS)
        process = workers.start(workers.trip, work, path, kill_at, lines)
        process.join(PATIENCE_S)
        # A little luck decides which lines run: the last step may come after the end.
        assert process.exitcode in (-9, 0)
        paths.append(path)
    return [*paths, folder / "case"]


@pytest.mark.slow
def test_a_store_whose_creation_was_killed_can_be_made(tmp_path: Path) -> None:
    for path in dies_at_each_step(create, lambda path: path, tmp_path):
        with opened(path) as store:
            assert [one.name for one in store.experiments.search()] == ["Default"]
            assert len(list(store.events.read(types=["experiment.created"]))) == 1
            assert len(list(store.events.read(types=["run.started"]))) <= 1
            workers.assert_sound(store)


@pytest.mark.slow
def test_an_adopter_that_was_killed_leaves_all_to_the_next(tmp_path: Path) -> None:
    for path in dies_at_each_step(adopt, with_orphans, tmp_path):
        with opened(path) as store:
            for number in range(2):
                counts = returned(path.with_name(f"{path.name}.{number}"))
                workers.assert_exactly_once(store, counts)
            workers.assert_sound(store)
            assert not list((path / "journal").glob("*.journal"))


@pytest.mark.slow
def test_a_rebuild_that_was_killed_changes_nothing(tmp_path: Path) -> None:
    for path in dies_at_each_step(rebuild, prepared, tmp_path):
        with opened(path) as store:
            assert len(store.metrics.arrays("b" * 32, "loss")) == 100
            workers.assert_sound(store)


@pytest.mark.slow
def test_a_batch_that_was_killed_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    for path in dies_at_each_step(batch, prepared, tmp_path):
        with opened(path) as store:
            tags = store.runs.get("b" * 32).data.tags
            assert len([key for key in tags if key.startswith("t")]) in (0, 20)
            points = store.metrics.arrays("b" * 32, "batched")
            assert list(points.steps) == list(range(len(points)))
            workers.assert_sound(store)


@pytest.mark.slow
def test_artifacts_whose_logging_was_killed_are_whole_or_not_listed(tmp_path: Path) -> None:
    for path in dies_at_each_step(log_artifacts, prepared, tmp_path):
        with opened(path) as store:
            listed = [file.path for file in store.artifacts.list("b" * 32, "model")]
            assert listed in ([], ["model/one", "model/two"])
            store.artifacts.download("b" * 32, "", path.with_name("download"))
            workers.assert_sound(store)
        log_artifacts(path)
        with opened(path) as store, store.artifacts.open("b" * 32, "model/one") as file:
            assert file.read() == b"1" * 100_000


@pytest.mark.slow
def test_points_are_in_order_when_a_rotation_was_killed(tmp_path: Path) -> None:
    for path in dies_at_each_step(rotate, prepared, tmp_path):
        with opened(path) as store:
            steps = _steps(store, "rotated")
            assert steps == list(range(len(steps)))
            workers.assert_sound(store)


@pytest.mark.slow
def test_a_decision_is_recorded_once_when_the_map_grew_under_it(tmp_path: Path) -> None:
    for path in dies_at_each_step(grow, prepared, tmp_path):
        with opened(path) as store:
            names = [
                key
                for event in store.events.read(types=["run.params_logged"])
                for key in event.body["params"]
            ]
            assert len(names) == len(set(names))
            assert len(names) % 4 == 0
            workers.assert_sound(store)


def _steps(store: Store, key: str) -> list[int]:
    events = store.events.read(stream="run/" + "b" * 32, types=["run.metric_logged"])
    return [event.body["step"] for event in events if event.body["key"] == key]


def test_a_journal_that_was_being_made_is_no_damage(tmp_path: Path) -> None:
    """The file has its name only once it is whole; before that it is nobody's."""
    with opened(tmp_path / "store") as store:
        (store.path / "journal" / f"{'c' * 32}.new").write_bytes(bytes(4096))
    with opened(tmp_path / "store") as store:
        workers.assert_sound(store)


def test_a_journal_of_zeros_is_no_damage(tmp_path: Path) -> None:
    with opened(tmp_path / "store") as store:
        (store.path / "journal" / f"{'c' * 32}.journal").write_bytes(bytes(4096))
    with opened(tmp_path / "store") as store:
        workers.assert_sound(store)


def test_a_failed_adoption_does_not_close_the_store_to_readers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from eventtrack.errors import DiskFullError
    from eventtrack.log import adopting

    path = with_orphans(tmp_path / "store")
    counts = returned(path.with_name("store.0"))

    def fail(*_: object) -> int:
        raise DiskFullError("the disk is full", hint="free some space")

    with monkeypatch.context() as patch:
        patch.setattr(adopting, "adopt_orphans", fail)
        with pytest.warns(EventtrackWarning, match="stay as they are"), opened(path) as store:
            assert len(store.metrics.arrays("b" * 32, "loss")) == 100
    with opened(path) as store:
        workers.assert_exactly_once(store, counts)


@pytest.mark.slow
def test_a_survivor_is_told_when_all_who_waited_with_it_are_killed_at_once(tmp_path: Path) -> None:
    """LMDB's own lock wakes one of those who wait; if that one is killed just then, nobody else."""
    path, notes, chance = tmp_path / "store", tmp_path / "survivor", random.Random(5)
    survivor = workers.start(workers.write, path, notes)
    for round_number in range(15):
        files = [tmp_path / f"notes-{round_number}-{number}" for number in range(3)]
        writers = [_writer(path, file, {}) for file in files]
        for file in files:
            workers.until_returned(file, 1)
        time.sleep(chance.random() * 0.05)
        for writer in writers:
            writer.kill()
        for writer in writers:
            writer.join(workers.PATIENCE_S)
        workers.until_returned(notes, sum(returned(notes).values()) + 1)
    notes.with_suffix(".stop").touch()
    workers.finish(survivor)
