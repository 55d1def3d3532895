"""A search of Ray Tune with our callback."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray import tune

import eventtrack
from eventtrack.integrations.ray import EventtrackCallback
from tests.integrations.records import all_runs, files, history


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    """Ray with one worker, without its pages."""
    ray.init(num_cpus=1, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def trained(config: dict[str, Any]) -> None:
    """Three results; the second with a checkpoint; a width of 13 fails."""
    import tempfile

    if config["width"] == 13:
        raise RuntimeError("thirteen")
    for step in range(3):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "weights").write_text(str(step), "utf-8")
            checkpoint = tune.Checkpoint.from_directory(folder) if step == 1 else None
            tune.report({"loss": config["width"] / (step + 1)}, checkpoint=checkpoint)


def test_a_search_is_a_run_with_a_run_below_it_for_each_trial(tmp_path: Path) -> None:
    callback = EventtrackCallback(run_name="search")
    tuner = tune.Tuner(
        trained,
        param_space={"width": tune.grid_search([1, 2, 13]), "nested": {"a": 1}},
        run_config=tune.RunConfig(storage_path=str(tmp_path / "ray"), callbacks=[callback]),
    )
    tuner.fit()
    parent, *trials = all_runs()
    assert (parent.info.run_name, parent.info.status) == ("search", "FINISHED")
    by_width = {trial.data.params["width"]: trial for trial in trials}
    assert {trial.data.tags["mlflow.parentRunId"] for trial in trials} == {parent.info.run_id}
    assert {width: trial.info.status for width, trial in by_width.items()} == {
        "1": "FINISHED",
        "2": "FINISHED",
        "13": "FAILED",
    }
    second = by_width["2"]
    assert second.data.params["nested/a"] == "1"
    assert history(second.info.run_id, "loss") == [(1, 2.0), (2, 1.0), (3, 2 / 3)]
    [description] = [path for path in files(second.info.run_id) if path.endswith(".json")]
    described = eventtrack.artifacts.load_dict(f"runs:/{second.info.run_id}/{description}")
    assert [file["path"] for file in described["files"]] == ["weights"]
    assert described["step"] == 2


def test_a_restored_search_goes_on_with_its_runs() -> None:
    class Trial:
        """The parts of a trial that the callback reads."""

        def __init__(self) -> None:
            self.trial_id, self.config = "t1", {"width": 1}

        def __str__(self) -> str:
            return "trained_t1"

    trial, first = Trial(), EventtrackCallback()
    first.setup()
    first.log_trial_start(trial)
    first.log_trial_result(1, trial, {"loss": 1.0, "training_iteration": 1})
    state = first.get_state()
    first.on_experiment_end([trial])
    again = EventtrackCallback()
    again.set_state(state)
    again.setup()
    again.log_trial_start(trial)
    again.log_trial_result(2, trial, {"loss": 0.5, "training_iteration": 2})
    again.log_trial_end(trial)
    again.on_experiment_end([trial])
    parent, child = all_runs()
    assert history(child.info.run_id, "loss") == [(1, 1.0), (2, 0.5)]
    assert (parent.info.status, child.info.status) == ("FINISHED", "FINISHED")
