"""A shared log as tracking URI: logged on this machine first, then published."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

import eventtrack
from eventtrack.cluster.servers import lags_of
from eventtrack.sharedlog.making import make_shared_log, open_shared_log
from tests.cluster.processes import Lab, cluster_of
from tests.server.running import ROOT
from tests.sharedlog.engines import running_postgresql


@pytest.mark.slow
def test_a_program_publishes_without_a_server(lab: Lab) -> None:
    made = lab.ada.post("experiments/create", name="speech")["experiment_id"]
    eventtrack.set_tracking_uri(lab.url)
    eventtrack.set_experiment("speech")
    with eventtrack.start_run(run_name="here") as run:
        eventtrack.log_param("lr", 0.1)
        for step in range(50):
            eventtrack.log_metric("loss", 1 / (1 + step), step=step)
        eventtrack.log_text("hello", "notes.txt")
        eventtrack.log_text_line("a line")
        eventtrack.log_html("report", "<h1>Good</h1>")
    eventtrack.flush()
    with contextlib.closing(open_shared_log(lab.url)) as log:
        here = os.environ["EVENTTRACK_STATE"]
        [writer] = [each for each in lags_of(log).writers if here in each.name]
        assert writer.unpublished == 0
    # Acknowledged by the engine, so every server has it for the next request.
    answer = lab.ben.get("runs/get", run_id=run.info.run_id)["run"]
    assert answer["info"]["experiment_id"] == made
    assert answer["info"]["status"] == "FINISHED"
    assert answer["data"]["metrics"][0]["step"] == 49
    path = f"/api/2.0/mlflow-artifacts/artifacts/{made}/{run.info.run_id}/artifacts/notes.txt"
    client = lab.ben.client
    assert client.get(path).text == "hello"
    asked = {"run_id": run.info.run_id, "key": "log"}
    [line] = client.get("/api/eventtrack/1/items", params=asked).json()["items"]
    assert line["text"] == "a line"
    asked["key"] = "report"
    [page] = client.get("/api/eventtrack/1/items", params=asked).json()["items"]
    asked["sha256"] = page["sha256"]
    assert client.get("/api/eventtrack/1/media", params=asked).text == "<h1>Good</h1>"


@pytest.mark.slow
def test_an_outage_and_a_kill_cost_nothing(tmp_path: Path) -> None:
    program = (
        "import os, sys, eventtrack\n"
        "eventtrack.set_tracking_uri(sys.argv[1])\n"
        "with eventtrack.start_run(run_name=sys.argv[2]):\n"
        "    for step in range(50): eventtrack.log_metric('loss', step, step=step)\n"
        "    if sys.argv[2] == 'killed': os.kill(os.getpid(), 9)\n"
    )

    def run(name: str) -> int:
        return subprocess.run(
            [sys.executable, "-c", program, database.url, name],
            cwd=ROOT,
            stderr=subprocess.DEVNULL,
            check=False,
        ).returncode

    with running_postgresql() as database:
        make_shared_log(database.url).close()
        database.kill()
        assert run("killed") == -9
        assert run("offline") == 0
        database.start()
        assert run("last") == 0
        with cluster_of(tmp_path, database.url, "server") as [server]:
            runs = server.post("runs/search", experiment_ids=["0"])["runs"]
            steps = {each["info"]["run_name"]: each["data"]["metrics"][0]["step"] for each in runs}
        assert steps == dict.fromkeys(["killed", "offline", "last"], 49)
        open_shared_log(database.url).close()
