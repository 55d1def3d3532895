"""Servers as processes over real engines, with unmodified clients of MLflow in front."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from eventtrack.cluster.cache import Cache
from eventtrack.sharedlog.artifacts import open_artifacts
from eventtrack.sharedlog.making import make_shared_log, open_shared_log
from tests.cluster.processes import Lab, wait_ready
from tests.server.running import running


@pytest.mark.slow
def test_clients_of_mlflow_see_one_server(lab: Lab) -> None:
    mlflow = pytest.importorskip("mlflow")
    one, two = (mlflow.MlflowClient(server.url, server.url) for server in (lab.ada, lab.ben))
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


@pytest.mark.slow
def test_artifacts_of_one_server_are_on_every_other(lab: Lab) -> None:
    files = {"small.txt": b"x", "large.bin": bytes(range(256)) * 20_000, "empty": b""}
    info = lab.ada.new_run()
    root = f"/api/2.0/mlflow-artifacts/artifacts/0/{info['run_id']}/artifacts"
    for name, data in files.items():
        assert lab.ada.client.put(f"{root}/{name}", content=data).status_code == 200
    for name, data in files.items():
        answer = lab.ben.client.get(f"{root}/{name}")
        assert (answer.status_code, answer.content) == (200, data), answer.text


def test_artifacts_may_lie_in_a_folder(tmp_path: Path, postgresql_url: str) -> None:
    make_shared_log(postgresql_url, artifacts=str(tmp_path / "artifacts")).close()
    with ExitStack() as opened:
        stores = []
        for name in ("ada", "ben"):
            log = opened.enter_context(closing(open_shared_log(postgresql_url)))
            blobs = open_artifacts(postgresql_url, log.description.artifacts)
            cache = Cache(log, tmp_path / name, source="server", blobs=blobs)
            opened.enter_context(closing(cache)).member.catch_up()
            stores.append(cache.store)
        ada, ben = stores
        ada.begin()
        run_id = ada.runs.create("0").info.run_id
        ada.artifacts.log_bytes(run_id, b"by ada", "notes.txt")
        cache.member.catch_up()
        with ben.artifacts.open(run_id, "notes.txt") as file:
            assert file.read() == b"by ada"
    assert any(path.is_file() for path in (tmp_path / "artifacts").rglob("*"))


@pytest.mark.parametrize("engine", ["postgresql", "nats", "bucket"])
def test_servers_may_delete_an_artifact_at_the_same_time(
    tmp_path: Path, request: pytest.FixtureRequest, engine: str
) -> None:
    url: str = request.getfixturevalue(f"{engine}_url")
    (tmp_path / "file").write_bytes(b"secret")
    with closing(make_shared_log(url)) as log, ThreadPoolExecutor(2) as threads:
        servers = [open_artifacts(url, log.description.artifacts) for _ in range(2)]
        for digest in (bytes([number]) * 32 for number in range(20)):
            servers[0].put(digest, tmp_path / "file")
            list(threads.map(lambda server, digest=digest: server.delete(digest), servers))
            assert not servers[0].holds(digest)
            servers[0].delete(digest)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["postgresql", "nats"])
def test_what_was_answered_survives_the_server_and_its_folder(
    tmp_path: Path, request: pytest.FixtureRequest, engine: str
) -> None:
    url: str = request.getfixturevalue(f"{engine}_url")
    make_shared_log(url).close()
    with running(tmp_path / "ada", "--cluster", url) as ada:
        wait_ready(ada)
        run_id = ada.new_run()["run_id"]
        for step in range(20):
            point = {"key": "loss", "value": step, "timestamp": step, "step": step}
            ada.post("runs/log-batch", run_id=run_id, metrics=[point])
        ada.kill()
    with running(tmp_path / "new", "--cluster", url) as eve:
        wait_ready(eve)
        history = eve.get("metrics/get-history", run_id=run_id, metric_key="loss")
        assert [point["step"] for point in history["metrics"]] == list(range(20))
