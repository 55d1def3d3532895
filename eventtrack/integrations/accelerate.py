"""A tracker for Accelerate: `Accelerator(log_with=EventtrackTracker())`."""

from collections.abc import Mapping
from typing import Any, Unpack

from eventtrack.integrations.missing import missing
from eventtrack.integrations.writer import RunOptions, RunWriter

try:
    from accelerate import PartialState
    from accelerate.tracking import GeneralTracker
except ImportError as error:
    raise missing("accelerate", error) from error


class EventtrackTracker(GeneralTracker):
    """Logs a training to one run: its configuration and its metrics.

    Args:
        run: The choice of the run; see `RunOptions`.
    """

    name = "eventtrack"
    requires_logging_directory = False

    def __init__(self, **run: Unpack[RunOptions]) -> None:
        super().__init__()
        # Accelerate calls other trackers in the main process only.
        self.main_process_only = not run.get("all_ranks", False)
        self._run = run
        self._writer: RunWriter | None = None

    @property
    def tracker(self) -> RunWriter:
        """The writer of the run, which is started if need be."""
        if self._writer is None:
            self._writer = RunWriter(self._run, PartialState().process_index)
            self._writer.start()
        return self._writer

    @property
    def run_id(self) -> str | None:
        """The run's id, started if need be; None in processes that do not write."""
        return self.tracker.run_id

    def start(self) -> None:
        """Start the run, or join the active one."""
        self.tracker.start()

    def store_init_configuration(self, values: Mapping[str, Any]) -> None:
        """Log the configuration as params."""
        self.tracker.params(values)

    def log(self, values: Mapping[str, Any], step: int | None = None, **kwargs: object) -> None:
        """Log one point of each metric."""
        self.tracker.metrics(values, step)

    def finish(self) -> None:
        """End the run if the tracker began it."""
        self.tracker.finish()
