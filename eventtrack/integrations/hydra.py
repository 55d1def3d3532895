"""A callback for Hydra, which the configuration names.

    hydra:
      callbacks:
        eventtrack:
          _target_: eventtrack.integrations.hydra.EventtrackCallback

The job's own calls (`eventtrack.log_metric`) and other integrations then log to the job's run.
"""

from typing import Any, Unpack

from eventtrack.fluent.location import get_tracking_uri, set_tracking_uri
from eventtrack.integrations.missing import missing
from eventtrack.integrations.writer import RunOptions, RunWriter
from eventtrack.views.records import RunStatus

try:
    from hydra.core.utils import JobReturn, JobStatus
    from hydra.experimental.callback import Callback
    from omegaconf import DictConfig, OmegaConf
except ImportError as error:
    raise missing("hydra-core", error) from error


class EventtrackCallback(Callback):
    """Logs each job to a run, its configuration as params; a multirun is the parent of its jobs.

    Args:
        run: The choice of the run; see `RunOptions`. For a multirun it is the parent's.
    """

    def __init__(self, **run: Unpack[RunOptions]) -> None:
        self._run = run
        self._parent: RunWriter | None = None
        self._job: RunWriter | None = None

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Settle on the store, since the job may change its working folder."""
        set_tracking_uri(self._run.get("tracking_uri") or get_tracking_uri())

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Start the run that the jobs' runs belong to."""
        self.on_run_start(config)
        self._parent = RunWriter(self._run)
        self._parent.start(config.hydra.job.name)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """End the multirun's run if it began here."""
        if self._parent is not None:
            self._parent.finish()

    def on_job_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Start the run of a job and log its configuration, which it also keeps as a file."""
        options, name = self._run, config.hydra.job.name
        # A launcher may have brought this callback, and the id, to another process.
        if self._parent is not None and self._parent.run_id is not None:
            options = RunOptions(parent_run_id=self._parent.run_id, nested=True)
            if "experiment_name" in self._run:
                options["experiment_name"] = self._run["experiment_name"]
            name = f"{name} {config.hydra.job.get('num', '')}".strip()
        self._job = RunWriter(options)
        self._job.start(name)
        own = OmegaConf.masked_copy(config, [key for key in config if key != "hydra"])
        self._job.params(OmegaConf.to_container(own, resolve=True))
        self._job.text(OmegaConf.to_yaml(own, resolve=True), "config.yaml")

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **kwargs: Any) -> None:
        """End the job's run, as FAILED if the job failed; its number is a metric."""
        if self._job is None:
            return
        is_whole = job_return.status == JobStatus.COMPLETED
        if is_whole and isinstance(job_return.return_value, int | float):
            self._job.metrics({"return_value": job_return.return_value}, None)
        self._job.finish(RunStatus.FINISHED if is_whole else RunStatus.FAILED)
