"""Lightning's Trainer with our logger, and beside it with MLflow's."""

import hashlib
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import MLFlowLogger

import eventtrack
from eventtrack.integrations.lightning import EventtrackLogger
from tests.integrations.records import files, histories, history, only_run


class Line(LightningModule):
    """A line through points on a line."""

    def __init__(self, lr: float = 0.1, fails_at: int | None = None) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.layer = torch.nn.Linear(1, 1)

    def loss(self, batch: torch.Tensor) -> Any:
        """The mean square of the distances."""
        return ((self.layer(batch) - 2 * batch) ** 2).mean()

    def training_step(self, batch: torch.Tensor, index: int) -> Any:
        """Log and return the loss."""
        if self.hparams["fails_at"] == self.global_step:
            raise RuntimeError("the loss is gone")
        loss = self.loss(batch)
        self.log("loss", loss)
        return loss

    def validation_step(self, batch: torch.Tensor, index: int) -> None:
        """Log a name that has to be changed to be recorded."""
        self.log("val/loss (mean)", self.loss(batch))

    test_step = validation_step

    def configure_optimizers(self) -> Any:
        """Plain descent."""
        return torch.optim.SGD(self.parameters(), lr=self.hparams["lr"])


def points() -> Any:
    """Eight batches of one point."""
    return torch.utils.data.DataLoader(torch.arange(8.0).reshape(8, 1) / 8)


