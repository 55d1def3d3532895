"""Finds the GPUs of this machine, whoever made them."""

import sys

from eventtrack.machine.amd import find_amd
from eventtrack.machine.apple import find_apple
from eventtrack.machine.gpus import GpuReader
from eventtrack.machine.nvidia import find_nvidia


def find_gpus() -> list[GpuReader]:
    """A reader for each maker whose driver is present and admits reading; usually none or one."""
    readers: list[GpuReader | None]
    readers = [find_apple()] if sys.platform == "darwin" else [find_nvidia(), find_amd()]
    return [reader for reader in readers if reader is not None]
