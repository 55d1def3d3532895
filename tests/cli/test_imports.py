"""`eventtrack import`: what it prints, and how it ends."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.harness import CommandLine
from tests.server.running import running


@pytest.fixture
def mlruns(tmp_path: Path) -> Path:
    """A small file store of MLflow's."""
    run = tmp_path / "mlruns" / "7" / ("a" * 32)
    (run / "metrics").mkdir(parents=True)
    (run / "meta.yaml").write_text(f"run_id: {run.name}\nstatus: 3\nstart_time: 1\nrun_name: one\n")
    (run / "metrics" / "loss").write_text("1 0.5 0\n2 0.25 1\n")
    (run.parent / "meta.yaml").write_text("experiment_id: '7'\nname: old\n")
    return tmp_path / "mlruns"


@pytest.fixture
def call(tmp_path: Path) -> CommandLine:
    """The command line on a store that does not exist yet."""
    return CommandLine(tmp_path / "store")


def test_an_import_makes_the_store_and_says_what_it_took(call: CommandLine, mlruns: Path) -> None:
    answer = call("import", "mlruns", str(mlruns))
    assert "new points       2" in answer.stdout
    assert "old" in answer.stdout
    assert "had everything" in call("import", "mlruns", str(mlruns)).stdout
    shown = call("runs", "show", "a" * 32, "--json").json
    assert shown["info"]["run_name"] == "one"


def test_the_report_as_json(call: CommandLine, mlruns: Path) -> None:
    report = call("import", "mlruns", str(mlruns), "--json").json
    assert report["taken"]["points"] == 2
    assert report["experiments"][0]["source_id"] == "7"


def test_damage_is_named_and_the_exit_code_tells(call: CommandLine, mlruns: Path) -> None:
    (mlruns / "7" / ("a" * 32) / "metrics" / "loss").write_text("1 0.5 0\n2 0.")
    answer = call("import", "mlruns", str(mlruns), code=8)
    assert "loss, byte 8:" in answer.stdout
    assert "new points       1" in answer.stdout


def test_nothing_to_import_makes_no_store(call: CommandLine, tmp_path: Path) -> None:
    answer = call("import", "mlruns", str(tmp_path), code=3)
    assert "meta.yaml" in answer.stderr
    assert not call.path.exists()


def test_runs_go_to_a_server_and_come_from_one(
    call: CommandLine, mlruns: Path, tmp_path: Path
) -> None:
    call("import", "mlruns", str(mlruns))
    with running(tmp_path / "served") as server:
        assert "new points       2" in call("export", "mlflow", server.url).stdout
        assert "The server had everything" in call("export", "mlflow", server.url).stdout
        other = CommandLine(tmp_path / "other")
        assert other("import", "mlflow", server.url, "--json").json["taken"]["points"] == 2
    assert "URL goes with `mlflow`" in call("export", "mlflow", code=2).stderr
    assert "no answer from" in call("export", "mlflow", server.url, code=9).stderr


@pytest.mark.parametrize("what", ["tensorboard", "wandb", "trackio", "csv", "jsonl", "mlruns"])
def test_every_source_says_what_is_missing(call: CommandLine, tmp_path: Path, what: str) -> None:
    answer = call("import", what, str(tmp_path / "nothing"), code=3)
    assert "nothing" in answer.stderr
    assert not call.path.exists()


def test_logs_without_a_tracker_come_in(call: CommandLine, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("step,loss\n1,0.5\n2,0.25\n")
    (tmp_path / "log.jsonl").write_text('{"step": 1, "loss": 0.5}\n')
    assert (
        "new points       2"
        in call("import", "csv", str(tmp_path / "log.csv"), "-e", "plain").stdout
    )
    assert (
        "new points"
        not in call("import", "jsonl", str(tmp_path / "log.jsonl"), "-e", "plain").stdout
    )


def test_a_dry_run_shows_how_tables_are_read_and_takes_nothing(
    call: CommandLine, tmp_path: Path
) -> None:
    path = tmp_path / "logs" / "log.csv"
    path.parent.mkdir()
    path.write_text("Batch;Loss;phase\n10;0,5;a\n20;0,25;b\n")
    words = ("import", "csv", str(path), "--step-column", "batch", "--dry-run")
    shown = call(*words).stdout
    assert "parted by a semicolon" in shown
    assert "0.5 at step 10, 0.25 at step 20" in shown
    seen = call(*words, "--json").json
    [file], [run] = seen["files"], seen["runs"]
    assert file["columns"] == {
        "Batch": "step",
        "Loss": "metric: with decimal commas",
        "phase": "text",
    }
    assert run["metrics"]["Loss"] == {"points": 2, "first": [[10, None, 0.5], [20, None, 0.25]]}
    assert not call.path.exists()
    path.write_text("Batch;Loss;phase\n10;0,5;a\n20\n")
    assert "line 3" in call(*words, code=8).stdout
    path.write_text("")
    call(*words, code=3)


def test_signs_between_cells_may_be_named(call: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step#loss\n1#0.5\n")
    taken = call("import", "csv", str(path), "--delimiter", "#", "--json").json["taken"]
    assert (taken["points"], taken["runs"]) == (1, 1)
    path.write_text("step\tloss\n1\t0.5\n2\t0.25\n")
    taken = call("import", "csv", str(path), "--delimiter", "tab", "--json").json["taken"]
    assert taken["points"] == 1  # the other is here already
    assert "name one sign" in call("import", "csv", str(path), "--delimiter", "::", code=2).stderr


def test_losses_are_shown_with_their_places(call: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("step,loss,loss\n1,0.5,1\n2,0.4\n")
    shown = call("import", "csv", str(path), code=8).stdout
    assert "line 3" in shown
    assert "second column loss is loss.1" in shown


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_a_pipe_is_one_run_for_the_same_bytes(tmp_path: Path, form: str) -> None:
    """Its name was that of a file descriptor of this process: each import made a new run."""
    rows = {"csv": "step,loss\n1,0.5\n2,0.25\n", "jsonl": '{"step": 1, "loss": 0.5}\n'}[form]
    reports = []
    for _ in range(2):
        words = ["--store", str(tmp_path / "store"), "import", form, "/dev/stdin", "--json"]
        command = [sys.executable, "-m", "eventtrack", *words]
        done = subprocess.run(command, input=rows, text=True, capture_output=True, check=True)
        reports.append(json.loads(done.stdout))
    first, second = reports
    assert (first["taken"]["runs"], second["taken"]["runs"]) == (1, 0)
    assert sum(second["taken"].values()) == 0
    assert first["source"] == f"{form} file:///dev/stdin"
