"""Training that goes on from a checkpoint: its curves do not double back."""

from types import ModuleType

import pytest

from eventtrack.errors import InvalidValueError
from tests.fluent.conftest import Script


def test_a_run_is_rewound_as_it_is_resumed(mlflow: ModuleType) -> None:
    with mlflow.start_run() as run:
        for step in range(10):
            mlflow.log_metric("loss", float(step), step)
    with mlflow.start_run(run_id=run.info.run_id, rewind_to=4):
        mlflow.log_metric("loss", 0.5, 5)
    history = mlflow.MlflowClient().get_metric_history(run.info.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [
        *((step, float(step)) for step in range(5)),
        (5, 0.5),
    ]
    assert mlflow.get_run(run.info.run_id).data.metrics == {"loss": 0.5}


def test_the_client_rewinds_and_withdraws_with_a_reason(mlflow: ModuleType) -> None:
    client = mlflow.MlflowClient()
    with mlflow.start_run() as run:
        run_id = run.info.run_id
        for step in range(6):
            mlflow.log_metrics({"loss": 1.0, "acc": 2.0}, step)
    client.rewind_run(run_id, 3, keys=["loss"], reason="a crash")
    client.withdraw_metric(run_id, "acc", 1, 2, reason="a loose cable")
    steps = {
        key: [point.step for point in client.get_metric_history(run_id, key)]
        for key in ("loss", "acc")
    }
    assert steps == {"loss": [0, 1, 2, 3], "acc": [0, 3, 4, 5]}
    events = client.store.events.read(types=["run.points_withdrawn"])
    assert [event.reason for event in events] == ["a crash", "a loose cable"]


def test_rewind_to_needs_a_run(mlflow: ModuleType) -> None:
    with pytest.raises(InvalidValueError, match="rewind_to needs the run"):
        mlflow.start_run(rewind_to=3)
    assert mlflow.active_run() is None


def test_a_killed_process_is_covered_by_the_rewind_that_follows(
    mlflow: ModuleType, script: Script
) -> None:
    """Points that the process left in its journal are in the log before the rewind."""
    killed = script(
        """
        import os, signal
        import eventtrack as mlflow

        run = mlflow.start_run()
        print(run.info.run_id, flush=True)
        for step in range(1000):
            mlflow.log_metric("loss", float(step), step)
        os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    run_id = killed.stdout.strip()
    with mlflow.start_run(run_id=run_id, rewind_to=99):
        mlflow.log_metric("loss", 0.5, 100)
    steps = [point.step for point in mlflow.MlflowClient().get_metric_history(run_id, "loss")]
    assert steps == list(range(101))


def test_a_run_is_forked_as_it_is_started(mlflow: ModuleType) -> None:
    with mlflow.start_run(tags={"team": "a"}) as run:
        mlflow.log_param("lr", 0.1)
        for step in range(6):
            mlflow.log_metric("loss", float(step), step)
    with mlflow.start_run(fork_from=run.info.run_id, fork_step=3, tags={"why": "lr"}) as fork:
        mlflow.log_metric("loss", 0.5, 4)
    history = mlflow.MlflowClient().get_metric_history(fork.info.run_id, "loss")
    assert [point.value for point in history] == [0.0, 1.0, 2.0, 3.0, 0.5]
    forked = mlflow.get_run(fork.info.run_id)
    assert forked.data.params == {"lr": "0.1"}
    assert (forked.data.tags["team"], forked.data.tags["why"]) == ("a", "lr")
    assert forked.info.status == "FINISHED"


@pytest.mark.parametrize(
    "wrong",
    [
        {"fork_step": 3},
        {"fork_from": "a" * 32, "run_id": "b" * 32},
        {"fork_from": "a" * 32, "rewind_to": 3},
    ],
)
def test_arguments_that_clash_are_refused(mlflow: ModuleType, wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidValueError):
        mlflow.start_run(**wrong)
    assert mlflow.active_run() is None
