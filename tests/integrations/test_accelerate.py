"""Accelerate with our tracker."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState

import eventtrack
from eventtrack.integrations.accelerate import EventtrackTracker
from tests.integrations.records import histories, history, only_run


@pytest.fixture(autouse=True)
def fresh_accelerate() -> Iterator[None]:
    """Accelerate keeps what it learnt of the processes."""
    yield
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()


def train(log_with: Any, **options: Any) -> None:
    """Log a configuration and two steps."""
    accelerator = Accelerator(log_with=log_with, cpu=True)
    accelerator.init_trackers("digits", config={"lr": 0.1, "model": "small"}, **options)
    for step in range(2):
        accelerator.log({"loss": 1 / (step + 1), "tensor": torch.tensor(2.0).item()}, step=step)
    accelerator.end_training()


def test_a_training_is_recorded_as_by_its_mlflow_tracker(mlflow: Any) -> None:
    train(EventtrackTracker(experiment_name="digits", run_name="small"))
    train("mlflow")
    run, theirs = only_run(), mlflow.last_active_run()
    assert histories(eventtrack.MlflowClient(), run) == histories(mlflow.MlflowClient(), theirs)
    assert history(run.info.run_id, "loss") == [(0, 1.0), (1, 0.5)]
    assert run.data.params == theirs.data.params == {"lr": "0.1", "model": "small"}
    assert (run.info.run_name, run.info.status) == ("small", "FINISHED")


def test_other_processes_write_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tracker = EventtrackTracker()
    monkeypatch.setattr("eventtrack.integrations.accelerate.PartialState", _Second)
    tracker.log({"loss": 1.0})
    assert tracker.run_id is None
    assert eventtrack.search_runs(output_format="list", search_all_experiments=True) == []


class _Second:
    """The state of the second process."""

    process_index = 1
