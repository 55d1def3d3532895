"""Offline runs that wandb itself wrote."""

import os
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from eventtrack.errors import NotFoundError
from eventtrack.store import Store
from eventtrack.transfer import wandb_file
from eventtrack.transfer.importer import import_histories
from eventtrack.transfer.report import Report
from eventtrack.transfer.wandb import RunFolders
from tests.transfer.theirs import runs_of

# wandb starts a service and hooks of its own: in a process of its own.
SCRIPT = """
import wandb
with wandb.init(project="flowers", name="good", config={"lr": 0.1, "net": {"depth": 3}},
                group="sweep", tags=["a"], notes="why", id="good0001") as run:
    for step in range(2000):
        run.log({"loss": 1 / (step + 1), "nested": {"x": step}, "text": "hi"})
    run.log({"late": float("nan"), "histogram": wandb.Histogram([1, 2, 3])}, step=5000)
    run.summary["best"] = 0.25
    with open(run.dir + "/weights.txt", "w") as file:
        file.write("weights")
    run.save(run.dir + "/weights.txt")
run = wandb.init(project="flowers", id="bad00001")
run.log({"loss": 1.0})
run.finish(exit_code=1)
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that wandb made."""
    pytest.importorskip("wandb")
    folder = tmp_path_factory.mktemp("wandb")
    settings = {"WANDB_MODE": "offline", "WANDB_SILENT": "true", "WANDB_DIR": str(folder)}
    settings |= {"HOME": str(folder), "WANDB_X_DISABLE_STATS": "true"}
    subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=folder,
        env=os.environ | settings,
        check=True,
        timeout=120,
        capture_output=True,
    )
    return folder / "wandb"


def take(store: Store, folder: Path) -> Report:
    """Import a folder."""
    return import_histories(store, RunFolders(folder), lambda done, total: None)


def test_config_history_summary_and_files_come_in(written: Path, store: Store) -> None:
    report = take(store, written)
    assert (report.exit_code, report.not_taken) == (0, {})
    runs = {run.info.run_name: run for run in runs_of(store)}
    assert set(runs) == {"good", "bad00001"}
    good = runs["good"]
    assert good.data.params == {"lr": "0.1", "net.depth": "3"}
    assert (good.info.status, runs["bad00001"].info.status) == ("FINISHED", "FAILED")
    points = store.metrics.arrays(good.info.run_id, "loss")
    assert list(points.steps) == list(range(2000))
    assert list(points.values) == [1 / (step + 1) for step in range(2000)]
    assert good.info.start_time <= points.timestamps[0] <= points.timestamps[-1]
    assert points.timestamps[-1] <= good.info.end_time
    assert list(store.metrics.arrays(good.info.run_id, "late").steps) == [5000]
    assert good.data.metrics["best"] == 0.25
    assert good.data.metrics["nested.x"] == 1999.0
    tags = good.data.tags
    assert tags["eventtrack.import.id"] == "good0001"
    assert tags["wandb.summary.text"] == "hi"
    assert (tags["wandb.group"], tags["mlflow.note.content"]) == ("sweep", "why")
    assert store.artifacts.open(good.info.run_id, "weights.txt").read() == b"weights"
    experiment = store.experiments.get(good.info.experiment_id)
    assert experiment.name == "flowers"


def test_again_is_nothing(written: Path, store: Store) -> None:
    take(store, written)
    head = store.events.head()
    assert take(store, written).taken.total() == 0
    assert store.events.head() == head


def test_a_cut_file_gives_what_it_has(written: Path, store: Store, tmp_path: Path) -> None:
    [whole] = written.glob("*/run-good0001.wandb")
    data = whole.read_bytes()
    path = tmp_path / "run" / whole.name
    path.parent.mkdir()
    path.write_bytes(data[: len(data) // 2])
    report = take(store, path.parent)
    [damage] = report.damage
    assert damage.file == str(path)
    assert damage.offset is not None
    assert damage.offset > len(data) // 2 - 500
    [run] = runs_of(store)
    assert run.info.status == "RUNNING"  # how it ended was in what is lost
    half = len(store.metrics.arrays(run.info.run_id, "loss"))
    assert 100 < half < 2000
    path.write_bytes(data)
    grown = take(store, path.parent)
    assert grown.exit_code == 0
    assert store.runs.get(run.info.run_id).info.status == "FINISHED"
    assert len(store.metrics.arrays(run.info.run_id, "loss")) == 2000


def test_a_flipped_bit_costs_one_record(written: Path, store: Store, tmp_path: Path) -> None:
    [whole] = written.glob("*/run-good0001.wandb")
    data = bytearray(whole.read_bytes())
    assert len(data) > 3 * 32768
    data[40_000] ^= 1
    (tmp_path / "run-good0001.wandb").write_bytes(data)
    report = take(store, tmp_path / "run-good0001.wandb")
    assert report.exit_code == 8
    assert 32_768 < (report.damage[0].offset or 0) <= 40_000
    [run] = runs_of(store)
    assert len(store.metrics.arrays(run.info.run_id, "loss")) >= 1999


def test_a_folder_without_runs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no \.wandb file"):
        RunFolders(tmp_path)
    (tmp_path / "x.wandb").write_bytes(b"something else")
    assert RunFolders(tmp_path).report.exit_code == 8


@given(st.lists(st.integers(0, 70_000), max_size=12))
@example([32_768 - 7 - 7 - 7, 10])  # the second begins where only its frame has room
@example([32_768 - 7 - 7 - 6, 10])  # not even that
@example([0, 0])
def test_records_of_any_length_are_read_across_blocks(lengths: list[int]) -> None:
    written = [bytes((number % 251,)) * length for number, length in enumerate(lengths)]
    report = Report("test")
    with tempfile.NamedTemporaryFile() as file:
        file.write(framed(written))
        file.flush()
        assert list(wandb_file.records(Path(file.name), report)) == written
    assert not report.damage


def framed(records: list[bytes]) -> bytes:
    """Records in blocks, as LevelDB's log describes them."""
    data = bytearray(b":W&B\xe1\xbe\x00")
    for whole in records:
        record, begun = whole, False
        while True:
            left = 32_768 - len(data) % 32_768
            if left < 7:
                data += bytes(left)
                continue
            part, record = record[: left - 7], record[left - 7 :]
            kind = ((3 if record else 4) if begun else (2 if record else 1)).to_bytes(1, "little")
            data += struct.pack("<IH", zlib.crc32(kind + part), len(part)) + kind + part
            begun = True
            if not record:
                break
    return bytes(data)
