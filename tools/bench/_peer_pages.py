"""Stores of other trackers for their pages: `python _peer_pages.py NAME FOLDER RUNS POINTS`.

Each runs in a virtual environment of its own; standard library and that tracker only.
"""

import importlib
import math
import os
import sys
from pathlib import Path
from typing import Any


def mlflow(folder: Path, runs: int, points: int) -> None:
    """MLflow on SQLite; prints the experiment's id."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    entities: Any = importlib.import_module("mlflow.entities")
    client = importlib.import_module("mlflow").MlflowClient(f"sqlite:///{folder}/mlflow.db")
    experiment_id = client.create_experiment("curves")
    for run in range(runs):
        run_id = client.create_run(experiment_id, run_name=f"run-{run}").info.run_id
        for first in range(0, points, 1000):
            steps = range(first, min(first + 1000, points))
            found = [
                entities.Metric("loss", math.exp(-step / points), step, step) for step in steps
            ]
            client.log_batch(run_id, found)
        client.set_terminated(run_id)
    print(experiment_id)


def tensorboard(folder: Path, runs: int, points: int) -> None:
    """TensorBoard's own event files."""
    writers: Any = importlib.import_module("tensorboard.summary.writer.event_file_writer")
    events: Any = importlib.import_module("tensorboard.compat.proto.event_pb2")
    summaries: Any = importlib.import_module("tensorboard.compat.proto.summary_pb2")
    for run in range(runs):
        writer = writers.EventFileWriter(str(folder / "events" / f"run-{run:04}"))
        for step in range(points):
            value = summaries.Summary.Value(tag="loss", simple_value=math.exp(-step / points))
            summary = summaries.Summary(value=[value])
            writer.add_event(events.Event(wall_time=1.7e9 + step, step=step, summary=summary))
        writer.close()


if __name__ == "__main__":
    made = {"mlflow": mlflow, "tensorboard": tensorboard}[sys.argv[1]]
    made(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
