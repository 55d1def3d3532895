"""An import may be repeated, interrupted, and followed by another of a source that has grown."""

import itertools
import multiprocessing
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest

from eventtrack.store import Store
from eventtrack.store.intake import intake
from tests.transfer.theirs import START_MS, assert_same, mlflow_client, state, take


def test_a_second_import_changes_nothing(theirs: str, store: Store) -> None:
    take(store, theirs)
    head = store.events.head()
    report = take(store, theirs)
    assert (store.events.head(), report.taken.total()) == (head, 0)


def test_a_store_that_has_grown_adds_what_is_new(theirs: str, store: Store, tmp_path: Path) -> None:
    uri = _copy(theirs, tmp_path)
    take(store, uri)
    client = mlflow_client(uri)
    experiment = client.get_experiment_by_name("flowers: ü").experiment_id
    [run] = client.search_runs([experiment], "attributes.run_name = 'child-0'")
    run_id = run.info.run_id
    client.log_metric(run_id, "loss/train", 0.001, START_MS + 9999, 100)
    client.log_metric(run_id, "new", 1.0, START_MS, 0)
    client.log_param(run_id, "late", "1")
    client.set_tag(run_id, "k/z", "changed")
    client.set_terminated(run_id, "KILLED", START_MS + 10_000)
    client.create_run(experiment, START_MS, run_name="another")
    head = store.events.head()
    report = take(store, uri)
    taken = report.taken
    assert (taken.runs, taken.points, taken.params, taken.files) == (1, 2, 1, 0)
    assert store.events.head() <= head + 6
    assert_same(client, store, tmp_path / "files")


def test_what_was_changed_here_stays(theirs: str, tmp_path: Path) -> None:
    path = tmp_path / "store"
    importing = Store(path, source="import")
    take(importing, theirs)
    importing.close()
    by_hand = Store(path)
    experiment = by_hand.experiments.get_by_name("flowers: ü")
    assert experiment is not None
    runs = {
        run.info.run_name: run.info.run_id for run, _ in by_hand.runs.tree(experiment.experiment_id)
    }
    first, second, parent = runs["child-0"], runs["child-1"], runs["par: ent"]
    by_hand.runs.set_tags(first, {"k/z": "mine"})
    by_hand.runs.update(first, name="my name")
    by_hand.artifacts.delete(first, "notes.txt")
    by_hand.runs.delete_tag(second, "k/z")
    by_hand.runs.delete(parent)
    before = state(by_hand)
    by_hand.close()
    again = Store(path, source="import")
    head = again.events.head()
    report = take(again, theirs)
    assert again.events.head() == head
    assert state(again) == before
    assert set(report.kept) == {
        f"run/{first} tag.k/z",
        f"run/{first} name",
        f"run/{first} artifact.notes.txt",
        f"run/{second} tag.k/z",
        f"run/{parent} lifecycle",
    }
    again.close()


def test_decisions_that_run_twice_count_once(
    theirs: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As they do where the memory map has to grow in the middle of a commit."""
    reports = []
    for times in (1, 2):
        store = Store(tmp_path / f"store-{times}", source="import")
        execute = store._engine.execute

        def repeated(decide: Any, times: int = times, execute: Any = execute) -> Any:
            return execute(lambda reader: [decide(reader) for _ in range(times)][-1])

        monkeypatch.setattr(store._engine, "execute", repeated)
        reports.append(take(store, theirs))
        store.close()
    once, twice = reports
    assert once.taken.total()
    assert twice.taken == once.taken


@pytest.mark.slow
def test_an_import_that_is_killed_goes_on_when_repeated(tmp_path: Path) -> None:
    mlruns, whole, path = tmp_path / "mlruns", tmp_path / "whole", tmp_path / "store"
    _many_runs(mlruns)
    in_one_go = Store(whole, source="import")
    take(in_one_go, f"file:{mlruns}")
    expected = state(in_one_go)
    in_one_go.close()
    parts = []
    for last_decision in (3, 40, 41, 90, 150):
        process = multiprocessing.get_context("spawn").Process(
            target=_import_and_die, args=(path, f"file:{mlruns}", last_decision)
        )
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
        with_part = Store(path, source="import")
        parts.append(len(state(with_part)))
        with_part.close()
    assert parts == sorted(parts)
    assert 0 < parts[2] < parts[-1] < len(expected)
    last = Store(path, source="import")
    take(last, f"file:{mlruns}")
    assert state(last) == expected
    head = last.events.head()
    take(last, f"file:{mlruns}")
    assert last.events.head() == head
    last.close()


def _import_and_die(path: Path, uri: str, last_decision: int) -> None:
    """Import in small commits; `kill -9` at a decision, within the commit that it belongs to."""
    intake._WAITING_WEIGHT_MAX = 10_000
    store, decisions = Store(path, source="import"), itertools.count(1)
    engine = store._engine
    execute = engine.execute

    def count(decide: Any) -> Any:
        if next(decisions) == last_decision:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(decide)

    engine.execute = count  # type: ignore[method-assign]
    take(store, uri)


def _many_runs(root: Path) -> None:
    for number in range(60):
        run = root / "1" / f"{number:032x}"
        for folder in ("metrics", "params", "tags", "artifacts"):
            (run / folder).mkdir(parents=True)
        (run / "meta.yaml").write_text(
            f"run_id: {run.name}\nexperiment_id: '1'\nstatus: 3\nstart_time: {START_MS}\n"
            f"end_time: {START_MS + 5}\nrun_name: run-{number}\nuser_id: ada\n"
        )
        for key in ("loss", "accuracy"):
            lines = (
                f"{START_MS + step} {1 / (step + 1 + number)} {step}\n" for step in range(5000)
            )
            (run / "metrics" / key).write_text("".join(lines))
        (run / "params" / "lr").write_text(f"{number}")
        (run / "tags" / "stage").write_text("x")
        (run / "artifacts" / "model.txt").write_text(f"weights {number}")
    (root / "1" / "meta.yaml").write_text("experiment_id: '1'\nname: many\n")


def _copy(uri: str, target: Path) -> str:
    kind, _, path = uri.partition(":")
    folder = Path(path.replace("//", "", 1)).parent
    shutil.copytree(folder, target / "copy")
    name = Path(path).name
    return f"file:{target}/copy/{name}" if kind == "file" else f"sqlite:///{target}/copy/{name}"
