"""The switches of system metrics, by MLflow's names: they set its environment variables."""

import os

from eventtrack.machine import ENABLED_VARIABLE
from eventtrack.machine.monitor import (
    INTERVAL_VARIABLE,
    NODE_VARIABLE,
    SAMPLES_VARIABLE,
)


def enable_system_metrics_logging() -> None:
    """Record the machine's load beside every run started from now on."""
    os.environ[ENABLED_VARIABLE] = "true"


def disable_system_metrics_logging() -> None:
    """Stop recording the machine's load, from the next run on."""
    os.environ[ENABLED_VARIABLE] = "false"


def set_system_metrics_sampling_interval(interval: float | None) -> None:
    """Take a sample every `interval` seconds; None means every 10 seconds."""
    _set_variable(INTERVAL_VARIABLE, interval)


def set_system_metrics_samples_before_logging(samples: int | None) -> None:
    """Log the mean of so many samples as one point; None means 1."""
    _set_variable(SAMPLES_VARIABLE, samples)


def set_system_metrics_node_id(node_id: str | None) -> None:
    """Put `node_id` into the names of the metrics, for runs that span several machines."""
    _set_variable(NODE_VARIABLE, node_id)


def _set_variable(name: str, value: object) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = str(value)
