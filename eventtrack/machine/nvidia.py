"""NVIDIA's GPUs, read through their driver's library by the package nvidia-ml-py.

A GPU that is partitioned (MIG) is read as its instances: the driver gives no utilization for them,
and its processes belong to an instance each.
"""

import contextlib
from typing import Any

from eventtrack.machine.gpus import GpuLoad

_LIBRARY = "libnvidia-ml.so.1"


class NvidiaGpus:
    """The GPUs of this machine. Find them with `find_nvidia`."""

    def __init__(self, pynvml: Any) -> None:
        self._nvml = pynvml
        self._handles = [
            pynvml.nvmlDeviceGetHandleByIndex(index) for index in range(pynvml.nvmlDeviceGetCount())
        ]

    def models(self) -> list[str]:
        """The name of each GPU's model."""
        return [str(self._ask("nvmlDeviceGetName", handle)) for handle in self._handles]

    def read(self) -> list[GpuLoad]:
        """The load of each GPU, or of each of its instances."""
        loads = []
        for index, handle in enumerate(self._handles):
            instances = self._instances(handle)
            if instances:
                loads += [
                    self._load(f"{index}_mig_{number}", instance) for number, instance in instances
                ]
            else:
                loads.append(self._load(str(index), handle))
        return loads

    def _load(self, name: str, handle: Any) -> GpuLoad:
        memory = self._ask("nvmlDeviceGetMemoryInfo", handle)
        rates = self._ask("nvmlDeviceGetUtilizationRates", handle)
        power = self._ask("nvmlDeviceGetPowerUsage", handle)
        limit = self._ask("nvmlDeviceGetEnforcedPowerLimit", handle)
        heat = self._ask("nvmlDeviceGetTemperature", handle, self._nvml.NVML_TEMPERATURE_GPU)
        return GpuLoad(
            name=name,
            utilization_percent=None if rates is None else float(rates.gpu),
            memory_used_bytes=None if memory is None else int(memory.used),
            memory_total_bytes=None if memory is None else int(memory.total),
            power_watts=None if power is None else power / 1000,
            power_limit_watts=None if limit is None else limit / 1000,
            temperature_celsius=None if heat is None else float(heat),
            process_bytes=self._processes(handle),
        )

    def _processes(self, handle: Any) -> dict[int, int]:
        used: dict[int, int] = {}
        for question in (
            "nvmlDeviceGetComputeRunningProcesses",
            "nvmlDeviceGetGraphicsRunningProcesses",
        ):
            for process in self._ask(question, handle) or ():
                # A process that computes and draws is listed twice with the same memory.
                used[process.pid] = max(used.get(process.pid, 0), process.usedGpuMemory or 0)
        return used

    def _instances(self, handle: Any) -> list[tuple[int, Any]]:
        mode = self._ask("nvmlDeviceGetMigMode", handle)
        if not mode or mode[0] != self._nvml.NVML_DEVICE_MIG_ENABLE:
            return []
        places = range(self._ask("nvmlDeviceGetMaxMigDeviceCount", handle) or 0)
        asked = (
            (place, self._ask("nvmlDeviceGetMigDeviceHandleByIndex", handle, place))
            for place in places
        )
        return [(place, instance) for place, instance in asked if instance is not None]

    def _ask(self, question: str, *arguments: Any) -> Any:
        """The driver's answer; None if it refuses, as older drivers and smaller GPUs do."""
        with contextlib.suppress(self._nvml.NVMLError):
            return getattr(self._nvml, question)(*arguments)
        return None


def find_nvidia() -> NvidiaGpus | None:
    """The GPUs of this machine; None without a driver, a GPU, or the package nvidia-ml-py."""
    import ctypes

    try:
        # The package is large: without a driver it is not worth loading.
        ctypes.CDLL(_LIBRARY)
        import pynvml
    except (OSError, ImportError):
        return None
    try:
        pynvml.nvmlInit()
        gpus = NvidiaGpus(pynvml)
    except pynvml.NVMLError:
        return None
    return gpus if gpus.models() else None
