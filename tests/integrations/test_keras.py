"""Keras on torch with our callback, and beside it with MLflow's."""

from typing import Any

import keras
import numpy as np
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


def fit(line: Any, callback: Any, **options: Any) -> None:
    """Two epochs of two batches."""
    line.fit(ROWS, 2 * ROWS, batch_size=4, epochs=2, verbose=0, callbacks=[callback], **options)


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
