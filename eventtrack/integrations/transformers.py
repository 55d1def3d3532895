"""A callback for the Trainer of Hugging Face: `Trainer(..., callbacks=[EventtrackCallback()])`.

`register()` teaches transformers the name, so that `report_to="eventtrack"` works, also in programs
that build their arguments from a file.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Unpack

from eventtrack.integrations.missing import missing
from eventtrack.integrations.writer import Checkpoints, RunOptions, RunWriter

try:
    from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
    from transformers.integrations.integration_utils import INTEGRATION_TO_CALLBACK
    from transformers.trainer_callback import ExportableState
except ImportError as error:
    raise missing("transformers", error) from error


class EventtrackCallback(TrainerCallback, ExportableState):
    """Logs a training to one run: arguments, the model's configuration, metrics, checkpoints.

    A search for hyperparameters starts one run for each trial, below the active run. With
    `restore_callback_states_from_checkpoint=True`, a training that is resumed from a checkpoint
    resumes the checkpoint's run.

    Args:
        checkpoints: What the run keeps of each checkpoint: "reference" describes it with its
            hashes, "copy" keeps its bytes too, "none" keeps nothing.
        run: The choice of the run; see `RunOptions`.
    """

    def __init__(self, checkpoints: Checkpoints = "reference", **run: Unpack[RunOptions]) -> None:
        self._checkpoints = checkpoints
        self._run = run
        self._writer: RunWriter | None = None
        # Set by `ExportableState.from_state`.
        self.last_run_id: str | None = None

    @property
    def run_id(self) -> str | None:
        """The id of the run of the last training; None before, and in ranks that do not write."""
        return self._writer.run_id if self._writer is not None else None

    def state(self) -> dict[str, Any]:
        """The state for the checkpoint: the run's id."""
        return {
            "args": {"checkpoints": self._checkpoints, **self._run},
            "attributes": {"last_run_id": self.run_id},
        }

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Start the run, or join the active one, and log the configuration."""
        self._begin(args, state, kwargs.get("model"), is_anew=True)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Log the numbers at the trainer's step."""
        writer = self._begin(args, state, kwargs.get("model"), is_anew=False)
        logs: Mapping[str, Any] = kwargs.get("logs") or {}
        writer.metrics(logs, state.global_step)

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Keep the checkpoint that was just written."""
        path = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if self._writer is not None and path.is_dir():
            self._writer.checkpoint(
                path, self._checkpoints, step=state.global_step, score=state.best_metric
            )

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """End the run if training began it; a later evaluation still goes to it."""
        if self._writer is not None:
            self._writer.finish()

    def _begin(
        self, args: TrainingArguments, state: TrainerState, model: Any, *, is_anew: bool
    ) -> RunWriter:
        if self._writer is not None and not is_anew:
            return self._writer
        previous_id = self.last_run_id
        if self._writer is not None and not state.is_hyper_param_search:
            previous_id = self._writer.run_id
        self.last_run_id = None
        rank = 0 if state.is_world_process_zero else max(1, args.process_index)
        self._writer = RunWriter(self._run, rank)
        self._writer.start(
            state.trial_name or getattr(args, "run_name", None),
            nested=state.is_hyper_param_search,
            resume=previous_id,
        )
        config = getattr(model, "config", None)
        if config is not None and hasattr(config, "to_dict"):
            self._writer.params(config.to_dict())
        self._writer.params(args.to_sanitized_dict())
        if state.trial_params:
            self._writer.params(state.trial_params, prefix="trial/")
        return self._writer


def register() -> None:
    """Add "eventtrack" to the names that `report_to` takes; a second call changes nothing."""
    INTEGRATION_TO_CALLBACK["eventtrack"] = EventtrackCallback
