"""Servers as processes over real engines, with unmodified clients of MLflow in front."""

from pathlib import Path

import pytest

from eventtrack.sharedlog.making import make_shared_log
from tests.cluster.processes import cluster_of, wait_ready
from tests.server.running import running


@pytest.fixture(
    params=["postgresql", "nats", pytest.param("bucket", marks=pytest.mark.slow)],
)
def log_url(request: pytest.FixtureRequest) -> str:
    """The address of a new log."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    make_shared_log(url).close()
    return url


def test_clients_of_mlflow_see_one_server(tmp_path: Path, log_url: str) -> None:
    mlflow = pytest.importorskip("mlflow")
    with cluster_of(tmp_path, log_url, "ada", "ben") as servers:
        one, two = (mlflow.MlflowClient(server.url, server.url) for server in servers)
        experiment_id = one.create_experiment("vision")
        assert two.get_experiment_by_name("vision").experiment_id == experiment_id
        run_id = two.create_run(experiment_id, run_name="first").info.run_id
        one.log_param(run_id, "lr", "0.1")
        two.log_batch(run_id, metrics=[mlflow.entities.Metric("loss", 0.5, 1, 0)])
        one.set_tag(run_id, "by", "one")
        run = two.get_run(run_id)
        assert run.data.params == {"lr": "0.1"}
        assert run.data.metrics == {"loss": 0.5}
        assert run.data.tags["by"] == "one"
        with pytest.raises(mlflow.exceptions.MlflowException, match="already logged"):
            two.log_param(run_id, "lr", "0.2")
        one.create_registered_model("m")
        versions = [
            client.create_model_version("m", f"runs:/{run_id}/m", run_id).version
            for client in (one, two, one)
        ]
        assert [int(version) for version in versions] == [1, 2, 3]
        one.log_text(run_id, "by one", "notes.txt")
        [entry] = two.list_artifacts(run_id)
        assert entry.path == "notes.txt"
        two.set_terminated(run_id)
        assert one.search_runs([experiment_id], "metrics.loss = 0.5")[0].info.status == "FINISHED"


@pytest.mark.parametrize("place", ["engine", "folder"])
def test_artifacts_of_one_server_are_on_every_other(
    tmp_path: Path, postgresql_url: str, place: str
) -> None:
    artifacts = str(tmp_path / "artifacts") if place == "folder" else None
    make_shared_log(postgresql_url, artifacts=artifacts).close()
    _exchange_artifacts(tmp_path, postgresql_url)


def test_artifacts_may_lie_in_jetstream(tmp_path: Path, nats_url: str) -> None:
    make_shared_log(nats_url).close()
    _exchange_artifacts(tmp_path, nats_url)


@pytest.mark.slow
def test_artifacts_may_lie_in_the_bucket_of_the_log(tmp_path: Path, bucket_url: str) -> None:
    make_shared_log(bucket_url).close()
    _exchange_artifacts(tmp_path, bucket_url)


def _exchange_artifacts(folder: Path, url: str) -> None:
    files = {"small.txt": b"x", "large.bin": bytes(range(256)) * 20_000, "empty": b""}
    with cluster_of(folder, url, "ada", "ben") as (ada, ben):
        info = ada.new_run()
        root = f"/api/2.0/mlflow-artifacts/artifacts/0/{info['run_id']}/artifacts"
        for name, data in files.items():
            assert ada.client.put(f"{root}/{name}", content=data).status_code == 200
        ada.kill()
        for name, data in files.items():
            answer = ben.client.get(f"{root}/{name}")
            assert (answer.status_code, answer.content) == (200, data), answer.text


def test_what_was_answered_survives_the_server_and_its_folder(tmp_path: Path, log_url: str) -> None:
    with cluster_of(tmp_path, log_url, "ada", "ben") as (ada, ben):
        run_id = ada.new_run()["run_id"]
        for step in range(20):
            point = {"key": "loss", "value": step, "timestamp": step, "step": step}
            ada.post("runs/log-batch", run_id=run_id, metrics=[point])
        ada.kill()
        assert ben.get("runs/get", run_id=run_id)["run"]["data"]["metrics"][0]["step"] == 19
    with running(tmp_path / "new", "--cluster", log_url) as eve:
        wait_ready(eve)
        history = eve.get("metrics/get-history", run_id=run_id, metric_key="loss")
        assert [point["step"] for point in history["metrics"]] == list(range(20))
