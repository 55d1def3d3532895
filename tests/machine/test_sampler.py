"""A sample of this machine, and of a process with its children."""

import subprocess
import sys

from eventtrack.machine.gpus import GpuLoad
from eventtrack.machine.sampler import Sampler


class Gpu:
    """One GPU, on which a process has some memory."""

    def __init__(self, process: int) -> None:
        self._process = process

    def models(self) -> list[str]:
        """Its name."""
        return ["Fake"]

    def read(self) -> list[GpuLoad]:
        """Its load."""
        return [
            GpuLoad("0", temperature_celsius=50.0, process_bytes={self._process: 2_000_000, 1: 9})
        ]


def test_a_process_is_read_with_its_children() -> None:
    program = (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', "
        "'x = b\"x\" * 60_000_000; print(len(x), flush=True); input()'])"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        sample = Sampler([Gpu(process.pid)], process.pid).sample()
        process.communicate(b"\n")
    assert sample["process_memory_megabytes"] > 60
    assert sample["process_cpu_utilization_percentage"] > 0
    assert sample["process_gpu_0_memory_megabytes"] == 2
    assert sample["gpu_0_temperature_celsius"] == 50
    assert sample["disk_read_megabytes"] >= 0


def test_a_process_that_has_ended_has_no_figures() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    sample = Sampler(process=process.pid).sample()
    assert "process_memory_megabytes" not in sample
    assert sample["cpu_utilization_percentage"] >= 0
