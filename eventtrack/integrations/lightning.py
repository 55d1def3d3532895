"""A logger for Lightning's Trainer and for Fabric: `Trainer(logger=EventtrackLogger())`."""

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

from eventtrack.fluent.client import EventtrackClient
from eventtrack.integrations.checkpoints import written_ns
from eventtrack.integrations.missing import missing
from eventtrack.integrations.writer import Checkpoints, RunOptions, RunWriter
from eventtrack.views.records import RunStatus

try:
    from lightning.pytorch.callbacks import ModelCheckpoint
    from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
    from lightning.pytorch.utilities.rank_zero import rank_zero_only
except ImportError as error:
    raise missing("lightning", error) from error


class EventtrackLogger(Logger):
    """Logs a training to one run: hyperparameters, metrics, checkpoints, and how it ended.

    Args:
        prefix: Begins the name of every metric, before a `-`.
        checkpoints: What the run keeps of each checkpoint: "reference" describes it with its
            hashes, "copy" keeps its bytes too, "none" keeps nothing.
        run: The choice of the run; see `RunOptions`.
    """

    def __init__(
        self,
        prefix: str = "",
        checkpoints: Checkpoints = "reference",
        **run: Unpack[RunOptions],
    ) -> None:
        super().__init__()
        self._prefix = f"{prefix}-" if prefix else ""
        self._checkpoints = checkpoints
        self._kept: dict[str, int] = {}
        self._writer = RunWriter(run, rank=rank_zero_only.rank)

    @property
    @rank_zero_experiment
    def experiment(self) -> EventtrackClient:
        """The client of the run's store; in other ranks an object that accepts any call."""
        client = self._started().client
        assert client is not None
        return client

    @property
    def run_id(self) -> str | None:
        """The run's id, started if need be; None in ranks that do not write."""
        return self._started().run_id

    @property
    def name(self) -> str | None:
        """The id of the run's experiment, which names the folder for checkpoints."""
        writer = self._started()
        if writer.client is None or writer.run_id is None:
            return None
        return writer.client.get_run(writer.run_id).info.experiment_id

    @property
    def version(self) -> str | None:
        """The run's id, which names the folder for checkpoints."""
        return self.run_id

    def log_hyperparams(
        self, params: dict[str, Any] | Namespace, *args: object, **kwargs: object
    ) -> None:
        """Log hyperparameters as params; nested ones are joined by `/`."""
        self._started().params(params)

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Log one point of each metric."""
        self._started().metrics(metrics, step, self._prefix)

    def after_save_checkpoint(self, checkpoint_callback: ModelCheckpoint) -> None:
        """Keep the checkpoints that are new or were written again."""
        scores = checkpoint_callback.best_k_models
        paths = [*scores, checkpoint_callback.best_model_path, checkpoint_callback.last_model_path]
        for path in dict.fromkeys(filter(None, paths)):
            written = written_ns(Path(path))
            if written is not None and self._kept.get(path) != written:
                self._kept[path] = written
                score = scores.get(path)
                self._started().checkpoint(
                    Path(path),
                    self._checkpoints,
                    # Lightning tells the step nowhere else.
                    step=getattr(checkpoint_callback, "_last_global_step_saved", None),
                    monitor=checkpoint_callback.monitor,
                    score=None if score is None else float(score),
                    is_best=path == checkpoint_callback.best_model_path,
                )

    def finalize(self, status: str) -> None:
        """End the run; metrics of a later `trainer.test` still go to it."""
        self._writer.finish(RunStatus.FAILED if status == "failed" else RunStatus.FINISHED)

    def _started(self) -> RunWriter:
        self._writer.rank = rank_zero_only.rank  # a spawned process has its rank only later
        self._writer.start()
        return self._writer