def trainer(tmp_path: Path, logger: Any, **options: Any) -> Trainer:
    """A trainer of two epochs that logs each step and says nothing."""
    quiet = {"enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    options = {"max_epochs": 2, "log_every_n_steps": 1, **quiet, **options}
    return Trainer(logger=logger, default_root_dir=tmp_path, **options)


def test_a_training_is_recorded_as_by_mlflows_logger(tmp_path: Path, mlflow: Any) -> None:
    seed_everything(1)
    ours = EventtrackLogger(run_name="line", experiment_name="lines", tags={"who": "me"})
    trainer(tmp_path, ours).fit(Line(), points(), points())
    seed_everything(1)
    theirs = MLFlowLogger(tracking_uri=mlflow.get_tracking_uri(), experiment_name="lines")
    trainer(tmp_path, theirs).fit(Line(), points(), points())

    run = only_run()
    their_run = theirs.experiment.get_run(theirs.run_id)
    assert run.info.run_name == "line"
    assert eventtrack.get_experiment(run.info.experiment_id).name == "lines"
    assert (run.info.status, their_run.info.status) == ("FINISHED", "FINISHED")
    assert run.data.params == their_run.data.params == {"lr": "0.1", "fails_at": "None"}
    our_points = histories(eventtrack.MlflowClient(), run)
    # Their logger drops letters that are not allowed, ours puts `_` in their place.
    our_points["val/loss mean"] = our_points.pop("val/loss _mean_")
    assert our_points == histories(theirs.experiment, their_run)
    assert len(our_points["loss"]) == 16
    assert run.data.tags["who"] == "me"


def test_checkpoints_are_described_with_their_hashes(tmp_path: Path) -> None:
    logger = EventtrackLogger()
    kept = ModelCheckpoint(monitor="loss", save_top_k=2, save_last=True)
    trainer(tmp_path, logger, callbacks=[kept]).fit(Line(), points())
    assert logger.run_id is not None
    descriptions = [path for path in files(logger.run_id) if path.endswith(".json")]
    assert sorted(descriptions) == [
        "checkpoints/epoch=0-step=8.ckpt.json",
        "checkpoints/epoch=1-step=16.ckpt.json",
        "checkpoints/last.ckpt.json",
    ]
    best = Path(kept.best_model_path)
    assert logger.run_id in str(best)
    described = eventtrack.artifacts.load_dict(
        f"runs:/{logger.run_id}/checkpoints/{best.name}.json"
    )
    digest = hashlib.sha256(best.read_bytes()).hexdigest()
    assert described["path"] == str(best)
    assert described["files"] == [{"path": "", "bytes": best.stat().st_size, "sha256": digest}]
    assert (described["step"], described["monitor"], described["is_best"]) == (16, "loss", True)
    assert described["score"] == pytest.approx(float(kept.best_model_score))


def test_checkpoints_are_copied_or_left_out_on_request(tmp_path: Path) -> None:
    for choice, kept in (("copy", 2), ("none", 0)):
        logger = EventtrackLogger(checkpoints=choice, nested=True)  # type: ignore[arg-type]
        trainer(tmp_path, logger, max_epochs=1).fit(Line(), points())
        assert logger.run_id is not None
        assert len([path for path in files(logger.run_id) if "/" in path]) == kept


def test_a_training_that_fails_ends_its_run_as_failed(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="the loss is gone"):
        trainer(tmp_path, EventtrackLogger()).fit(Line(fails_at=3), points())
    run = only_run()
    assert run.info.status == "FAILED"
    assert len(history(run.info.run_id, "loss")) == 3
    assert eventtrack.active_run() is None


def test_a_run_is_resumed_with_its_checkpoint(tmp_path: Path) -> None:
    first = EventtrackLogger()
    trainer(tmp_path, first, max_epochs=1).fit(Line(), points())
    assert first.run_id is not None
    [checkpoint] = tmp_path.rglob("*.ckpt")
    second = EventtrackLogger(run_id=first.run_id)
    trainer(tmp_path, second).fit(Line(lr=0.2), points(), ckpt_path=checkpoint)
    run = only_run()
    assert [step for step, _ in history(run.info.run_id, "loss")] == list(range(16))
    # A param stays as it was first logged; the warning names the other value.
    assert (run.data.params["lr"], run.info.status) == ("0.1", "FINISHED")


def test_an_active_run_is_joined_and_goes_on(tmp_path: Path) -> None:
    with eventtrack.start_run() as run:
        logger = EventtrackLogger()
        trainer(tmp_path, logger, max_epochs=1).fit(Line(), points())
        assert logger.run_id == run.info.run_id
        assert eventtrack.get_run(run.info.run_id).info.status == "RUNNING"
        trainer(tmp_path, EventtrackLogger(nested=True), max_epochs=1).fit(Line(), points())
    [child] = eventtrack.MlflowClient().search_runs(
        ["0"], f"tags.`mlflow.parentRunId` = '{run.info.run_id}'"
    )
    assert child.info.status == "FINISHED"


def test_a_later_test_still_goes_to_the_run(tmp_path: Path) -> None:
    ours = EventtrackLogger()
    whole = trainer(tmp_path, ours, max_epochs=1)
    whole.fit(Line(), points())
    whole.test(Line(), points(), verbose=False)
    assert len(history(only_run().info.run_id, "val/loss _mean_")) == 1


def test_only_the_first_of_two_processes_writes_unless_told(tmp_path: Path) -> None:
    loggers = [
        EventtrackLogger(experiment_name="first"),
        EventtrackLogger(experiment_name="all", all_ranks=True, nested=True),
    ]
    two = trainer(tmp_path, loggers, max_epochs=1, devices=2, strategy="ddp_spawn")
    two.fit(Line(), points())
    for name, expected in (("first", {"loss"}), ("all", {"loss", "rank-1/loss"})):
        experiment = eventtrack.get_experiment_by_name(name)
        assert experiment is not None
        runs = eventtrack.MlflowClient().search_runs([experiment.experiment_id])
        logged = {key for run in runs for key in run.data.metrics if key.endswith("loss")}
        assert logged == expected


def test_a_logger_may_be_pickled(tmp_path: Path) -> None:
    logger = EventtrackLogger()
    logger.log_metrics({"a": 1.0}, step=1)
    copy = pickle.loads(pickle.dumps(logger))
    copy.log_metrics({"a": 2.0}, step=2)
    assert logger.run_id is not None
    assert history(logger.run_id, "a") == [(1, 1.0), (2, 2.0)]


def test_nested_configurations_become_params_with_paths() -> None:
    logger = EventtrackLogger()
    logger.log_hyperparams({"model": {"width": 3, "blocks": [1, 2]}, "data": {}})
    logger.log_metrics({"text": "no number", "b": torch.tensor(2.5)})  # type: ignore[dict-item]
    run = only_run()
    assert run.data.params == {"model/width": "3", "model/blocks": "[1, 2]", "data": "{}"}
    assert run.data.metrics == {"b": 2.5}
