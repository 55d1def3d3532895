"""The first page and the list of experiments count all runs whose process is gone."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

from eventtrack.clock import ManualClock
from eventtrack.store import Store
from eventtrack.web import answers
from eventtrack.web.home import LISTED, home

LOST = 30
CRASHED = """
import os, sys
from eventtrack.client import MlflowClient
client = MlflowClient(sys.argv[1])
for number in range(int(sys.argv[2])):
    client.create_run("0", run_name=f"lost {number}")
os._exit(1)
"""


def test_lost_runs_are_counted_however_many_they_are(tmp_path: Path) -> None:
    path = tmp_path / "store"
    subprocess.run([sys.executable, "-c", CRASHED, str(path), str(LOST)], check=False)
    # A run counts as alive for a while, whatever became of its process.
    later = ManualClock(time.time_ns() // 1_000_000 + 60_000)
    with contextlib.closing(Store(path, source="python", clock=later)) as store:
        alive = store.runs.create("0", run_name="alive").info.run_id
        told = home(store)
        (listed,) = answers.experiments(store)["experiments"]
    assert [run["run_id"] for run in told["running"]] == [alive]
    assert (told["running_total"], told["lost_total"]) == (1, LOST)
    assert [answers.is_lost(run) for run in told["died"]] == [True] * LISTED
    assert (listed["running"], listed["lost"]) == (LOST + 1, LOST)
