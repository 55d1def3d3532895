"""Programs that log to other trackers, mirrored as `eventtrack run --mirror` does it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import eventtrack
from eventtrack.startup import environment
from eventtrack.views.items import HistogramItem, TextItem
from tests.integrations.records import all_runs, files, history

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run_id(store: Path) -> str:
    """The run of the command."""
    with eventtrack.start_run() as run:
        return run.info.run_id


def run(text: str, run_id: str, store: Path, *mirrored: str) -> str:
    """Run a program with mirrors; returns what it prints."""
    inherited = {"PATH": os.environ["PATH"], "HOME": str(store.parent), "PYTHONPATH": str(ROOT)}
    variables = {
        "EVENTTRACK_URI": str(store),
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        **environment(inherited, run_id, mirrored, []),
    }
    return subprocess.check_output(
        [sys.executable, "-c", text], env=inherited | variables, cwd=store.parent, text=True
    )


@pytest.mark.parametrize("package", ["torch.utils.tensorboard", "tensorboardX"])
def test_writers_of_tensorboard_are_mirrored(package: str, run_id: str, store: Path) -> None:
    text = f"""
import numpy as np
from {package} import SummaryWriter
with SummaryWriter("logs") as writer:
    for step in range(3):
        writer.add_scalar("loss", 1 / (step + 1), step)
    writer.add_scalars("acc", {{"train": 0.5, "test": 0.25}}, 1)
    writer.add_text("note", "hello", 2)
    writer.add_histogram("weights", np.arange(9.0), 3)
    writer.add_image("cat", np.zeros((3, 4, 4), dtype="uint8"), 4)
    writer.add_images("cats", np.zeros((2, 3, 4, 4), dtype="uint8"), 4)
    writer.add_histogram_raw("raw", 0.0, 2.0, 3, 3.0, 5.0, [1.0, 2.0], [1, 2], 5)
    corners = np.zeros((1, 3, 3), dtype="float32")
    writer.add_mesh("shape", corners, faces=np.array([[[0, 1, 2]]]), global_step=6)
    writer.add_embedding(np.eye(2), metadata=["a", "b"], global_step=7)
    from matplotlib.figure import Figure
    figure = Figure()
    figure.subplots().plot([1, 2])
    writer.add_figure("plot", figure, 8)
"""
    run(text, run_id, store, "tensorboard")
    client = eventtrack.MlflowClient()
    assert history(run_id, "loss") == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert history(run_id, "acc/train") == [(1, 0.5)]
    [note] = client.get_series(run_id, "note")
    assert isinstance(note, TextItem)
    assert (note.text, note.step) == ("hello", 2)
    [weights] = client.get_series(run_id, "weights")
    assert isinstance(weights, HistogramItem)
    assert (sum(weights.counts), weights.step) == (9.0, 3)
    kept = files(run_id)
    assert any("cat+step+4" in path for path in kept)
    assert any("cats~1+step+4" in path for path in kept)
    [raw] = client.get_series(run_id, "raw")
    assert isinstance(raw, HistogramItem)
    assert (list(raw.edges), list(raw.counts)) == ([0.0, 1.0, 2.0], [1.0, 2.0])
    for key, media_type in (("shape", "model/obj"), ("plot", "image/png")):
        [item] = client.get_series(run_id, key)
        assert item.media_type == media_type
    for name in ("tensors", "metadata"):
        assert f"embeddings/default-7/{name}.tsv" in kept
    # The program's own files are there as before.
    assert list((store.parent / "logs").glob("**/events.out.tfevents.*"))


def test_runs_of_wandb_are_mirrored(run_id: str, store: Path) -> None:
    text = """
import numpy as np
import wandb
with wandb.init(project="p", config={"lr": 0.5}) as run:
    wandb.log({"loss": 1.0, "eval": {"acc": 0.5}})
    wandb.log({"loss": 0.5})
    run.log({"late": 2.0}, step=7)
    wandb.config.update({"width": 3})
    page = wandb.Html("<p>hello</p>")
    pixels = np.zeros((4, 4, 3), dtype="uint8")
    weights = wandb.Histogram([1.0, 2.0, 3.0])
    run.log({"weights": weights, "cat": wandb.Image(pixels), "said": "x", "page": page}, step=8)
    table = wandb.Table(columns=["a", "b"], data=[[1, wandb.Image(pixels)]])
    run.log({"cats": [wandb.Image(pixels)] * 2, "rows": table}, step=9)
"""
    run(text, run_id, store, "wandb")
    assert history(run_id, "loss") == [(0, 1.0), (1, 0.5)]
    assert history(run_id, "eval.acc") == [(0, 0.5)]
    assert history(run_id, "late") == [(7, 2.0)]
    kept = eventtrack.get_run(run_id)
    assert kept.data.params == {"lr": "0.5", "width": "3"}
    client = eventtrack.MlflowClient()
    [weights] = client.get_series(run_id, "weights")
    assert isinstance(weights, HistogramItem)
    assert (sum(weights.counts), weights.step) == (3.0, 8)
    [said] = client.get_series(run_id, "said")
    assert isinstance(said, TextItem)
    assert said.text == "x"
    [page] = client.get_series(run_id, "page")
    assert page.step == 8
    assert any("cat+step+8" in path for path in files(run_id))
    assert any("cats~1+step+9" in path for path in files(run_id))
    path = client.download_artifacts(run_id, "tables/rows-9.json", str(store.parent))
    rows = json.loads(Path(path).read_text("utf-8"))
    assert rows == {"columns": ["a", "b"], "data": [[1, "<Image>"]]}
    assert kept.data.tags["wandb.project"] == "p"
    assert list((store.parent / "wandb").glob("offline-run-*"))


def test_runs_of_mlflow_are_mirrored_the_nested_ones_below(run_id: str, store: Path) -> None:
    text = """
import json
import mlflow
mlflow.set_tracking_uri("sqlite:///theirs.db")
with mlflow.start_run() as run:
    mlflow.log_params({"lr": 0.5, "width": 3})
    mlflow.log_param("seed", 1)
    for step in range(2):
        mlflow.log_metric("loss", 1 / (step + 1), step=step)
    mlflow.log_metrics({"acc": 0.5}, step=4)
    mlflow.set_tag("team", "blue")
    mlflow.log_text("hello", "notes/a.txt")
    with mlflow.start_run(nested=True):
        mlflow.log_metric("inner", 1.0)
kept = mlflow.get_run(run.info.run_id).data
print(json.dumps([kept.params, kept.metrics]))
"""
    printed = run(text, run_id, store, "mlflow")
    theirs, their_metrics = json.loads(printed.splitlines()[-1])
    kept = eventtrack.get_run(run_id)
    assert kept.data.params == theirs == {"lr": "0.5", "width": "3", "seed": "1"}
    assert kept.data.metrics == their_metrics
    assert history(run_id, "loss") == [(0, 1.0), (1, 0.5)]
    assert history(run_id, "acc") == [(4, 0.5)]
    assert kept.data.tags["team"] == "blue"
    assert "notes/a.txt" in files(run_id)
    [child] = [each for each in all_runs() if each.info.run_id != run_id]
    assert child.data.metrics == {"inner": 1.0}
    assert child.data.tags["mlflow.parentRunId"] == run_id
    assert child.info.status == "FINISHED"
