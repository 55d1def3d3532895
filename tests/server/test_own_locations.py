"""Experiments at a place of the artifact proxy: their files lie in the store as all others do."""

import urllib.parse
from pathlib import Path
from typing import Any

import pytest

from tests.server.running import Running

PROXY = "/api/2.0/mlflow-artifacts/artifacts"


def run_at(server: Running, location: str) -> tuple[str, str]:
    """A new run of an experiment at a location: its id, and where its files are."""
    made = server.post("experiments/create", name=f"at {location}", artifact_location=location)
    info = server.post("runs/create", experiment_id=made["experiment_id"])["run"]["info"]
    return info["run_id"], info["artifact_uri"]


@pytest.mark.parametrize("place", ["own", "own/deep/er", "artifacts", "own/models"])
def test_files_of_an_experiment_at_a_place_of_the_proxy_are_kept(
    server: Running, place: str
) -> None:
    run_id, uri = run_at(server, f"mlflow-artifacts:/{place}")
    assert uri == f"mlflow-artifacts:/{place}/{run_id}/artifacts"
    path = f"{PROXY}/{place}/{run_id}/artifacts/artifacts/50%25.txt"
    assert server.client.put(path, content=b"text").status_code == 200
    assert server.client.get(path).content == b"text"
    query = {"run_id": run_id, "path": "artifacts/50%.txt"}
    assert server.client.get("/get-artifact", params=query).content == b"text"
    query = {"run_id": run_id, "path": "artifacts"}
    listed = server.client.get("/api/2.0/mlflow/artifacts/list", params=query).json()
    assert (listed["root_uri"], [one["path"] for one in listed["files"]]) == (
        uri,
        ["artifacts/50%.txt"],
    )


def test_mlflows_client_logs_there(server: Running, tmp_path: Path) -> None:
    mlflow: Any = pytest.importorskip("mlflow")
    client = mlflow.MlflowClient(server.url)
    experiment = client.create_experiment("client", "mlflow-artifacts:/by/client")
    run_id = client.create_run(experiment).info.run_id
    (tmp_path / "a.txt").write_text("text")
    client.log_artifact(run_id, str(tmp_path / "a.txt"), "below")
    assert [one.path for one in client.list_artifacts(run_id, "below")] == ["below/a.txt"]
    assert Path(client.download_artifacts(run_id, "below/a.txt")).read_text() == "text"


def test_a_run_is_found_by_the_location_that_is_shown(server: Running) -> None:
    info = server.new_run()
    text = f"artifact_uri = '{info['artifact_uri']}'"
    found = server.post("runs/search", experiment_ids=["0"], filter=text)
    assert [run["info"]["run_id"] for run in found["runs"]] == [info["run_id"]]


def test_there_are_no_online_configurations(server: Running) -> None:
    path = "/api/3.0/mlflow/scorers/online-configs?" + urllib.parse.urlencode({"scorer_ids": "1"})
    assert server.client.get(path).json() == {"configs": []}


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", ""), ("GET", "/1"), ("PATCH", "/1"), ("DELETE", "/1"), ("POST", "/1/test")],
)
def test_webhooks_are_refused_in_words(server: Running, method: str, path: str) -> None:
    answer = server.client.request(method, f"/api/2.0/mlflow/webhooks{path}", json={"name": "a"})
    assert (answer.status_code, answer.json()["error_code"]) == (501, "NOT_IMPLEMENTED")
