"""What a server has, and what `eventtrack flush` says."""

import json
import subprocess
import sys
from typing import Any

from eventtrack.rest import TrackingServer


def flush(*arguments: str) -> tuple[int, list[dict[str, Any]]]:
    """What `eventtrack flush` says, in this test's state folder."""
    command = [sys.executable, "-m", "eventtrack", "flush", "--json", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, json.loads(done.stdout or "[]")


def run_of(server: TrackingServer, experiment: str) -> Any:
    """The one run of an experiment."""
    found = server.get_experiment_by_name(experiment)
    assert found is not None
    [run] = server.search_runs([found.experiment_id])
    return run


def points_of(server: TrackingServer, run_id: str, key: str = "loss") -> list[tuple[int, float]]:
    """All points of a metric, as often as the server has them."""
    found: list[tuple[int, float]] = []
    token = None
    while True:
        page = server.metric_history(run_id, key, token)
        found += [(one.step, one.value) for one in page]
        token = page.token
        if token is None:
            return sorted(found)
