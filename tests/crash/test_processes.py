"""Several processes on one store: one wins, all agree, and growth or a rebuild disturbs nobody."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from eventtrack.errors import AlreadyExistsError, InvalidValueError
from eventtrack.store import open_store
from tests.crash import workers
from tests.crash.workers import opened, returned

Wait = Callable[[], object]


def open_fresh(number: int, wait: Wait, folder: Path) -> None:
    """Open folders that are not there yet, all processes at once."""
    for attempt in range(8):
        wait()
        with opened(folder / f"store-{attempt}") as store:
            run_id = store.runs.create("0", run_name=f"of {number}").info.run_id
            store.metrics.log(run_id, "loss", number)


@pytest.mark.slow
def test_processes_make_one_store_at_once(tmp_path: Path) -> None:
    workers.together(4, open_fresh, tmp_path)
    for attempt in range(8):
        with opened(tmp_path / f"store-{attempt}") as store:
            assert len(store.experiments.search()) == 1
            assert len(list(store.events.read(types=["experiment.created"]))) == 1
            runs = store.runs.search(["0"])
            assert sorted(run.info.run_name for run in runs) == [f"of {n}" for n in range(4)]
            assert all(len(run.data.metrics) == 1 for run in runs)
            workers.assert_sound(store)


def create_experiments(number: int, wait: Wait, path: Path, notes: Path) -> None:
    """Make experiments of the same names, all processes at once; note those made."""
    with opened(path) as store, (notes / str(number)).open("w") as file:
        for name in range(10):
            wait()
            try:
                identifier = store.experiments.create(f"name {name}")
                file.write(f"{name} {identifier}\n")
            except AlreadyExistsError:
                # It is there, and this process sees it at once.
                assert store.experiments.get_by_name(f"name {name}") is not None


@pytest.mark.slow
def test_of_processes_that_make_one_experiment_exactly_one_wins(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    workers.together(4, create_experiments, tmp_path / "store", tmp_path / "notes")
    made = [line for file in (tmp_path / "notes").iterdir() for line in file.read_text().split()]
    assert sorted(map(int, made[::2])) == list(range(10))


def set_experiment(number: int, wait: Wait, path: Path, notes: Path) -> None:
    """Choose an experiment through the fluent API, all processes at once; note its id."""
    import eventtrack

    eventtrack.set_tracking_uri(path)
    for name in range(5):
        wait()
        found = eventtrack.set_experiment(f"fluent {name}")
        with eventtrack.start_run():
            eventtrack.log_metric("loss", number)
        with (notes / f"{name}-{number}").open("w") as file:
            file.write(found.experiment_id)


@pytest.mark.slow
def test_processes_that_set_one_experiment_all_get_it(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    workers.together(4, set_experiment, tmp_path / "store", notes)
    with opened(tmp_path / "store") as store:
        for name in range(5):
            [identifier] = {file.read_text() for file in notes.glob(f"{name}-*")}
            assert store.experiments.get(identifier).name == f"fluent {name}"
            runs = store.runs.search([identifier])
            assert sorted(run.data.metrics["loss"] for run in runs) == [0.0, 1.0, 2.0, 3.0]


def log_one_param(number: int, wait: Wait, path: Path, runs: list[str], notes: Path) -> None:
    """Log the same params with different values, all processes at once; note who won."""
    with opened(path) as store:
        for place, run_id in enumerate(runs):
            wait()
            try:
                store.runs.log_params(run_id, {"lr": number})
                (notes / f"{place}-{number}").touch()
            except InvalidValueError:
                assert store.runs.get(run_id).data.params["lr"] != str(number)


@pytest.mark.slow
def test_of_processes_that_log_one_param_exactly_one_wins(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    with opened(tmp_path / "store") as store:
        runs = [store.runs.create("0").info.run_id for _ in range(10)]
        workers.together(3, log_one_param, store.path, runs, notes)
        for place, run_id in enumerate(runs):
            [winner] = notes.glob(f"{place}-*")
            assert store.runs.get(run_id).data.params == {"lr": winner.name.partition("-")[2]}


def outgrow(number: int, wait: Wait, path: Path) -> None:
    """Write what fits no small map, in turns with the others, and read what they wrote."""
    workers.shrink(map_bytes=96 * 1024)
    with opened(path) as store:
        run_id = store.runs.create("0").info.run_id
        for place in range(8):
            wait()
            store.runs.log_params(run_id, {f"{place}-{key}": "x" * 6000 for key in range(5)})
            found = store.runs.search(["0"])
            assert any(len(run.data.params) == 5 * place + 5 for run in found)
        wait()
        assert {len(run.data.params) for run in store.runs.search(["0"])} == {40}


@pytest.mark.slow
def test_the_map_grows_under_the_others(tmp_path: Path) -> None:
    workers.together(3, outgrow, tmp_path / "store")
    with opened(tmp_path / "store") as store:
        workers.assert_sound(store)


def write_one_batch(path: Path, run_id: str) -> None:
    """A batch makes room for four gigabytes first."""
    with opened(path) as store, store.batch():
        store.runs.set_tags(run_id, {"batch": "done"})


def test_a_map_that_another_process_made_gigabytes_larger_is_followed(tmp_path: Path) -> None:
    with opened(tmp_path / "store") as store:
        run_id = store.runs.create("0").info.run_id
        store.metrics.log(run_id, "loss", 1.0)
        workers.finish(workers.start(write_one_batch, store.path, run_id))
        assert store.runs.get(run_id).data.tags["batch"] == "done"
        store.metrics.log(run_id, "loss", 2.0, 1)
        store.runs.set_tags(run_id, {"after": "growth"})
        assert len(store.metrics.arrays(run_id, "loss")) == 2
        workers.assert_sound(store)


def rebuild_again_and_again(number: int, wait: Wait, path: Path) -> None:
    """Rebuild, read and write, all processes at once."""
    chance = random.Random(number)
    with opened(path) as store:
        run_id = store.runs.create("0").info.run_id
        wait()
        for step in range(12):
            if chance.random() < 0.5:
                store.maintenance.rebuild()
            store.metrics.log(run_id, "loss", step, step)
            store.runs.set_tags(run_id, {"step": step})
            run = store.runs.get(run_id)
            assert run.data.tags["step"] == str(step)
            assert len(store.metrics.arrays(run_id, "loss")) == step + 1


@pytest.mark.slow
def test_rebuilds_at_once_disturb_neither_each_other_nor_readers(tmp_path: Path) -> None:
    path, notes = tmp_path / "store", tmp_path / "notes"
    with opened(path) as store:
        run_id = store.runs.create("0").info.run_id
        for step in range(2000):
            store.metrics.log(run_id, "loss", step, step)
        writer = workers.start(workers.write, path, notes)
        workers.until_returned(notes, 10)
        workers.together(4, rebuild_again_and_again, path)
        notes.with_suffix(".stop").touch()
        workers.finish(writer)
        workers.assert_exactly_once(store, returned(notes))
        assert len(store.metrics.arrays(run_id, "loss")) == 2000
        workers.assert_sound(store)
    with opened(path) as store:
        store.maintenance.rebuild()
        builds = [file for file in (path / "views").iterdir() if file.is_dir()]
        assert len(builds) < 8


def test_a_decision_is_seen_by_a_process_that_had_looked_before(tmp_path: Path) -> None:
    """Also when its own last decision changed nothing, and took no number in the log."""
    with opened(tmp_path / "store") as store:
        run_id = store.runs.create("0").info.run_id
        for number in range(10):
            store.runs.log_params(run_id, {"same": "value"})
            workers.finish(workers.start(tag, store.path, run_id, number))
            assert store.runs.get(run_id).data.tags["number"] == str(number)


def tag(path: Path, run_id: str, number: int) -> None:
    """One decision of a process of its own."""
    store = open_store(path)
    store.runs.set_tags(run_id, {"number": number})
