"""Rewinds of runs on a server: what was logged here is covered, an outage is an error."""

import uuid
from pathlib import Path

import pytest

import eventtrack
from eventtrack.errors import RemoteError
from tests.outbox.proxy import proxy_to
from tests.server.running import running


def test_a_run_on_a_server_is_rewound_as_it_is_resumed(tmp_path: Path) -> None:
    with running(tmp_path / "store") as server, proxy_to(server.url) as proxy:
        eventtrack.set_tracking_uri(proxy.url)
        eventtrack.set_experiment(f"rewinds {uuid.uuid4().hex}")
        with eventtrack.start_run() as run:
            for step in range(10):
                eventtrack.log_metric("loss", float(step), step)
        run_id, client = run.info.run_id, eventtrack.MlflowClient()
        with eventtrack.start_run(run_id=run_id, rewind_to=3):
            eventtrack.log_metric("loss", 0.5, 4)
        assert [point.step for point in client.get_metric_history(run_id, "loss")] == [
            0,
            1,
            2,
            3,
            4,
        ]
        client.withdraw_metric(run_id, "loss", 1, 2, reason="a loose cable")
        assert [point.step for point in client.get_metric_history(run_id, "loss")] == [0, 3, 4]
        answer = server.client.get("/api/eventtrack/1/history", params={"run_id": run_id}).json()
        newest = answer["entries"][0]
        assert (newest["type"], newest["reason"]) == ("run.points_withdrawn", "a loose cable")
        proxy.close()
        with pytest.raises(RemoteError):
            client.rewind_run(run_id, 0)
        proxy.open()
        assert len(client.get_metric_history(run_id, "loss")) == 3
