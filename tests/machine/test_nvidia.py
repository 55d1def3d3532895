"""NVIDIA's GPUs through its own package, over a library that plays the driver."""

import json
from pathlib import Path

import pytest

from tests.machine.conftest import ask

READ = """
import json
from eventtrack.machine.finding import find_gpus
from eventtrack.machine.sampler import Sampler
readers = find_gpus()
print(json.dumps([reader.models() for reader in readers]))
print(json.dumps({k: v for k, v in Sampler(readers, {process}).sample().items() if "gpu" in k}))
"""


def test_a_whole_gpu_and_its_instances_are_read(driver: Path) -> None:
    models, sample = map(json.loads, ask(driver, READ.replace("{process}", "None")).splitlines())
    assert models == [["Fake A100", "Fake H100 in parts"]]
    assert sample == pytest.approx(
        {
            "gpu_0_memory_usage_megabytes": 20000,
            "gpu_0_memory_usage_percentage": 25,
            "gpu_0_utilization_percentage": 87,
            "gpu_0_power_usage_watts": 250,
            "gpu_0_power_usage_percentage": 62.5,
            "gpu_1_mig_0_memory_usage_megabytes": 10000,
            "gpu_1_mig_0_memory_usage_percentage": 12.5,
            "gpu_1_mig_1_memory_usage_megabytes": 11000,
            "gpu_1_mig_1_memory_usage_percentage": 13.75,
        }
    )


def test_the_processes_of_a_run_are_told_from_others(driver: Path) -> None:
    program = """
import json
from eventtrack.machine.nvidia import find_nvidia
print(json.dumps([[load.name, dict(load.process_bytes)] for load in find_nvidia().read()]))
"""
    assert json.loads(ask(driver, program)) == [
        ["0", {"4242": 5_000_000_000}],
        ["1_mig_0", {}],
        ["1_mig_1", {"4343": 3_000_000_000}],
    ]


def test_without_a_driver_there_are_no_gpus(tmp_path: Path) -> None:
    program = "from eventtrack.machine.finding import find_gpus; print(find_gpus())"
    assert ask(tmp_path, program) == "[]\n"
