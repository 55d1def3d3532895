"""Several processes on one store, a server that is killed, a program that ends in a run."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("mlflow")

import mlflow

from eventtrack.store import Store, open_store
from tests.plugin.server import Server

WORKER = """
import mlflow, sys
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("shared")
with mlflow.start_run(run_name=sys.argv[2]):
    mlflow.log_param("worker", sys.argv[2])
    for step in range(200):
        mlflow.log_metric("loss", step * 0.5, step=step)
    mlflow.log_text(sys.argv[2], "name.txt")
"""


def program(text: str, *arguments: str, folder: Path) -> None:
    """Run a Python program in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", text, *arguments],
        cwd=folder,
        env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def check_workers(store: Store, count: int) -> None:
    """Every worker's run is there, whole, and the store is sound."""
    experiment = store.experiments.get_by_name("shared")
    assert experiment is not None
    runs = store.runs.search([experiment.experiment_id])
    assert sorted(run.data.params["worker"] for run in runs) == [str(one) for one in range(count)]
    for run in runs:
        history = store.metrics.arrays(run.info.run_id, "loss")
        assert list(history.values) == [step * 0.5 for step in range(200)]
        assert run.info.status == "FINISHED"
    assert store.maintenance.check().ok


@pytest.mark.slow
def test_several_client_processes_share_a_store(tmp_path: Path) -> None:
    uri = f"eventtrack:{tmp_path}/store"
    # Clients that create one experiment at once lose each other in MLflow's own set_experiment:
    # whose creation is refused goes on in the experiment Default.
    mlflow.MlflowClient(uri).create_experiment("shared")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: program(WORKER, uri, str(name), folder=tmp_path), range(4)))
    store = open_store(uri)
    check_workers(store, 4)
    assert {session.source for session in store.sessions.list()} >= {"mlflow"}
    store.close()


@pytest.mark.slow
def test_a_killed_server_has_lost_nothing_that_it_answered(tmp_path: Path) -> None:
    with Server(tmp_path / "server") as server:
        mlflow.MlflowClient(server.uri).create_experiment("shared")
        with ThreadPoolExecutor(2) as pool:
            for _ in pool.map(
                lambda name: program(WORKER, server.uri, str(name), folder=tmp_path), range(2)
            ):
                pass
        client = mlflow.MlflowClient(server.uri)
        run_id = client.create_run("0").info.run_id
        for step in range(50):
            client.log_metric(run_id, "last", float(step), step=step)
        server.kill()
        store = open_store(server.store_uri)
        history = store.metrics.arrays(run_id, "last")
        assert list(history.steps) == list(range(50))
        check_workers(store, 2)
        assert len(list(store.path.glob("blobs/*/*"))) == 2
        store.close()
        with server:
            assert len(client.get_metric_history(run_id, "last")) == 50


@pytest.mark.slow
def test_a_program_that_ends_within_a_run_leaves_it_finished(tmp_path: Path) -> None:
    uri = f"eventtrack:{tmp_path}/store"
    program(
        "import mlflow, sys; mlflow.set_tracking_uri(sys.argv[1]); mlflow.start_run();"
        "mlflow.log_metric('loss', 1.0)",
        uri,
        folder=tmp_path,
    )
    store = open_store(uri)
    [run] = store.runs.search(["0"])
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"loss": 1.0})
    store.close()
