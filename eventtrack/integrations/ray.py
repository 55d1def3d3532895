"""A callback for Ray Tune: `RunConfig(callbacks=[EventtrackCallback()])`.

It runs in the driver, so one process writes all trials.
"""

from pathlib import Path
from typing import Any, Unpack

from eventtrack.integrations.missing import missing
from eventtrack.integrations.writer import Checkpoints, RunOptions, RunWriter
from eventtrack.views.records import RunStatus

try:
    from ray.tune.logger import LoggerCallback
    from ray.tune.result import TRAINING_ITERATION
except ImportError as error:
    raise missing("ray[tune]", error) from error


class EventtrackCallback(LoggerCallback):
    """Logs a search to one run, and each trial to a run below it.

    A search that is restored goes on with the runs that it had.

    Args:
        checkpoints: What a run keeps of each checkpoint: "reference" describes it with its hashes,
            "copy" keeps its bytes too, "none" keeps nothing.
        run: The choice of the search's run; see `RunOptions`.
    """

    def __init__(self, checkpoints: Checkpoints = "reference", **run: Unpack[RunOptions]) -> None:
        self._checkpoints = checkpoints
        self._writer = RunWriter(run)
        self._trials: dict[str, RunWriter] = {}
        self._known: dict[str, str] = {}

    @property
    def run_id(self) -> str | None:
        """The id of the search's run; None before it begins."""
        return self._writer.run_id

    def setup(self, *args: object, **info: Any) -> None:
        """Start the run of the search, or join the active one."""
        self._writer.start(nested=False, resume=self._known.get(""))

    def log_trial_start(self, trial: Any) -> None:
        """Start the run of a trial, or resume it, and log its configuration."""
        self._of(trial).params(trial.config)

    def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
        """Log the numbers of a result."""
        logs = {key: value for key, value in result.items() if not _is_about_ray(key, value)}
        self._of(trial).metrics(logs, result.get(TRAINING_ITERATION, iteration))

    def log_trial_save(self, trial: Any) -> None:
        """Keep the checkpoint that was just written, if it is on this machine."""
        path = Path(trial.checkpoint.path) if trial.checkpoint else None
        if path is not None and path.exists():
            step = (trial.last_result or {}).get(TRAINING_ITERATION)
            self._of(trial).checkpoint(path, self._checkpoints, step=step)

    def log_trial_end(self, trial: Any, failed: bool = False) -> None:
        """End the run of a trial."""
        self._of(trial).finish(RunStatus.FAILED if failed else RunStatus.FINISHED)

    def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
        """End the run of the search if it began here."""
        self._writer.finish()

    def get_state(self) -> dict[str, str]:
        """The ids of the runs, for the search's own checkpoint."""
        writers = {"": self._writer, **self._trials}
        ids = {key: writer.run_id for key, writer in writers.items()}
        return self._known | {key: run_id for key, run_id in ids.items() if run_id is not None}

    def set_state(self, state: dict[str, str]) -> None:
        """Go on with the runs of a search that is restored."""
        self._known = dict(state)

    def _of(self, trial: Any) -> RunWriter:
        writer = self._trials.get(trial.trial_id)
        if writer is None:
            writer = self._writer.child(str(trial), self._known.get(trial.trial_id))
            self._trials[trial.trial_id] = writer
        return writer


def _is_about_ray(key: str, value: object) -> bool:
    """Whether a part of a result describes the trial or its process, and is no measurement."""
    facts = ("config", "date", "done", "hostname", "node_ip", "pid", "timestamp", "trial_id")
    return key in facts or value is None or isinstance(value, str | dict | list)
