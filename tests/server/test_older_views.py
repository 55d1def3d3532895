"""A server after an upgrade: it answers from older views, and says so, while it builds its own."""

import time
from pathlib import Path

import pytest

from eventtrack.projections import shape
from tests.crash.test_older_views import fill
from tests.crash.workers import PATIENCE_S, opened
from tests.server.running import running

OWN = "/api/eventtrack/1/"
HEADER = "eventtrack-older-views"


def test_answers_of_older_views_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "store"
    monkeypatch.setattr(shape, "PROJECTIONS_VERSION", shape.PROJECTIONS_VERSION - 1)
    with opened(path) as store:
        fill(store)
        store.maintenance.digest()
        head = store.events.head()
    first = "from eventtrack.projections import older; older.PATIENCE_S = 0.0"
    with running(path, first=first, log=tmp_path / "log") as server:
        found = server.client.post(
            "/api/2.0/mlflow/runs/search", json={"experiment_ids": ["0"], "max_results": 1000}
        )
        about = server.client.get(f"{OWN}about").json()
        assert len(found.json()["runs"]) == 200
        assert found.headers[HEADER] == f"{head}/{head}"
        assert about["building"] is None or about["building"]["shown"] == head
        # A change waits for the newer views, and is seen by all reads after it.
        new = server.new_run()
        got = server.client.get("/api/2.0/mlflow/runs/get", params={"run_id": new["run_id"]})
        assert HEADER not in got.headers
        deadline = time.monotonic() + PATIENCE_S
        while server.client.get(f"{OWN}about").json()["building"] is not None:
            assert time.monotonic() < deadline
    assert "another version of eventtrack" in (tmp_path / "log").read_text()
