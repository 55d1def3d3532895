"""The GPU of a Mac with Apple's own chip, read by `ioreg`: it needs no privileges."""

from collections.abc import Callable, Mapping
from typing import Any

from eventtrack.machine.gpus import GpuLoad

_COMMAND = ("ioreg", "-r", "-a", "-d", "1", "-c", "IOAccelerator")
_TIMEOUT_S = 5.0


class AppleGpus:
    """The GPU of this machine. Find it with `find_apple`.

    Args:
        report: Gives the report of `ioreg` about the accelerators, as a property list in XML.
    """

    def __init__(self, report: Callable[[], bytes]) -> None:
        self._report = report

    def models(self) -> list[str]:
        """The name of each GPU's model."""
        return [str(entry.get("model", "Apple GPU")) for entry in self._entries()]

    def read(self) -> list[GpuLoad]:
        """The load of each GPU. Its memory is the machine's, so there is no total."""
        loads = []
        for index, entry in enumerate(self._entries()):
            statistics = entry.get("PerformanceStatistics", {})
            used = statistics.get("In use system memory")
            utilization = statistics.get("Device Utilization %")
            loads.append(
                GpuLoad(
                    name=str(index),
                    utilization_percent=None if utilization is None else float(utilization),
                    memory_used_bytes=None if used is None else int(used),
                )
            )
        return loads

    def _entries(self) -> list[Mapping[str, Any]]:
        import plistlib
        import subprocess

        try:
            entries = plistlib.loads(self._report())
        except (OSError, subprocess.SubprocessError, ValueError, plistlib.InvalidFileException):
            return []
        return [entry for entry in entries if isinstance(entry, dict)]


def find_apple() -> AppleGpus | None:
    """The GPU of this machine; None if `ioreg` names none."""
    gpus = AppleGpus(_ask_ioreg)
    return gpus if gpus.models() else None


def _ask_ioreg() -> bytes:
    import subprocess

    return subprocess.run(_COMMAND, capture_output=True, timeout=_TIMEOUT_S, check=True).stdout
