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


def test_a_run_on_a_server_is_forked_and_any_client_sees_its_whole_history(tmp_path: Path) -> None:
    with running(tmp_path / "store") as server:
        eventtrack.set_tracking_uri(server.url)
        eventtrack.set_experiment(f"forks {uuid.uuid4().hex}")
        with eventtrack.start_run() as run:
            for step in range(6):
                eventtrack.log_metric("loss", float(step), step)
        with eventtrack.start_run(fork_from=run.info.run_id, fork_step=2) as fork:
            eventtrack.log_metric("loss", 0.5, 3)
        eventtrack.flush()
        fork_id = fork.info.run_id
        asked = {"run_id": fork_id, "metric_key": "loss"}
        answer = server.client.get("/api/2.0/mlflow/metrics/get-history", params=asked).json()
        assert [point["step"] for point in answer["metrics"]] == [0, 1, 2, 3]
        asked = {"run_ids": fork_id, "metric_key": "loss", "max_results": "100"}
        bulk = server.client.get(
            "/ajax-api/2.0/mlflow/metrics/get-history-bulk-interval", params=asked
        )
        assert [point["step"] for point in bulk.json()["metrics"]] == [0, 1, 2, 3]
        experiment = fork.info.experiment_id
        found = eventtrack.MlflowClient().search_runs([experiment], "metrics.loss < 1")
        assert [it.info.run_id for it in found] == [fork_id]


def test_runs_on_a_server_are_merged(tmp_path: Path) -> None:
    with running(tmp_path / "store") as server:
        eventtrack.set_tracking_uri(server.url)
        eventtrack.set_experiment(f"merges {uuid.uuid4().hex}")
        run_ids = []
        for first in (0, 3):
            with eventtrack.start_run() as run:
                run_ids.append(run.info.run_id)
                for step in range(first, first + 3):
                    eventtrack.log_metric("loss", float(step), step)
        client = eventtrack.MlflowClient()
        client.merge_runs(run_ids[0], run_ids[1], reason="a crash split them")
        points = client.get_metric_history(run_ids[0], "loss")
        assert [point.step for point in points] == list(range(6))
