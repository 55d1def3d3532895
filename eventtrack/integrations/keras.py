"""A callback for Keras: `model.fit(..., callbacks=[EventtrackCallback()])`."""

from collections.abc import Mapping
from typing import Any, Unpack

from eventtrack.integrations.missing import missing
from eventtrack.integrations.writer import RunOptions, RunWriter

try:
    from keras.callbacks import Callback
except ImportError as error:
    raise missing("keras", error) from error


class EventtrackCallback(Callback):
    """Logs a training to one run: the optimizer's settings, the model's summary, metrics.

    Metrics of an epoch have the epoch as their step, from 0. `validation_` begins the names of
    those that `model.evaluate` reports outside of a training.

    Args:
        log_every_n_steps: Also log a metric each so many batches, as `batch/...` with the batch
            as its step; None logs epochs only.
        run: The choice of the run; see `RunOptions`.
    """

    def __init__(self, log_every_n_steps: int | None = None, **run: Unpack[RunOptions]) -> None:
        super().__init__()
        self._every = log_every_n_steps
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
        self._writer.start()
        self._writer.params({key: self.params[key] for key in ("epochs", "steps")})
        optimizer = self.model.optimizer
        if optimizer is not None:
            config = optimizer.get_config()
            self._writer.params({f"optimizer_{key}": value for key, value in config.items()})
        lines: list[str] = []
        self.model.summary(print_fn=lambda line, **_: lines.append(line))
        self._writer.text("\n".join(lines), "model_summary.txt")

    def on_epoch_end(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log the epoch's metrics."""
        self._epoch = epoch
        self._writer.metrics(logs or {}, epoch)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Log a batch's metrics, if these are wanted."""
        self._batch += 1
        if self._every is not None and self._batch % self._every == 0:
            self._writer.metrics(logs or {}, self._batch, "batch/")

    def on_test_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Log what `model.evaluate` reports; within a training the epoch's logs have it."""
        if not self._is_training:
            self._writer.start()
            self._writer.metrics(logs or {}, self._epoch, "validation_")
            self._writer.finish()

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """End the run if training began it."""
        self._is_training = False
        self._writer.finish()
