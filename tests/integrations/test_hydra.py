"""Programs of Hydra with our callback, as programs of their own."""

import subprocess
import sys
from pathlib import Path

import pytest

import eventtrack
from tests.integrations.records import all_runs, files, only_run

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import hydra
import eventtrack

@hydra.main(version_base=None, config_path=".", config_name="config")
def main(config):
    if config.model.width == 13:
        raise RuntimeError("thirteen")
    eventtrack.log_metric("width", config.model.width)
    return config.model.width / 2

main()
"""
CONFIG = """
model:
  width: 3
  double: ${model.width}
hydra:
  job:
    name: net
    chdir: true
  callbacks:
    eventtrack:
      _target_: eventtrack.integrations.hydra.EventtrackCallback
      experiment_name: nets
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A program and its configuration."""
    (tmp_path / "program.py").write_text(PROGRAM, "utf-8")
    (tmp_path / "config.yaml").write_text(CONFIG, "utf-8")
    return tmp_path


def run(folder: Path, *arguments: str, expected: int = 0) -> None:
    """Run the program, which changes its working folder, with the default store beside it."""
    done = subprocess.run(
        [sys.executable, "program.py", *arguments],
        cwd=folder,
        env={"PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == expected, done.stderr
    eventtrack.set_tracking_uri(folder / ".eventtrack")


def test_a_job_is_a_run_with_its_configuration(folder: Path) -> None:
    run(folder, "model.width=4")
    job = only_run()
    assert job.data.params == {"model/width": "4", "model/double": "4"}
    assert job.data.metrics == {"width": 4.0, "return_value": 2.0}
    assert (job.info.run_name, job.info.status) == ("net", "FINISHED")
    assert eventtrack.get_experiment(job.info.experiment_id).name == "nets"
    assert files(job.info.run_id) == ["config.yaml"]
    kept = eventtrack.artifacts.load_text(f"runs:/{job.info.run_id}/config.yaml")
    assert kept == "model:\n  width: 4\n  double: 4\n"


def test_a_multirun_is_the_parent_of_its_jobs(folder: Path) -> None:
    run(folder, "--multirun", "model.width=1,2", expected=0)
    parent, *jobs = all_runs()
    assert (parent.info.run_name, parent.info.status) == ("net", "FINISHED")
    assert [job.data.params["model/width"] for job in jobs] == ["1", "2"]
    assert [job.info.run_name for job in jobs] == ["net 0", "net 1"]
    assert {job.data.tags["mlflow.parentRunId"] for job in jobs} == {parent.info.run_id}
    assert {job.info.experiment_id for job in jobs} == {parent.info.experiment_id}


def test_a_job_that_fails_is_a_failed_run(folder: Path) -> None:
    run(folder, "model.width=13", expected=1)
    assert only_run().info.status == "FAILED"
