"""Logs the machine's load to a run, from a thread that samples it every few seconds.

Needs psutil. The settings live in MLflow's environment variables, so that processes started
later share them.
"""

import os
import threading
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

from eventtrack.errors import EventtrackError, InvalidValueError, UsageError
from eventtrack.lazy import lazy
from eventtrack.machine.sampler import Sampler, is_available

if TYPE_CHECKING:
    from eventtrack.machine import finding
else:
    finding = lazy("eventtrack.machine.finding")

INTERVAL_VARIABLE = "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL"
SAMPLES_VARIABLE = "MLFLOW_SYSTEM_METRICS_SAMPLES_BEFORE_LOGGING"
NODE_VARIABLE = "MLFLOW_SYSTEM_METRICS_NODE_ID"

INTERVAL_SECONDS_DEFAULT = 10.0
PREFIX = "system/"
_BEGIN_S = 0.5


class Sink(Protocol):
    """Takes points of one run."""

    def log_many(self, metrics: Mapping[str, float], step: int, timestamp: int | None) -> None:
        """Log one point of each metric."""
        ...


class Points(Protocol):
    """A series of points."""

    @property
    def steps(self) -> Sequence[int]:
        """The step of each point."""
        ...


class Metrics(Protocol):
    """The metrics of a store, in a folder or behind a server."""

    def sink(self, run_id: str) -> Sink:
        """The sink of an active run."""
        ...

    def keys(self, run_id: str) -> Sequence[str]:
        """The names of a run's metrics."""
        ...

    def arrays(self, run_id: str, key: str) -> Points:
        """The points of a metric."""
        ...


class Settings(NamedTuple):
    """The settings of monitoring: seconds between samples, samples per point, prefix of names."""

    interval_seconds: float
    samples: int
    prefix: str


def settings(interval_seconds: float = INTERVAL_SECONDS_DEFAULT) -> Settings:
    """The settings for a run that is to be monitored.

    Raises:
        InvalidValueError: A variable cannot be read.
        UsageError: psutil is not installed.
    """
    if not is_available():
        raise UsageError(
            "Failed to start system metrics monitoring as package `psutil` is not installed.",
            hint="run `pip install psutil`, or pass log_system_metrics=False to start_run",
        )
    node = os.environ.get(NODE_VARIABLE)
    return Settings(
        interval_seconds=_number(INTERVAL_VARIABLE, interval_seconds),
        samples=max(1, int(_number(SAMPLES_VARIABLE, 1))),
        prefix=f"{PREFIX}{node}/" if node else PREFIX,
    )


class Monitor:
    """Logs `system/...` metrics of one run from a thread of its own until `finish` is called.

    It never fails the run: an error ends the monitoring with a warning.

    Args:
        process: The id of a process that is read too, with its descendants.
    """

    def __init__(
        self, metrics: Metrics, run_id: str, settings: Settings, process: int | None = None
    ) -> None:
        self._sink = metrics.sink(run_id)
        self._settings = settings
        self._process = process
        self._step = _next_step(metrics, run_id)
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
            # A program that is over at once does not wait until psutil is loaded.
            begin_s = min(_BEGIN_S, self._settings.interval_seconds / 2)
            if self._stop.wait(begin_s):
                return
            sampler = Sampler(finding.find_gpus(), self._process)
            samples: list[dict[str, float]] = []
            while not self._stop.wait(self._settings.interval_seconds):
                samples.append(sampler.sample())
                if len(samples) == self._settings.samples:
                    self._sink.log_many(_means(samples, self._settings.prefix), self._step, None)
                    self._step += 1
                    samples.clear()
        except (EventtrackError, OSError) as error:
            warnings.warn(f"system metrics stopped: {error}", RuntimeWarning, stacklevel=1)


def _next_step(metrics: Metrics, run_id: str) -> int:
    """The step at which a resumed run's system metrics continue."""
    steps = [
        max(metrics.arrays(run_id, key).steps, default=-1)
        for key in metrics.keys(run_id)
        if key.startswith(PREFIX)
    ]
    return max(steps, default=-1) + 1


def _means(samples: list[dict[str, float]], prefix: str) -> dict[str, float]:
    """The mean of each name over the samples that have it: a GPU may come or go."""
    names = dict.fromkeys(name for sample in samples for name in sample)
    values = {name: [sample[name] for sample in samples if name in sample] for name in names}
    return {prefix + name: round(sum(seen) / len(seen), 1) for name, seen in values.items()}


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
