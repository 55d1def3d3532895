"""The Trainer of transformers with our callback, and beside it with MLflow's."""

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments
from transformers.integrations.integration_utils import MLflowCallback

import eventtrack
from eventtrack.integrations.transformers import EventtrackCallback, register
from tests.integrations.records import all_runs, files, histories, history, only_run

CONFIG = BertConfig(
    vocab_size=8, hidden_size=4, num_hidden_layers=1, num_attention_heads=1, intermediate_size=4
)
ROWS = [{"input_ids": torch.tensor([i % 8, 1, 2]), "labels": i % 2} for i in range(8)]


def trainer(tmp_path: Path, *callbacks: Any, **options: Any) -> Trainer:
    """A trainer of a tiny classifier that logs each of its four steps."""
    torch.manual_seed(1)
    defaults: dict[str, Any] = {
        "num_train_epochs": 2,
        "per_device_train_batch_size": 4,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
    }
    return Trainer(
        model=BertForSequenceClassification(CONFIG),
        args=TrainingArguments(output_dir=str(tmp_path / "out"), **(defaults | options)),
        train_dataset=ROWS,
        eval_dataset=ROWS,
        callbacks=list(callbacks),
    )


def test_a_training_is_recorded_as_by_mlflows_callback(tmp_path: Path, mlflow: Any) -> None:
    trainer(tmp_path, EventtrackCallback(), eval_strategy="epoch", run_name="tiny").train()
    theirs = MLflowCallback()
    trainer(tmp_path, theirs, eval_strategy="epoch", run_name="tiny").train()

    run = only_run()
    their_run = mlflow.last_active_run()
    assert (run.info.run_name, run.info.status) == ("tiny", "FINISHED")
    ours = histories(eventtrack.MlflowClient(), run)
    assert ours == histories(mlflow.MlflowClient(), their_run)
    assert [step for step, _ in ours["loss"]] == [1, 2, 3, 4]
    # Theirs has objects as texts that nobody reads, and drops values of more than 6,000 letters.
    missing = {key for key in their_run.data.params if key not in run.data.params}
    assert {key for key in missing if f"{key}/0" not in run.data.params} <= {"id2label", "label2id"}
    assert run.data.params["hidden_size"] == "4"
    assert run.data.params["learning_rate"] == their_run.data.params["learning_rate"]


def test_the_name_works_in_report_to(tmp_path: Path) -> None:
    register()
    register()
    trainer(tmp_path, report_to="eventtrack").train()
    assert only_run().info.status == "FINISHED"


def test_checkpoints_are_described_and_a_resumed_training_resumes_its_run(tmp_path: Path) -> None:
    options = {"save_strategy": "steps", "save_steps": 2}
    trainer(tmp_path, EventtrackCallback(), **options, max_steps=2).train()
    run = only_run()
    assert files(run.info.run_id) == ["checkpoints", "checkpoints/checkpoint-2.json"]
    uri = f"runs:/{run.info.run_id}/checkpoints/checkpoint-2.json"
    described = eventtrack.artifacts.load_dict(uri)
    assert described["step"] == 2
    assert "model.safetensors" in [file["path"] for file in described["files"]]

    again = trainer(
        tmp_path, EventtrackCallback(), **options, restore_callback_states_from_checkpoint=True
    )
    again.train(resume_from_checkpoint=True)
    run = only_run()
    assert [step for step, _ in history(run.info.run_id, "loss")] == [1, 2, 3, 4]
    assert run.data.params["max_steps"] == "2"


def test_a_later_evaluation_goes_to_the_run(tmp_path: Path) -> None:
    whole = trainer(tmp_path, EventtrackCallback())
    whole.train()
    whole.evaluate()
    assert [step for step, _ in history(only_run().info.run_id, "eval_loss")] == [4]


def test_each_trial_of_a_search_is_a_run_below_the_active_run(tmp_path: Path) -> None:
    whole = trainer(tmp_path, EventtrackCallback(), num_train_epochs=1)
    whole.model_init = lambda trial: BertForSequenceClassification(CONFIG)
    with eventtrack.start_run(run_name="search") as parent:
        whole.hyperparameter_search(
            hp_space=lambda trial: {"learning_rate": trial.suggest_float("learning_rate", 0.1, 1)},
            backend="optuna",
            n_trials=2,
        )
    children = [run for run in all_runs() if run.info.run_id != parent.info.run_id]
    assert len(children) == 2
    for child in children:
        assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        assert child.data.params["trial/learning_rate"] == child.data.params["learning_rate"]
        assert child.info.status == "FINISHED"


def test_other_ranks_write_nothing_unless_told(tmp_path: Path) -> None:
    for told, names in ((False, set()), (True, {"rank-3/loss"})):
        callback = EventtrackCallback(all_ranks=told)
        whole = trainer(tmp_path)
        whole.state.is_world_process_zero = False
        whole.args.__dict__["_process_index"] = 3
        arguments = whole.args
        pytest.MonkeyPatch().setattr(type(arguments), "process_index", property(lambda _: 3))
        callback.on_log(arguments, whole.state, whole.control, logs={"loss": 1.0})
        pytest.MonkeyPatch().undo()
        assert {key for run in all_runs() for key in run.data.metrics} == names
