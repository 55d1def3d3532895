"""`eventtrack run` on the store of a server: through the outbox of this machine."""

import sys
from pathlib import Path

import pytest

from eventtrack.store import open_store
from tests.running.conftest import Runner
from tests.running.test_run import JOIN
from tests.server.running import running


@pytest.mark.slow
def test_a_run_of_a_server_is_recorded_and_joined(tmp_path: Path, runner: Runner) -> None:
    with running(tmp_path / "theirs") as server:
        state = str(tmp_path / "state")
        runner.address = None
        for package in ("eventtrack", "mlflow"):
            program = JOIN.replace("eventtrack", package)
            words = ("--no-sampling", "-e", "far", "--", sys.executable, "-c", program)
            runner(*words, EVENTTRACK_STATE=state, EVENTTRACK_URI=server.url)
        program = f"import eventtrack; eventtrack.set_experiment('chosen')\n{JOIN}"
        quick = ("--no-sampling", "--no-files", "--", sys.executable, "-c", program)
        runner(*quick, EVENTTRACK_STATE=state, EVENTTRACK_URI=server.url)
        chosen = server.get("experiments/get-by-name", experiment_name="chosen")["experiment"]
        [moved] = server.post("runs/search", experiment_ids=[chosen["experiment_id"]])["runs"]
        asked = server.get("experiments/get-by-name", experiment_name="far")
        experiment_id = asked["experiment"]["experiment_id"]
        runs = server.post("runs/search", experiment_ids=[experiment_id])["runs"]
        run_id = runs[0]["info"]["run_id"]
        files = server.get("artifacts/list", run_id=run_id)["files"]
    assert len(runs) == 2
    for run in (*runs, moved):
        metrics = {metric["key"]: metric["value"] for metric in run["data"]["metrics"]}
        tags = {tag["key"]: tag["value"] for tag in run["data"]["tags"]}
        assert (run["info"]["status"], metrics) == ("FINISHED", {"loss": 0.5})
        assert tags["eventtrack.end"] == "exit code 0"
    assert "origin" in [file["path"] for file in files]


@pytest.mark.slow
def test_the_console_of_a_run_arrives_while_it_runs(tmp_path: Path, runner: Runner) -> None:
    """The program goes on once the server has its first line, so the line came before the end."""
    with running(tmp_path / "theirs") as server:
        program = f"""
import sys, time, urllib.request, os, json
print("first", flush=True)
print("to the other", file=sys.stderr, flush=True)
url = "{server.url}/api/eventtrack/1/items?key=console&run_id=" + os.environ["MLFLOW_RUN_ID"]
while True:
    try:
        seen = json.load(urllib.request.urlopen(url))["items"]
    except OSError:
        seen = []
    if len(seen) >= 2:
        break
    time.sleep(0.05)
print("seen", len(seen))
"""
        runner.address = None
        words = ("--no-sampling", "-e", "far", "--", sys.executable, "-c", program)
        runner(*words, EVENTTRACK_STATE=str(tmp_path / "state"), EVENTTRACK_URI=server.url)
    store = open_store(tmp_path / "theirs")
    [run] = store.runs.search([it.experiment_id for it in store.experiments.search()])
    lines = store.items.read(run.info.run_id, "console")
    assert {(it.text, it.source) for it in lines} == {  # type: ignore[union-attr]
        ("first", "stdout"),
        ("to the other", "stderr"),
        ("seen 2", "stdout"),
    }
