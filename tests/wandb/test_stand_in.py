"""Programs written for W&B's package, with the stand-in in its place."""

import json
from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

import eventtrack
from eventtrack import wandb
from eventtrack.errors import InvalidStateError, NotFoundError, UsageError
from eventtrack.views.items import TextItem
from eventtrack.views.records import Run


@pytest.fixture(autouse=True)
def store(tmp_path: Path) -> Iterator[Path]:
    """A new store, and no open run afterwards."""
    eventtrack.set_tracking_uri(tmp_path / "store")
    yield tmp_path / "store"
    wandb.finish()


def recorded(run: wandb.Run) -> Run:
    """The run in the store."""
    assert run.run_id is not None
    return eventtrack.get_run(run.run_id)


def history(run: wandb.Run, key: str) -> list[tuple[int, float]]:
    """Step and value of each point of a metric."""
    assert run.run_id is not None
    points = eventtrack.MlflowClient().get_metric_history(run.run_id, key)
    return [(point.step, point.value) for point in points]


def test_a_training_is_recorded_with_config_steps_and_end() -> None:
    run = wandb.init(
        project="digits",
        name="small",
        config={"lr": 0.1, "model": {"width": 3}},
        tags=["draft"],
        notes="first",
        group="g",
        job_type="train",
    )
    for epoch in range(3):
        wandb.log({"loss": 1 / (epoch + 1), "eval": {"acc": epoch / 4}})
    assert wandb.run.run_id == run.run_id
    wandb.config.batch = 8
    wandb.finish()
    assert not wandb.run
    kept = recorded(run)
    assert eventtrack.get_experiment(kept.info.experiment_id).name == "digits"
    assert (kept.info.run_name, kept.info.status) == ("small", "FINISHED")
    assert kept.data.params == {"lr": "0.1", "model/width": "3", "batch": "8"}
    assert history(run, "loss") == [(0, 1.0), (1, 0.5), (2, 1 / 3)]
    assert [step for step, _ in history(run, "eval.acc")] == [0, 1, 2]
    assert kept.data.tags["wandb.tag.draft"] == "true"
    assert kept.data.tags["wandb.group"] == "g"
    assert kept.data.tags["wandb.job_type"] == "train"
    assert kept.data.tags["mlflow.note.content"] == "first"


def test_steps_are_given_kept_open_or_counted() -> None:
    run = wandb.init()
    run.log({"a": 1}, step=5)
    run.log({"b": 1}, commit=False)
    run.log({"c": 1})
    run.log({"d": 1})
    assert [history(run, key) for key in "abcd"] == [[(5, 1)], [(5, 1)], [(5, 1)], [(6, 1)]]


def test_a_block_that_fails_fails_its_run() -> None:
    with pytest.raises(ValueError, match="lost"), wandb.init() as run:
        raise ValueError("lost")
    assert recorded(run).info.status == "FAILED"
    run = wandb.init()
    wandb.finish(exit_code=1)
    assert recorded(run).info.status == "FAILED"


