"""A driver of GPUs that this machine does not have: NVIDIA's library, as far as it is asked."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a fake `libnvidia-ml.so.1`: a whole GPU, and one in two instances."""
    pytest.importorskip("pynvml", reason="needs nvidia-ml-py")
    folder = tmp_path_factory.mktemp("driver")
    subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", folder / "libnvidia-ml.so.1", FOLDER / "nvml.c"],
        check=True,
    )
    return folder


def ask(driver: Path, program: str) -> str:
    """What a program prints in a process that finds the driver."""
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "LD_LIBRARY_PATH": str(driver), "PYTHONPATH": str(FOLDER.parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
