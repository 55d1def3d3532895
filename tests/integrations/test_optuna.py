"""Studies of Optuna in our store: its own tests of storages, runs, several machines, its pages."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults

import optuna
import optuna_dashboard
import pytest
from optuna.testing.pytest_storages import StorageTestCase

import eventtrack
from eventtrack.errors import UsageError
from eventtrack.events.studies import StudyEntry
from eventtrack.integrations.optuna import EventtrackStorage
from eventtrack.store import open_store
from eventtrack.sync import synchronize
from tests.integrations.records import all_runs, history

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    """Optuna says each trial otherwise."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(optuna.logging.INFO)


class TestStorage(StorageTestCase):
    """Optuna's own tests, with our storage."""

    @pytest.fixture
    def storage(self, tmp_path: Path) -> EventtrackStorage:
        """A storage in a store of its own."""
        return EventtrackStorage(str(tmp_path / "studies"))


def objective(trial: optuna.Trial) -> float:
    """A parabola, with a report of each half; pruned where it is high."""
    x: float = trial.suggest_float("x", -1.0, 1.0)
    kind = trial.suggest_categorical("kind", ["square", "half"])
    for step in range(2):
        trial.report(x * x / (step + 1), step)
        if trial.should_prune():
            raise optuna.TrialPruned
    trial.set_user_attr("note", f"at {x:.1f}")
    return x * x if kind == "square" else x / 2


def test_a_study_is_a_run_and_each_trial_a_run_below_it() -> None:
    storage = EventtrackStorage()
    study = optuna.create_study(
        storage=storage,
        study_name="parabola",
        sampler=optuna.samplers.RandomSampler(seed=1),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2),
    )
    study.set_user_attr("team", "blue")
    study.optimize(objective, n_trials=8)
    parent, *trials = all_runs()
    assert parent.info.run_name == "parabola"
    assert parent.data.tags["optuna.directions"] == "minimize"
    assert parent.data.tags["optuna.team"] == "blue"
    states = [trial.state.name for trial in study.trials]
    assert {"COMPLETE", "PRUNED"} == set(states)
    status_of = {"COMPLETE": "FINISHED", "PRUNED": "KILLED"}
    for trial, run in zip(study.trials, trials, strict=True):
        assert run.info.run_id == storage.run_id(trial)
        assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert run.data.params == {key: str(value) for key, value in trial.params.items()}
        reports = list(trial.intermediate_values.items())
        assert history(run.info.run_id, "intermediate_value") == reports
        assert run.info.status == status_of[trial.state.name]
        assert run.data.metrics["value"] == trial.value
        assert run.data.tags.get("optuna.note") == trial.user_attrs.get("note")


def test_the_objective_may_log_to_its_trials_run() -> None:
    storage = EventtrackStorage()

    def logged(trial: optuna.Trial) -> float:
        with eventtrack.start_run(run_id=storage.run_id(trial)):
            eventtrack.log_metric("loss", 0.5)
        return 1.0

    study = optuna.create_study(storage=storage)
    study.optimize(logged, n_trials=1)
    run = eventtrack.get_run(storage.run_id(study.best_trial))
    assert run.data.metrics == {"loss": 0.5, "value": 1.0}


def test_a_study_is_resumed_by_another_process(tmp_path: Path) -> None:
    text = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import optuna
