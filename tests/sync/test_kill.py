"""A sync that is killed at any instant goes on where it stopped."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eventtrack.store import Store
from tests.sync.machines import envelopes, machine, record_run, sync

ROUNDS = 12


def killed(folder: Path, stick: Path, after_s: float) -> bool:
    """Sync in a process of its own and kill it after some time; whether it was still alive."""
    words = ["-m", "eventtrack", "--store", str(folder), "sync", str(stick), "--json"]
    process = subprocess.Popen(
        [sys.executable, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    time.sleep(after_s)
    alive = process.poll() is None
    if alive:
        os.kill(process.pid, signal.SIGKILL)
    _, errors = process.communicate()
    assert alive or process.returncode == 0, errors
    return alive


@pytest.mark.slow
def test_a_sync_that_was_killed_anywhere_goes_on(one: Store, stick: Path, tmp_path: Path) -> None:
    for number in range(60):
        run_id = record_run(one, str(number), points=500)
        one.artifacts.log_bytes(run_id, os.urandom(100_000), "file.bin")
    one.flush()
    two = machine(tmp_path / "two")
    record_run(two, "second")
    two.close()
    generator = random.Random(0)
    kills = 0
    for _ in range(ROUNDS):
        # A process needs 0.06 s at least to begin, and the whole exchange 0.1 s or more.
        kills += killed(one.path, stick, generator.uniform(0.05, 0.25))
        if stick.exists():
            kills += killed(tmp_path / "two", stick, generator.uniform(0.05, 0.25))
    assert kills
    for store in (one, two := machine(tmp_path / "two"), one):
        sync(store, stick)
    assert one.maintenance.digest() == two.maintenance.digest()
    assert envelopes(one) == envelopes(two)
    assert two.maintenance.check().ok
    assert one.maintenance.check().ok
    two.close()
