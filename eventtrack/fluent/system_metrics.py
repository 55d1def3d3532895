"""The machine's load during a run: a thread samples it every few seconds.

Needs psutil. The settings live in MLflow's environment variables, so that processes started
later share them.
"""

import importlib.util
import os
import threading
import warnings
from typing import Any, NamedTuple

from eventtrack.errors import EventtrackError, InvalidValueError, UsageError
from eventtrack.fluent.location import AnyStore
from eventtrack.validate import truth_of_environment

ENABLED_VARIABLE = "MLFLOW_ENABLE_SYSTEM_METRICS_LOGGING"
INTERVAL_VARIABLE = "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL"
SAMPLES_VARIABLE = "MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING"
NODE_VARIABLE = "MLFLOW_SYSTEM_METRICS_NODE_ID"

INTERVAL_SECONDS_DEFAULT = 10.0
PREFIX = "system/"
_MEGABYTE = 1_000_000


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


class Settings(NamedTuple):
    """The settings of monitoring: seconds between samples, samples per point, prefix of names."""

    interval_seconds: float
    samples: int
    prefix: str


def settings(asked: bool | None) -> Settings | None:
    """The settings for a run, if its caller or else the environment wants monitoring; or None.

    Raises:
        InvalidValueError: A variable cannot be read.
        UsageError: psutil is not installed.
    """
    if not (truth_of_environment(ENABLED_VARIABLE, default=False) if asked is None else asked):
        return None
    if importlib.util.find_spec("psutil") is None:
        raise UsageError(
            "Failed to start system metrics monitoring as package `psutil` is not installed.",
            hint="run `pip install psutil`, or pass log_system_metrics=False to start_run",
        )
    node = os.environ.get(NODE_VARIABLE)
    return Settings(
        interval_seconds=_number(INTERVAL_VARIABLE, INTERVAL_SECONDS_DEFAULT),
        samples=max(1, int(_number(SAMPLES_VARIABLE, 1))),
        prefix=f"{PREFIX}{node}/" if node else PREFIX,
    )


class SystemMetricsMonitor:
    """Logs `system/...` metrics of one run from a thread of its own until `finish` is called.

    It never fails the run: an error ends the monitoring with a warning.
    """

    def __init__(self, store: AnyStore, run_id: str, settings: Settings) -> None:
        self._sink = store.metrics.sink(run_id)
        self._settings = settings
        self._step = _next_step(store, run_id)
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=self._watch, name="eventtrack-system-metrics", daemon=True
        )

    def start(self) -> None:
        """Start the thread; the first points come after one interval."""
        self._thread.start()

    def finish(self) -> None:
        """Stop the thread, and return when the last point is logged."""
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        try:
            import psutil

            # The first reading of the processor's load means nothing: it compares two readings.
            psutil.cpu_percent()
            sent, received = _network(psutil)
            samples: list[dict[str, float]] = []
            while not self._stop.wait(self._settings.interval_seconds):
                samples.append(_sample(psutil, sent, received))
                if len(samples) == self._settings.samples:
                    self._sink.log_many(_means(samples, self._settings.prefix), self._step, None)
                    self._step += 1
                    samples.clear()
        except (EventtrackError, OSError) as error:
            warnings.warn(f"system metrics stopped: {error}", RuntimeWarning, stacklevel=1)


def _next_step(store: AnyStore, run_id: str) -> int:
    """The step at which a resumed run's system metrics continue."""
    steps = [
        max(store.metrics.arrays(run_id, key).steps, default=-1)
        for key in store.metrics.keys(run_id)
        if key.startswith(PREFIX)
    ]
    return max(steps, default=-1) + 1


def _sample(psutil: Any, sent_before: int, received_before: int) -> dict[str, float]:
    memory = psutil.virtual_memory()
    disk = psutil.disk_usage(os.sep)
    sent, received = _network(psutil)
    return {
        "cpu_utilization_percentage": psutil.cpu_percent(),
        "system_memory_usage_megabytes": memory.used / _MEGABYTE,
        "system_memory_usage_percentage": memory.used / memory.total * 100,
        "disk_usage_percentage": disk.percent,
        "disk_usage_megabytes": disk.used / _MEGABYTE,
        "disk_available_megabytes": disk.free / _MEGABYTE,
        "network_receive_megabytes": (received - received_before) / _MEGABYTE,
        "network_transmit_megabytes": (sent - sent_before) / _MEGABYTE,
    }


def _network(psutil: Any) -> tuple[int, int]:
    counters = psutil.net_io_counters()
    return (counters.bytes_sent, counters.bytes_recv) if counters is not None else (0, 0)


def _means(samples: list[dict[str, float]], prefix: str) -> dict[str, float]:
    return {
        prefix + key: round(sum(sample[key] for sample in samples) / len(samples), 1)
        for key in samples[0]
    }


def _number(variable: str, default: float) -> float:
    text = os.environ.get(variable)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if number <= 0:
        raise InvalidValueError(f"{variable} must be a positive number, but got {text}")
    return number


def _set_variable(name: str, value: object) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = str(value)
