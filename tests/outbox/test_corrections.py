"""Corrections of a server's runs, and what MLflow's server says of them."""

import uuid
from pathlib import Path

import pytest

import eventtrack
from eventtrack.client import MlflowClient
from eventtrack.errors import EndpointMissingError, InvalidValueError, NotFoundError
from tests.outbox.test_reasons import reasons_of
from tests.server.running import running


def test_runs_of_a_server_are_moved_and_corrected(tmp_path: Path) -> None:
    with running(tmp_path / "store") as server:
        eventtrack.set_tracking_uri(server.url)
        client = MlflowClient()
        target = client.create_experiment("archive")
        with eventtrack.start_run() as run:
            run_id = run.info.run_id
            eventtrack.log_param("lr", 0.1)
            with eventtrack.start_run(nested=True) as nested:
                pass
        # Nothing was flushed: what waits is delivered before the server is asked.
        moved = client.move_run(run_id, target, children=True, reason="größer")
        assert sorted(moved) == sorted([run_id, nested.info.run_id])
        assert client.get_run(run_id).info.experiment_id == target
        client.correct_param(run_id, "lr", 0.01, "the old default")
        assert client.get_run(run_id).data.params == {"lr": "0.01"}
        assert client.store.runs.at_hand(run_id).info.experiment_id == target
        assert client.store.runs.at_hand(run_id).data.params == {"lr": "0.01"}
        reasons = reasons_of(server, run_id)
        assert (reasons["experiment"], reasons["param.lr"]) == ("größer", "the old default")
        with pytest.raises(NotFoundError, match="no param 'depth'"):
            client.correct_param(run_id, "depth", 1, "a test")
        with pytest.raises(NotFoundError, match="No Experiment"):
            client.move_run(run_id, "404")
        with pytest.raises(InvalidValueError, match="Changing param values is not allowed"):
            client.log_param(run_id, "lr", 0.1)
        client.log_text(run_id, "weights", "model.txt")
        [uri, old] = [client.get_run(run_id).info.artifact_uri, run.info.artifact_uri]
        assert uri != old
        server.post("registered-models/create", name="net")
        for source in (uri, old):
            path = source.removeprefix("mlflow-artifacts:/")
            proxied = f"/api/2.0/mlflow-artifacts/artifacts/{path}/model.txt"
            assert server.client.get(proxied).text == "weights"
            server.post("model-versions/create", name="net", source=source, run_id=run_id)
        query = {"experiment_ids": [target], "filter": f"attributes.artifact_uri = '{uri}'"}
        [found] = server.post("runs/search", **query)["runs"]
        assert found["info"]["run_id"] == run_id
        client.set_tag(run_id, "late", "1")  # in the outbox still, and signed with the rest
        signed = client.sign_run(run_id, "reviewed", "größer")
        assert (signed.reason, signed.holds) == ("größer", True)
        assert client.get_signatures(run_id) == [signed]
        client.set_tag(run_id, "late", "2")
        assert [each.holds for each in client.get_signatures(run_id)] == [False]
        own = "/api/eventtrack/1/"
        body = {"run_id": run_id, "key": "lr", "value": "1"}
        answer = server.client.post(f"{own}runs/correct-param", json=body)
        assert (answer.status_code, "needs a reason" in answer.text) == (400, True)
        several = {"run_ids": [run_id, "f" * 32], "experiment_id": "0"}
        assert server.client.post(f"{own}runs/move", json=several).status_code == 404
        assert client.get_run(run_id).info.experiment_id == target
        shown = server.client.get(f"{own}run", params={"run_id": run_id}).json()
        assert shown["experiments"] == [target, "0"]


def test_mlflows_server_cannot_move_runs_and_the_client_says_so(theirs_url: str) -> None:
    eventtrack.set_tracking_uri(theirs_url)
    client = MlflowClient()
    experiment_id = client.create_experiment(f"moves {uuid.uuid4().hex}")
    run_id = client.create_run(experiment_id).info.run_id
    with pytest.raises(EndpointMissingError, match="cannot correct runs"):
        client.move_run(run_id, "0")
