"""A callback for Keras: `model.fit(..., callbacks=[EventtrackCallback()])`."""

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

from eventtrack.integrations.checkpoints import written_ns
from eventtrack.integrations.missing import missing
from eventtrack.integrations.writer import Checkpoints, RunOptions, RunWriter

try:
    from keras.callbacks import Callback, ModelCheckpoint
except ImportError as error:
    raise missing("keras", error) from error


class EventtrackCallback(Callback):
    """Logs a training to one run: the optimizer's settings, the model's summary, metrics.

    Metrics of an epoch have the epoch as their step, from 0. `validation_` begins the names of
    those that `model.evaluate` reports outside of a training.

    Args:
        log_every_n_steps: Also log a metric each so many batches, as `batch/...` with the batch
            as its step; None logs epochs only.
        checkpoint: A callback of the same training whose files are the run's checkpoints.
        checkpoints: What the run keeps of each checkpoint: "reference" describes it with its
            hashes, "copy" keeps its bytes too, "none" keeps nothing.
        run: The choice of the run; see `RunOptions`.
    """

    def __init__(
        self,
        log_every_n_steps: int | None = None,
        checkpoint: ModelCheckpoint | None = None,
        checkpoints: Checkpoints = "reference",
        **run: Unpack[RunOptions],
    ) -> None:
        super().__init__()
        self._every = log_every_n_steps
        self._files = None if checkpoint is None else _Files(checkpoint, checkpoints)
        self._batch = 0
        self._epoch = 0
        self._is_training = False
        self._writer = RunWriter(run)

    @property
    def run_id(self) -> str | None:
        """The id of the run; None before training, and in ranks that do not write."""
        return self._writer.run_id

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Start the run, or join the active one, and log what is trained how."""
        self._is_training = True
        if self._files is not None:
            self._files.begin()
        self._writer.start()
        self._writer.params({key: self.params[key] for key in ("epochs", "steps")})
        optimizer = self.model.optimizer
        if optimizer is not None:
            config = optimizer.get_config()
            self._writer.params({f"optimizer_{key}": value for key, value in config.items()})
        lines: list[str] = []
        self.model.summary(print_fn=lambda line, **_: lines.append(line))
        self._writer.text("\n".join(lines), "model_summary.txt")

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note the epoch."""
        self._epoch = epoch
        self._keep_last()

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Keep the checkpoint of the batch before."""
        self._keep_last()

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log the epoch's metrics, and its checkpoint."""
        self._writer.metrics(logs or {}, epoch)
        if self._files is not None:
            self._files.keep(self._writer, epoch, None, logs or {})

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log a batch's metrics, if these are wanted, and its checkpoint."""
        self._batch += 1
        if self._every is not None and self._batch % self._every == 0:
            self._writer.metrics(logs or {}, self._batch, "batch/")
        if self._files is not None:
            self._files.keep(self._writer, self._epoch, batch, logs or {})

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Log what `model.evaluate` reports; within a training the epoch's logs have it."""
        if not self._is_training:
            self._writer.start()
            self._writer.metrics(logs or {}, self._epoch, "validation_")
            self._writer.finish()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """End the run if training began it."""
        self._is_training = False
        self._keep_last()
        self._writer.finish()

    def _keep_last(self) -> None:
        if self._files is not None:
            self._files.keep_last(self._writer)


class _Files:
    """The files that a `ModelCheckpoint` writes, known by the times at which they were written.

    Keras calls the callbacks of a training in the order of their list. If ours comes first, a file
    is written after our call at the end of an epoch or batch, so the next beginning looks again.
    """

    def __init__(self, checkpoint: ModelCheckpoint, kept: Checkpoints) -> None:
        self._checkpoint = checkpoint
        self._kept = kept
        self._written: dict[Path, int | None] = {}
        self._last: tuple[Path, dict[str, Any]] | None = None

    def begin(self) -> None:
        """Note the files of earlier trainings: they are not this run's."""
        folder = Path(self._checkpoint.filepath).parent
        with contextlib.suppress(OSError):
            self._written = {path: written_ns(path) for path in folder.iterdir()}

    def keep(
        self, writer: RunWriter, epoch: int, batch: int | None, logs: Mapping[str, Any]
    ) -> None:
        """Keep the file of the end of an epoch or batch, if it is written there and was by now."""
        if (batch is None) != (self._checkpoint.save_freq == "epoch"):
            return
        names = {"epoch": epoch + 1, **({} if batch is None else {"batch": batch + 1}), **logs}
        try:
            path = Path(self._checkpoint.filepath.format(**names))
        except (LookupError, ValueError):
            return  # the path names an epoch's metric, and this is a batch
        score = logs.get(self._checkpoint.monitor)
        facts: dict[str, Any] = {
            "step": epoch,
            "monitor": self._checkpoint.monitor,
            "score": None if score is None else float(score),
        }
        if batch is not None:
            facts["batch"] = batch
        if self._checkpoint.save_best_only:
            facts["is_best"] = True
        self._last = path, facts
        self.keep_last(writer)

    def keep_last(self, writer: RunWriter) -> None:
        """Keep the file of the last end of an epoch or batch, if it was written since."""
        if self._last is None:
            return
        path, facts = self._last
        written = written_ns(path)
        if written is not None and self._written.get(path) != written:
            self._written[path] = written
            writer.checkpoint(path, self._kept, **facts)