from eventtrack.integrations.optuna import EventtrackStorage
study = optuna.create_study(
    storage=EventtrackStorage({str(tmp_path / "store")!r}), study_name="s", load_if_exists=True
)
study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
"""
    workers = [subprocess.Popen([sys.executable, "-c", text]) for _ in range(2)]
    assert [worker.wait() for worker in workers] == [0, 0]
    study = optuna.load_study(study_name="s", storage=EventtrackStorage())
    assert [trial.number for trial in study.trials] == list(range(6))
    study.optimize(lambda trial: 0.0, n_trials=1)
    assert len(study.trials) == 7
    assert len(all_runs()) == 8


def test_threads_share_a_study() -> None:
    study = optuna.create_study(storage=EventtrackStorage())
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=8, n_jobs=4)
    assert [trial.number for trial in study.trials] == list(range(8))
    assert {trial.state.name for trial in study.trials} == {"COMPLETE"}


def contents(study: optuna.Study, storage: EventtrackStorage) -> dict[str, Any]:
    """All trials by the ids of their runs, less their numbers."""
    return {
        storage.run_id(trial): (
            trial.state,
            trial.values,
            trial.params,
            trial.user_attrs,
            trial.intermediate_values,
        )
        for trial in study.trials
    }


class Machines:
    """Two machines with a folder between them, which both reach now and then."""

    def __init__(self, tmp_path: Path) -> None:
        self.paths = [tmp_path / "a", tmp_path / "b"]
        self.between = tmp_path / "stick"

    def storage(self, place: int) -> EventtrackStorage:
        """A storage as a new process of a machine opens it."""
        return EventtrackStorage(str(self.paths[place]))

    def study(self, place: int, **options: Any) -> optuna.Study:
        """The study of a machine, made if it is missing there."""
        return optuna.create_study(
            storage=self.storage(place), study_name="s", load_if_exists=True, **options
        )

    def sync(self) -> None:
        """Exchange everything."""
        for path in (*self.paths, self.paths[0]):
            synchronize(open_store(path), str(self.between))

    def all_contents(self) -> list[dict[str, Any]]:
        """All trials as new processes of both machines see them."""
        return [contents(self.study(place), self.storage(place)) for place in range(2)]


@pytest.fixture
def machines(tmp_path: Path) -> Machines:
    """Two machines."""
    return Machines(tmp_path)


def test_machines_that_were_offline_share_a_study_after_a_sync(machines: Machines) -> None:
    first, second = machines.study(0), machines.study(1)
    first.optimize(objective, n_trials=3)
    second.optimize(objective, n_trials=2)
    numbers = {trial.number: trial.params for trial in first.trials}
    machines.sync()
    # Workers that were running see the others' trials, and what they had keeps its number.
    assert [len(study.trials) for study in (first, second)] == [5, 5]
    assert {number: first.trials[number].params for number in numbers} == numbers
    again = machines.study(0)
    assert {number: again.trials[number].params for number in numbers} == numbers
    ours, theirs = machines.all_contents()
    assert ours == theirs
    assert len(ours) == 5
    first.optimize(objective, n_trials=1)
    second.optimize(objective, n_trials=1)
    machines.sync()
    ours, theirs = machines.all_contents()
    assert ours == theirs
    assert len(ours) == 7


def test_of_two_machines_that_run_one_waiting_trial_the_first_to_finish_counts(
    machines: Machines,
) -> None:
    first = machines.study(0)
    first.enqueue_trial({"x": 0.5})
    machines.sync()
    second = machines.study(1)
    for study, value in ((first, 1.0), (second, 2.0)):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        study.tell(trial, value)
    machines.sync()
    ours, theirs = machines.all_contents()
    assert ours == theirs
    assert [values for _, values, *_ in ours.values()] == [[1.0]]


def test_attributes_that_two_machines_set_end_alike(machines: Machines) -> None:
    first = machines.study(0)
    machines.sync()
    second = machines.study(1)
    first.set_user_attr("team", "blue")
    second.set_user_attr("team", "red")
    machines.sync()
    assert first.user_attrs == second.user_attrs == {"team": "red"}
    assert machines.study(0).user_attrs == machines.study(1).user_attrs == {"team": "red"}


def test_a_study_begun_anew_elsewhere_survives_a_deletion(machines: Machines) -> None:
    machines.study(0).optimize(objective, n_trials=1)
    machines.study(1).optimize(objective, n_trials=2)
    optuna.delete_study(study_name="s", storage=machines.storage(0))
    machines.sync()
    ours, theirs = machines.all_contents()
    assert ours == theirs
    assert len(ours) == 2


def test_entries_that_arrive_before_what_they_belong_to_wait_for_it(tmp_path: Path) -> None:
    study, trial = "0e" * 16, "1f" * 16
    created = '{"study_name": "s", "directions": [1]}'
    entries = [
        StudyEntry(8, "", trial, '{"user_attr": {"note": "second"}}'),
        StudyEntry(4, study, trial, '{"datetime_start": null, "state": 4}'),
        StudyEntry(0, study, "", created),
    ]
    store = open_store(tmp_path / "store")
    storage = EventtrackStorage()
    for entry in entries:
        store.studies.record([entry])
        storage.get_all_studies()
    for opened in (storage, EventtrackStorage()):
        [found] = optuna.load_study(study_name="s", storage=opened).trials
        assert found.user_attrs == {"note": "second"}
        assert opened.run_id(found) == trial


@pytest.mark.parametrize(
    "entry",
    [
        StudyEntry(99, "a", "b", "{}"),
        StudyEntry(0, "a", "", "no json"),
        StudyEntry(0, "a", "", "[" * 100_000),
        StudyEntry(0, "a", "", '{"study_name": "s", "directions": [7]}'),
        StudyEntry(0, "a", "", '{"study_name": ["s"]}'),
        StudyEntry(1, "a", "", '{"studies": 7}'),
        StudyEntry(2, "good", "", '{"user_attr": {}}'),
        StudyEntry(4, "good", "b", '{"datetime_start": "yesterday"}'),
        StudyEntry(4, "good", "b", '{"datetime_start": null, "params": {"x": 1}}'),
        StudyEntry(5, "", "good", '{"param_name": "x", "distribution": "no", "worker_id": 3}'),
        StudyEntry(6, "", "good", '{"state": 77, "values": "many"}'),
        StudyEntry(7, "", "good", '{"step": {}, "intermediate_value": 1}'),
    ],
)
def test_a_hostile_entry_has_no_effect_and_stops_no_other(
    entry: StudyEntry, tmp_path: Path
) -> None:
    store = open_store(tmp_path / "store")
    good = [
        StudyEntry(0, "good", "", '{"study_name": "good", "directions": [1]}'),
        StudyEntry(4, "good", "good", '{"datetime_start": null, "state": 0}'),
    ]
    last = StudyEntry(7, "", "good", '{"step": 1, "intermediate_value": 2}')
    store.studies.record([*good, entry, last])
    storage = EventtrackStorage()
    study = optuna.load_study(study_name="good", storage=storage)
    assert [trial.intermediate_values for trial in study.trials] == [{1: 2}]
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    assert len(EventtrackStorage().get_all_trials(study._study_id)) == 2


def test_optunas_pages_show_a_study() -> None:
    storage = EventtrackStorage()
    optuna.create_study(storage=storage, study_name="shown").optimize(objective, n_trials=2)
    pages = optuna_dashboard.wsgi(storage)
    answers: list[str] = []
    environment: dict[str, Any] = {}
    setup_testing_defaults(environment)
    environment["PATH_INFO"] = "/api/studies"
    body = b"".join(pages(environment, lambda status, headers, *_: answers.append(status)))
    assert answers == ["200 OK"]
    [shown] = json.loads(body)["study_summaries"]
    assert shown["study_name"] == "shown"


def test_a_server_is_refused_with_what_to_do() -> None:
    with pytest.raises(UsageError, match="on this machine") as refused:
        EventtrackStorage("http://127.0.0.1:9")
    assert "eventtrack clone" in str(refused.value.hint)
