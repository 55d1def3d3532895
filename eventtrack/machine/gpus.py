"""GPUs of any maker behind one shape."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class GpuLoad(NamedTuple):
    """The load of one GPU, or of one instance of a partitioned GPU; None for what it does not say.

    `name` tells it from the others of this machine: "0", or "0_mig_1" for an instance.
    `process_bytes` has the memory of each process on it, by process id.
    """

    name: str
    utilization_percent: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    power_watts: float | None = None
    power_limit_watts: float | None = None
    temperature_celsius: float | None = None
    process_bytes: Mapping[int, int] = {}


class GpuReader(Protocol):
    """Reads the GPUs of one maker."""

    def models(self) -> list[str]:
        """The name of each GPU's model, in the driver's order."""
        ...

    def read(self) -> list[GpuLoad]:
        """The present load of each GPU. A value that the driver refuses is None."""
        ...
