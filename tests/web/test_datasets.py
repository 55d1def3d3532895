"""Datasets for the pages: gathered over runs by digest, with the runs that read them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from eventtrack.client import MlflowClient
from eventtrack.store import Store
from tests.server.running import Running, running

API = "/api/eventtrack/1/"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    """A server of an empty store."""
    with running(tmp_path / "store") as served:
        yield served


def ask(server: Running, path: str, **fields: Any) -> Any:
    """The answer to a query."""
    answer = server.client.get(API + path, params=fields)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_runs_are_gathered_by_the_digest_of_what_they_read(server: Running) -> None:
    quoted = "it's 1"
    other = server.post("experiments/create", name="other")["experiment_id"]
    run_ids = [server.new_run(run_name=f"run {number}")["run_id"] for number in range(3)]
    run_ids.append(server.post("runs/create", experiment_id=other)["run"]["info"]["run_id"])
    for number, run_id in enumerate(run_ids):
        dataset = {"name": "train", "digest": quoted, "source_type": "local", "source": "a.csv"}
        tags = [{"key": "mlflow.data.context", "value": "eval" if number else "training"}]
        used = {"dataset": dataset, "tags": tags}
        server.post("runs/log-inputs", run_id=run_id, datasets=[used])
    server.post("runs/delete", run_id=run_ids[1])
    [dataset] = ask(server, "datasets")["datasets"]
    assert (dataset["name"], dataset["runs"]) == ("train", 4)
    assert dataset["contexts"] == ["eval", "training"]
    assert sorted(dataset["experiment_ids"]) == sorted(["0", other])
    answer = ask(server, "dataset", digest=quoted)
    assert {run["run_id"] for run in answer["runs"]} == {run_ids[at] for at in (0, 2, 3)}
    before = ask(server, "datasets", at=1)
    assert before["datasets"] == []
    assert server.client.get(API + "dataset", params={"digest": "x"}).status_code == 404


def test_an_evaluation_dataset_comes_with_its_records(server: Running) -> None:
    client = MlflowClient(str(server.store))
    store = client.store
    assert isinstance(store, Store)
    made = store.datasets.create("questions", experiment_ids=["0"])
    store.datasets.merge_records(
        made.dataset_id, [{"inputs": {"q": str(number)}} for number in range(3)]
    )
    [known] = ask(server, "datasets")["evaluation"]
    assert (known["name"], known["profile"]) == ("questions", {"num_records": 3})
    answer = ask(server, "evaluation", dataset_id=made.dataset_id)
    assert len(answer["records"]) == 3
    assert answer["next"] is None
