"""A client of this version, from MLflow 2.9 on, with our server."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.matrix import program
from tests.server.running import running

mlflow: Any = pytest.importorskip("mlflow")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The URL of our server, which MLflow logs to."""
    with running(tmp_path / "store") as found:
        mlflow.set_tracking_uri(found.url)
        yield found.url


def test_a_client_logs_searches_and_registers(server: str, tmp_path: Path) -> None:
    program.check_all(mlflow, tmp_path)


def test_a_client_without_a_run_of_its_own_reads_a_batch(server: str) -> None:
    from mlflow.entities import Metric, Param, RunTag

    client = mlflow.MlflowClient()
    run_id = client.create_run("0").info.run_id
    client.log_batch(run_id, [Metric("m", 1.5, 7, 3)], [Param("p", "x" * 5999)], [RunTag("t", "é")])
    client.set_terminated(run_id, "FAILED", 99)
    run = client.get_run(run_id)
    assert (run.info.status, run.info.end_time) == ("FAILED", 99)
    assert (run.data.metrics, run.data.tags["t"]) == ({"m": 1.5}, "é")
    assert len(run.data.params["p"]) == 5999
