"""The past over HTTP, as the pages ask for it: moments, differences, densities."""

import struct
from typing import Any

import pytest

from tests.server.running import Running

OWN = "/api/eventtrack/1/"


@pytest.fixture(scope="module")
def story(server: Running) -> dict[str, Any]:
    """A run that got a param at `early`, and a tag, a point and an end behind it."""
    experiment_id = server.post("experiments/create", name="a story")["experiment_id"]
    before = ask(server, "about")["position"]
    info = server.post("runs/create", experiment_id=experiment_id, run_name="r")["run"]["info"]
    run_id = info["run_id"]
    server.post("runs/log-parameter", run_id=run_id, key="lr", value="1")
    server.post("runs/log-metric", run_id=run_id, key="loss", value=1.0, timestamp=1, step=0)
    early = ask(server, "about")["position"]
    server.post("runs/set-tag", run_id=run_id, key="stage", value="late")
    server.post("runs/log-metric", run_id=run_id, key="loss", value=0.5, timestamp=2, step=1)
    server.post("runs/update", run_id=run_id, status="FINISHED", end_time=3)
    return {"experiment_id": experiment_id, "run_id": run_id, "before": before, "early": early}


def ask(server: Running, path: str, **query: Any) -> dict[str, Any]:
    response = server.client.get(OWN + path, params=query)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def test_a_run_its_table_and_its_curve_are_as_they_were(
    server: Running, story: dict[str, Any]
) -> None:
    early, run_id, experiment_id = str(story["early"]), story["run_id"], story["experiment_id"]
    then, now = (ask(server, "run", run_id=run_id, at=at) for at in (early, ""))
    assert (then["info"]["status"], now["info"]["status"]) == ("RUNNING", "FINISHED")
    assert ("stage" in then["tags"], now["tags"]["stage"]) == (False, "late")
    asked = {"experiment_ids": [experiment_id], "columns": ["metrics.loss"]}
    for at, loss, status in ((early, 1.0, "RUNNING"), ("now", 0.5, "FINISHED")):
        rows = server.client.post(f"{OWN}runs", json={**asked, "at": at}).json()
        assert rows["values"] == {"metrics.loss": [loss]}
        assert rows["runs"]["status"] == [status]
    for at, count in ((early, 1), ("", 2)):
        body = {"run_ids": [run_id], "keys": ["loss"], "at": at}
        answer = server.client.post(f"{OWN}series", json=body).content
        (size,) = struct.unpack("<I", answer[:4])
        assert f'"points":{count}'.encode() in answer[4 : 4 + size]
    known = ask(server, "columns", experiment_ids=experiment_id, at=early)
    assert (known["params"], known["metrics"]) == (["lr"], ["loss"])
    assert "stage" not in known["tags"]


def test_what_had_not_begun_is_not_there(server: Running, story: dict[str, Any]) -> None:
    found = server.client.get(
        f"{OWN}run", params={"run_id": story["run_id"], "at": str(story["before"])}
    )
    assert found.status_code == 404
    names = [one["name"] for one in ask(server, "experiments", at="0")["experiments"]]
    assert names == []
    refused = server.client.get(f"{OWN}experiments", params={"at": "some day"})
    assert refused.status_code == 400
    assert "is no moment" in refused.json()["message"]


def test_differences_name_their_authors_and_may_be_cut(
    server: Running, story: dict[str, Any]
) -> None:
    subject = f"run/{story['run_id']}"
    found = ask(server, "diff", older=str(story["early"]), subject=subject)
    changes = {one["fact"]: one for one in found["changes"]}
    assert not found["more"]
    assert set(changes) == {"status", "end_time", "tag.stage", "metric.loss"}
    assert {one["subject"] for one in found["changes"]} == {subject}
    assert found["names"] == {subject: "r"}
    status = changes["status"]
    assert (status["kind"], status["before"], status["after"]) == ("changed", "RUNNING", "FINISHED")
    assert status["author"]["host"]
    assert status["recorded_ms"]
    assert ask(server, "diff", older="0", limit=1)["more"]
    unknown = {"older": "0", "subject": "run/none"}
    assert server.client.get(f"{OWN}diff", params=unknown).status_code == 404
    assert server.client.get(f"{OWN}diff").status_code == 400


def test_density_counts_the_events_of_a_run(server: Running, story: dict[str, Any]) -> None:
    found = ask(server, "density", run_id=story["run_id"], buckets=50, by="time")
    assert found["events"] == sum(found["counts"]) == 6
    whole = ask(server, "density", experiment_id=story["experiment_id"])
    assert whole["events"] == 7
    assert len(whole["latest_ms"]) == len(whole["counts"])
    assert ask(server, "density")["low"] == 1
    for query in ({"by": "colour"}, {"buckets": 0}, {"buckets": 10_000}):
        assert server.client.get(f"{OWN}density", params=query).status_code == 400


def test_models_have_a_history_too(server: Running) -> None:
    server.post("registered-models/create", name="net")
    server.post("model-versions/create", name="net", source="s3://one")
    body = {"name": "net", "version": "1", "stage": "Staging", "archive_existing_versions": False}
    server.post("model-versions/transition-stage", **body)
    newest, *_ = ask(server, "history", subject="models:/net")["entries"]
    assert newest["facts"] == [{"fact": "version.1.stage", "before": "None", "after": "Staging"}]
    assert (newest["recorded_here"], newest["arrived_ms"]) == (True, None)
    of_version = ask(server, "history", subject="models:/net/1")["entries"]
    assert [one["facts"][0]["fact"] for one in of_version] == ["stage", "source"]
    assert server.client.get(f"{OWN}history", params={"subject": "models:/no"}).status_code == 404
