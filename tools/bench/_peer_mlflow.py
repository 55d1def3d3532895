"""mlflow with its default local store, SQLite, or with the server that BENCH_URI names."""

import importlib
import os
from pathlib import Path
from typing import Any

from _peer_driver import main


class Mlflow:
    """`import mlflow`, as scripts use it."""

    calls = 500

    def __init__(self) -> None:
        os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
        self._mlflow: Any = importlib.import_module("mlflow")
        self._run_id = ""

    def open(self, folder: Path) -> None:
        """The store is made before anything is measured."""
        self._mlflow.set_tracking_uri(_uri(folder))
        self._mlflow.set_experiment("bench")

    def begin(self, params: dict[str, str], tags: dict[str, str]) -> None:
        """A run, and one call each for all params and all tags."""
        self._run_id = self._mlflow.start_run().info.run_id
        if params:
            self._mlflow.log_params(params)
            self._mlflow.set_tags(tags)

    def log(self, metrics: dict[str, float], step: int) -> None:
        """The call for one metric or for several."""
        if len(metrics) == 1:
            [(key, value)] = metrics.items()
            self._mlflow.log_metric(key, value, step)
        else:
            self._mlflow.log_metrics(metrics, step)

    def end(self) -> None:
        """Calls are synchronous: nothing is waited for."""
        self._mlflow.end_run()

    def count(self, folder: Path) -> int:
        """The history of the newest run."""
        client = self._mlflow.MlflowClient(_uri(folder))
        experiment = client.get_experiment_by_name("bench")
        newest = client.search_runs([experiment.experiment_id], max_results=1)[0]
        return len(client.get_metric_history(newest.info.run_id, "loss"))


def _uri(folder: Path) -> str:
    return os.environ.get("BENCH_URI") or f"sqlite:///{folder}/mlflow.db"


main(Mlflow())
