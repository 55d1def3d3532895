"""AMD's GPUs, read through ROCm's package amdsmi."""

import contextlib
from typing import Any

from eventtrack.machine.gpus import GpuLoad

_MEBIBYTE = 2**20
_MICRO = 1_000_000


class AmdGpus:
    """The GPUs of this machine. Find them with `find_amd`."""

    def __init__(self, amdsmi: Any) -> None:
        self._smi = amdsmi
        self._handles = list(amdsmi.amdsmi_get_processor_handles())

    def models(self) -> list[str]:
        """The name of each GPU's model."""
        asked = (self._ask("amdsmi_get_gpu_asic_info", handle) for handle in self._handles)
        return [str((answer or {}).get("market_name", "AMD GPU")) for answer in asked]

    def read(self) -> list[GpuLoad]:
        """The load of each GPU."""
        return [self._load(str(index), handle) for index, handle in enumerate(self._handles)]

    def _load(self, name: str, handle: Any) -> GpuLoad:
        activity = self._ask("amdsmi_get_gpu_activity", handle) or {}
        memory = self._ask("amdsmi_get_gpu_vram_usage", handle) or {}
        power = self._ask("amdsmi_get_power_info", handle) or {}
        cap = self._ask("amdsmi_get_power_cap_info", handle) or {}
        heat = self._ask(
            "amdsmi_get_temp_metric",
            handle,
            self._smi.AmdSmiTemperatureType.HOTSPOT,
            self._smi.AmdSmiTemperatureMetric.CURRENT,
        )
        used, total = _number(memory.get("vram_used")), _number(memory.get("vram_total"))
        limit = _number(cap.get("power_cap"))
        # Newer GPUs give the present power, older ones only a mean.
        watts = _number(power.get("current_socket_power"))
        return GpuLoad(
            name=name,
            utilization_percent=_number(activity.get("gfx_activity")),
            memory_used_bytes=None if used is None else int(used * _MEBIBYTE),
            memory_total_bytes=None if total is None else int(total * _MEBIBYTE),
            power_watts=_number(power.get("average_socket_power")) if watts is None else watts,
            power_limit_watts=None if limit is None else limit / _MICRO,
            temperature_celsius=_number(heat),
            process_bytes={
                process["pid"]: int(process.get("memory_usage", {}).get("vram_mem", 0))
                for process in self._ask("amdsmi_get_gpu_process_list", handle) or ()
            },
        )

    def _ask(self, question: str, *arguments: Any) -> Any:
        """The driver's answer; None if it refuses."""
        with contextlib.suppress(self._smi.AmdSmiException, AttributeError):
            return getattr(self._smi, question)(*arguments)
        return None


def find_amd() -> AmdGpus | None:
    """The GPUs of this machine; None without ROCm, a GPU, or the package amdsmi."""
    try:
        import amdsmi  # type: ignore[import-not-found, unused-ignore]
    # Without ROCm the package fails at its import, by an error of its own kind for each version.
    except Exception:
        return None
    try:
        amdsmi.amdsmi_init()
        gpus = AmdGpus(amdsmi)
    except amdsmi.AmdSmiException:
        return None
    return gpus if gpus.models() else None


def _number(value: object) -> float | None:
    """A number of the driver's; it writes "N/A" for what it does not know."""
    return float(value) if isinstance(value, int | float) else None
