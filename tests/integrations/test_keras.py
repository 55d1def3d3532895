"""Keras on torch with our callback, and beside it with MLflow's."""

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from mlflow.keras import MlflowCallback

import eventtrack
from eventtrack.integrations.keras import EventtrackCallback
from tests.integrations.records import files, histories, history, only_run

ROWS = np.arange(8.0).reshape(8, 1)


def model() -> Any:
    """A line through points on a line."""
    keras.utils.clear_session()  # names of optimizers have numbers otherwise
    keras.utils.set_random_seed(1)
    line = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    line.compile(optimizer="sgd", loss="mse", metrics=["mae"])
    return line


def fit(line: Any, *callbacks: Any, **options: Any) -> None:
    """Two epochs of two batches."""
    more = {"callbacks": list(callbacks), **options}
    line.fit(ROWS, 2 * ROWS, batch_size=4, epochs=2, verbose=0, **more)


def test_a_training_is_recorded_as_by_mlflows_callback(mlflow: Any) -> None:
    fit(model(), EventtrackCallback(run_name="line"), validation_data=(ROWS, ROWS))
    with mlflow.start_run() as active:
        fit(model(), MlflowCallback(), validation_data=(ROWS, ROWS))
    mlflow.flush_async_logging()
    run, theirs = only_run(), mlflow.get_run(active.info.run_id)
    assert (run.info.run_name, run.info.status) == ("line", "FINISHED")
    ours = histories(eventtrack.MlflowClient(), run)
    them = histories(mlflow.MlflowClient(), theirs)
    # Theirs logs each epoch's evaluation a second time, with step 0 for every epoch.
    assert ours == {key: points for key, points in them.items() if key[:11] != "validation_"}
    assert [step for step, _ in ours["val_loss"]] == [0, 1]
    assert theirs.data.params.items() <= run.data.params.items()
    assert files(run.info.run_id) == ["model_summary.txt"]


@pytest.mark.parametrize("ours_first", [True, False])
def test_checkpoints_are_kept_by_reference(ours_first: bool, tmp_path: Path) -> None:
    (tmp_path / "line-0.keras").write_bytes(b"of an earlier training")
    saver = keras.callbacks.ModelCheckpoint(str(tmp_path / "line-{epoch}.keras"), monitor="loss")
    callbacks = [EventtrackCallback(checkpoint=saver), saver]
    fit(model(), *(callbacks if ours_first else reversed(callbacks)))
    run = only_run()
    losses = history(run.info.run_id, "loss")
    for epoch in (1, 2):
        path = f"checkpoints/line-{epoch}.keras.json"
        kept = eventtrack.artifacts.load_dict(f"runs:/{run.info.run_id}/{path}")
        assert kept["path"] == str(tmp_path / f"line-{epoch}.keras")
        assert (kept["step"], kept["score"]) == losses[epoch - 1]
        assert kept["files"][0]["bytes"] == (tmp_path / f"line-{epoch}.keras").stat().st_size
    assert len(files(run.info.run_id, "checkpoints")) == 2


def test_the_best_weights_are_kept_again_when_they_are_written_again(tmp_path: Path) -> None:
    saver = keras.callbacks.ModelCheckpoint(
        str(tmp_path / "best.weights.h5"),
        monitor="loss",
        save_best_only=True,
        save_weights_only=True,
        save_freq=2,
    )
    fit(model(), saver, EventtrackCallback(checkpoint=saver, checkpoints="copy"))
    run = only_run()
    assert files(run.info.run_id, "checkpoints") == [
        "checkpoints/best.weights.h5",
        "checkpoints/best.weights.h5.json",
    ]
    path = f"runs:/{run.info.run_id}/checkpoints/best.weights.h5.json"
    kept = eventtrack.artifacts.load_dict(path)
    assert (kept["step"], kept["batch"], kept["is_best"]) == (1, 1, True)


def test_batches_are_logged_on_request() -> None:
    fit(model(), EventtrackCallback(log_every_n_steps=2))
    run = only_run()
    assert [step for step, _ in history(run.info.run_id, "batch/loss")] == [2, 4]


def test_an_evaluation_outside_of_a_training_has_names_of_its_own() -> None:
    line, callback = model(), EventtrackCallback()
    fit(line, callback)
    line.evaluate(ROWS, ROWS, verbose=0, callbacks=[callback])
    run = only_run()
    assert [step for step, _ in history(run.info.run_id, "validation_loss")] == [1]
    assert run.info.status == "FINISHED"


def test_other_ranks_write_nothing(monkeypatch: Any) -> None:
    monkeypatch.setenv("RANK", "1")
    fit(model(), EventtrackCallback())
    assert eventtrack.search_runs(output_format="list", search_all_experiments=True) == []