def test_config_and_summary_are_dictionaries_with_attributes(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("lr: {value: 0.5, desc: rate}\nwidth: 3\n", "utf-8")
    run = wandb.init(config=str(tmp_path / "config.yaml"))
    run.config.update(Namespace(depth=2), allow_val_change=True)
    run.config.setdefaults({"depth": 9, "seed": 1})
    assert run.config["lr"] == run.config.lr == 0.5
    assert "width" in run.config
    assert dict(run.config) == {"lr": 0.5, "width": 3, "depth": 2, "seed": 1}
    run.log({"loss": 0.25})
    assert run.summary["loss"] == 0.25
    run.summary["best"] = 0.75
    run.summary.update({"note": "good"})
    kept = recorded(run)
    assert kept.data.metrics == {"loss": 0.25, "best": 0.75}
    assert kept.data.tags["wandb.summary.note"] == "good"
    assert kept.data.params["depth"] == "2"
    with pytest.raises(AttributeError, match="nothing"):
        _ = run.config.nothing


def test_a_run_is_resumed_by_the_id_that_it_was_given() -> None:
    first = wandb.init(id="run-1", project="p")
    first.log({"loss": 1.0})
    first.finish()
    again = wandb.init(id="run-1", project="p", resume="allow")
    again.log({"loss": 0.5}, step=1)
    assert again.run_id == first.run_id
    assert again.id == "run-1"
    assert history(again, "loss") == [(0, 1.0), (1, 0.5)]
    with pytest.raises(NotFoundError):
        wandb.init(id="run-2", project="p", resume="must")
    with pytest.raises(InvalidStateError):
        wandb.init(id="run-1", project="p", resume="never")


def test_nothing_is_recorded_where_it_is_disabled() -> None:
    run = wandb.init(mode="disabled", config={"a": 1})
    wandb.log({"loss": 1.0, "image": "text"})
    assert run.config["a"] == 1
    wandb.finish()
    run = wandb.init(settings=wandb.Settings(mode="disabled"))
    run.finish()
    assert eventtrack.search_runs(output_format="list", search_all_experiments=True) == []


def test_media_are_series_of_the_run(tmp_path: Path) -> None:
    pixels = np.zeros((4, 4, 3), dtype="uint8")
    PIL.Image.fromarray(pixels).save(tmp_path / "cat.png")
    (tmp_path / "clip.mp4").write_bytes(b"frames")
    table = wandb.Table(columns=["word", "count"], data=[["a", 1]])
    table.add_data("b", 2)
    run = wandb.init()
    run.log(
        {
            "image": wandb.Image(pixels, caption="black"),
            "file": wandb.Image(str(tmp_path / "cat.png")),
            "several": [wandb.Image(pixels), wandb.Image(pixels)],
            "weights": wandb.Histogram([1.0, 2.0, 3.0]),
            "counted": wandb.Histogram(np_histogram=([1, 2], [0.0, 0.5, 1.0])),
            "sound": wandb.Audio(np.zeros(8), sample_rate=8),
            "clip": wandb.Video(str(tmp_path / "clip.mp4")),
            "page": wandb.Html("<p>hello</p>"),
            "words": table,
            "said": "a text",
        },
        step=3,
    )
    assert run.run_id is not None
    client = eventtrack.MlflowClient()
    kinds = {key: client.get_series(run.run_id, key)[0] for key in ("weights", "sound", "clip")}
    assert {key: item.step for key, item in kinds.items()} == dict.fromkeys(kinds, 3)
    [page] = client.get_series(run.run_id, "page")
    assert page.step == 3
    [said] = client.get_series(run.run_id, "said")
    assert isinstance(said, TextItem)
    assert said.text == "a text"
    images = [info.path for info in client.list_artifacts(run.run_id, "images")]
    names = {path.split("/")[1].split("+")[0] for path in images}
    assert names == {"image", "file", "several~0", "several~1"}
    kept = eventtrack.artifacts.load_text(f"runs:/{run.run_id}/tables/words-3.json")
    assert json.loads(kept) == {"columns": ["word", "count"], "data": [["a", 1], ["b", 2]]}


def test_files_and_artifacts_are_kept(tmp_path: Path) -> None:
    (tmp_path / "weights.bin").write_bytes(b"1")
    run = wandb.init()
    run.save(str(tmp_path / "*.bin"), base_path=str(tmp_path))
    artifact = wandb.Artifact("model", type="model")
    artifact.add_file(str(tmp_path / "weights.bin"))
    run.log_artifact(artifact).wait()
    assert run.run_id is not None
    client = eventtrack.MlflowClient()
    assert [info.path for info in client.list_artifacts(run.run_id)] == ["artifacts", "weights.bin"]
    [kept] = client.list_artifacts(run.run_id, "artifacts/model")
    assert kept.path == "artifacts/model/weights.bin"


def test_calls_that_mean_nothing_here_are_accepted() -> None:
    assert wandb.login(key="secret")
    run = wandb.init(dir=".", mode="offline", reinit=True, sync_tensorboard=True)
    wandb.watch(object(), log="all")
    run.define_metric("loss", step_metric="epoch")
    wandb.alert("slow", "very")
    assert recorded(run).data.tags["wandb.step_metric.loss"] == "epoch"


def test_calls_without_a_run_and_names_that_are_missing_say_so() -> None:
    with pytest.raises(RuntimeError, match=r"wandb\.init"):
        wandb.log({"a": 1})
    with pytest.raises(AttributeError, match=r"no 'sweep'.*docs/integrations\.md"):
        _ = wandb.sweep
    with pytest.raises(UsageError, match="frames"):
        wandb.Video(np.zeros((2, 3, 4, 4)))


def test_a_second_init_ends_the_first_run_unless_it_is_to_return_it() -> None:
    first = wandb.init()
    assert wandb.init(reinit="return_previous") is first
    second = wandb.init()
    assert second.run_id != first.run_id
    assert recorded(first).info.status == "FINISHED"


def test_the_names_that_it_has_are_names_of_the_package() -> None:
    real: Any = pytest.importorskip("wandb")
    ours = set(wandb.__all__) - {"Config", "Summary", "Run"}
    assert {name for name in ours if not hasattr(real, name)} <= {"ensure_configured", "Plotly"}
