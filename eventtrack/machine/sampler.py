"""One sample of a machine's load, under the names of MLflow's system metrics.

| name | unit |
|---|---|
| cpu_utilization_percentage | of all processors, since the sample before |
| system_memory_usage_megabytes, _percentage | memory that is not available |
| disk_usage_percentage, disk_usage_megabytes, disk_available_megabytes | the disk of the root |
| network_receive_megabytes, network_transmit_megabytes | since the sampler was made |
| gpu_0_utilization_percentage | of the time since the sample before, as its driver says |
| gpu_0_memory_usage_megabytes, _percentage | |
| gpu_0_power_usage_watts, _percentage | the percentage is of its limit |

With a process, its whole tree is read too, and what MLflow has no name for:

| name | unit |
|---|---|
| process_cpu_utilization_percentage | 100 is one processor, since the sample before |
| process_memory_megabytes | resident memory; shared pages count for each process |
| process_gpu_0_memory_megabytes | |
| disk_read_megabytes, disk_write_megabytes | of the machine, since the sampler was made |
| gpu_0_temperature_celsius | |

A megabyte is 1,000,000 bytes.
"""

import importlib.util
import os
import time
from collections.abc import Iterator, Sequence
from typing import Any

from eventtrack.errors import UsageError
from eventtrack.machine.gpus import GpuLoad, GpuReader

MEGABYTE = 1_000_000


def is_available() -> bool:
    """Whether psutil is installed, without importing it."""
    return importlib.util.find_spec("psutil") is not None


class Sampler:
    """Reads samples. The first means are since the sampler was made.

    Args:
        gpus: Readers of GPUs, as `find_gpus` gives them.
        process: The id of a process that is read too, with all its descendants.

    Raises:
        UsageError: psutil is not installed.
    """

    def __init__(self, gpus: Sequence[GpuReader] = (), process: int | None = None) -> None:
        try:
            import psutil
        except ImportError as error:
            raise UsageError(
                "cannot read the machine's load: the package `psutil` is not installed",
                hint="run `pip install psutil`",
            ) from error
        self._psutil: Any = psutil
        self._gpus = gpus
        self._tree = None if process is None else _Tree(psutil, process)
        psutil.cpu_percent()  # it compares two readings; this is the first
        self._network = self._read_network()
        self._disk = self._read_disk()

    def sample(self) -> dict[str, float]:
        """The present load, by name. Costs a few milliseconds, most of them for the processes."""
        memory = self._psutil.virtual_memory()
        disk = self._psutil.disk_usage(os.sep)
        sent, received = self._read_network()
        sample = {
            "cpu_utilization_percentage": self._psutil.cpu_percent(),
            "system_memory_usage_megabytes": memory.used / MEGABYTE,
            "system_memory_usage_percentage": memory.used / memory.total * 100,
            "disk_usage_percentage": disk.percent,
            "disk_usage_megabytes": disk.used / MEGABYTE,
            "disk_available_megabytes": disk.free / MEGABYTE,
            "network_receive_megabytes": (received - self._network[1]) / MEGABYTE,
            "network_transmit_megabytes": (sent - self._network[0]) / MEGABYTE,
        }
        loads = [load for reader in self._gpus for load in reader.read()]
        for load in loads:
            sample.update(_gpu(load))
        if self._tree is not None:
            read, written = self._read_disk()
            sample["disk_read_megabytes"] = (read - self._disk[0]) / MEGABYTE
            sample["disk_write_megabytes"] = (written - self._disk[1]) / MEGABYTE
            sample.update(self._tree.sample())
            for load in loads:
                sample.update(_processes_of(load, self._tree.members))
        return sample

    def _read_network(self) -> tuple[int, int]:
        counters = self._psutil.net_io_counters()
        return (counters.bytes_sent, counters.bytes_recv) if counters is not None else (0, 0)

    def _read_disk(self) -> tuple[int, int]:
        try:
            counters = self._psutil.disk_io_counters()
        except (OSError, RuntimeError):  # containers may hide /proc/diskstats
            counters = None
        return (counters.read_bytes, counters.write_bytes) if counters is not None else (0, 0)


class _Tree:
    """A process with all its descendants."""

    def __init__(self, psutil: Any, process: int) -> None:
        self._psutil = psutil
        self._root = process
        # Seconds of processor time at the sample before, by process.
        self._before: dict[Any, float] = {}
        self._at = time.monotonic()
        self.members: set[int] = set()

    def sample(self) -> dict[str, float]:
        """Processor and memory of the processes that live now; nothing when all have ended."""
        resident, used, now = 0, 0.0, {}
        for process in self._processes():
            try:
                with process.oneshot():
                    times, memory = process.cpu_times(), process.memory_info()
            except self._psutil.Error:
                continue  # it has just ended
            now[process] = times.user + times.system
            used += now[process] - self._before.get(process, 0.0)
            resident += memory.rss
        at = time.monotonic()
        took_s, self._at, self._before = max(at - self._at, 1e-6), at, now
        self.members = {process.pid for process in now}
        if not resident:  # a process that ended and was not waited for yet has no memory
            return {}
        return {
            "process_cpu_utilization_percentage": max(used, 0.0) / took_s * 100,
            "process_memory_megabytes": resident / MEGABYTE,
        }

    def _processes(self) -> list[Any]:
        try:
            root = self._psutil.Process(self._root)
            return [root, *root.children(recursive=True)]
        except self._psutil.Error:
            return []


def _gpu(load: GpuLoad) -> Iterator[tuple[str, float]]:
    prefix = f"gpu_{load.name}_"
    if load.memory_used_bytes is not None:
        yield f"{prefix}memory_usage_megabytes", load.memory_used_bytes / MEGABYTE
        if load.memory_total_bytes:
            share = load.memory_used_bytes / load.memory_total_bytes
            yield f"{prefix}memory_usage_percentage", share * 100
    if load.utilization_percent is not None:
        yield f"{prefix}utilization_percentage", load.utilization_percent
    if load.power_watts is not None:
        yield f"{prefix}power_usage_watts", load.power_watts
        if load.power_limit_watts:
            yield f"{prefix}power_usage_percentage", load.power_watts / load.power_limit_watts * 100


def _processes_of(load: GpuLoad, members: set[int]) -> Iterator[tuple[str, float]]:
    if load.temperature_celsius is not None:
        yield f"gpu_{load.name}_temperature_celsius", load.temperature_celsius
    used = sum(load.process_bytes[process] for process in members & load.process_bytes.keys())
    yield f"process_gpu_{load.name}_memory_megabytes", used / MEGABYTE
