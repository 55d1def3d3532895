"""Databases that Trackio itself wrote."""

import math
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from eventtrack.errors import NotFoundError
from eventtrack.store import Store
from eventtrack.transfer.importer import import_histories
from eventtrack.transfer.report import Report
from eventtrack.transfer.trackio import Databases
from tests.transfer.theirs import runs_of

SCRIPT = """
import trackio
quiet = {"auto_log_gpu": False, "auto_log_cpu": False}
trackio.init(project="flowers", name="one", config={"lr": 0.1, "net": {"depth": 3}}, **quiet)
for step in range(50):
    trackio.log({"loss": 1 / (step + 1), "nested": {"x": step}, "text": "hi"}, step=step)
trackio.log({"odd": float("nan")}, step=50)
trackio.finish()
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that Trackio made."""
    pytest.importorskip("trackio")
    folder = tmp_path_factory.mktemp("trackio")
    settings = {"TRACKIO_DIR": str(folder / "data"), "HF_HUB_OFFLINE": "1", "HOME": str(folder)}
    subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=folder,
        env=os.environ | settings,
        check=True,
        timeout=120,
        capture_output=True,
    )
    return folder / "data"


def take(store: Store, place: Path) -> Report:
    """Import a folder or a file."""
    return import_histories(store, Databases(place), lambda done, total: None)


def test_config_and_metrics_come_in(written: Path, store: Store) -> None:
    report = take(store, written)
    assert report.exit_code == 0
    [run] = runs_of(store)
    assert run.info.run_name == "one"
    assert run.data.params == {"lr": "0.1", "net.depth": "3"}
    assert run.data.tags["trackio.last.text"] == "hi"
    points = store.metrics.arrays(run.info.run_id, "loss")
    assert list(points.steps) == list(range(50))
    assert list(points.values) == [1 / (step + 1) for step in range(50)]
    assert run.info.start_time <= points.timestamps[0] <= run.info.end_time
    assert math.isnan(run.data.metrics["odd"])
    assert store.experiments.get(run.info.experiment_id).name == "flowers"


def test_again_and_grown(written: Path, store: Store, tmp_path: Path) -> None:
    path = tmp_path / "flowers.db"
    with sqlite3.connect(written / "flowers.db") as source, sqlite3.connect(path) as copy:
        source.backup(copy)
    take(store, path)
    head = store.events.head()
    assert take(store, tmp_path).taken.total() == 0
    assert store.events.head() == head
    with sqlite3.connect(path) as connection:
        connection.execute(
            "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) "
            "SELECT run_id, timestamp, run_name, 99, '{\"loss\": 0.5}' FROM metrics LIMIT 1"
        )
        connection.execute(
            "INSERT INTO metrics (run_id, timestamp, run_name, step, metrics) "
            "SELECT run_id, timestamp, run_name, 100, '{\"loss\": 0.' FROM metrics LIMIT 1"
        )
    report = take(store, path)
    assert report.taken.points == 1
    assert [one.file for one in report.damage] == [str(path)]


def test_what_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="no database of Trackio"):
        Databases(tmp_path)
