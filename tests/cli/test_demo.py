"""`eventtrack demo`: a real training whose numbers come from the store."""

import json
import math
from pathlib import Path

from eventtrack.cli import training
from eventtrack.cli.commands.demo import EPOCHS, HIDDEN_UNITS, LEARNING_RATES, SEED, VIEW
from eventtrack.store import open_store
from tests.cli.harness import CommandLine, Subprocess


def test_the_demo_records_what_it_trained(process: Subprocess, tmp_path: Path) -> None:
    answer = process("demo", "--json")
    assert answer.exit_code == 0, answer
    told = answer.json
    assert told["store"] == str(tmp_path / ".eventtrack")
    store = open_store(tmp_path / ".eventtrack")
    children = store.runs.children(told["run_id"])
    assert len(children) == len(LEARNING_RATES) * len(HIDDEN_UNITS)
    assert {run.info.status for run in children} == {"FINISHED"}
    data = training.split(training.load_iris(), seed=SEED)
    for run in children:
        network = training.Network(int(run.data.params["hidden_units"]), seed=SEED)
        rate = float(run.data.params["learning_rate"])
        again = list(network.epochs(data, epochs=EPOCHS, learning_rate=rate))
        recorded = store.metrics.arrays(run.info.run_id, "val_loss")
        assert list(recorded.values) == [epoch.validation_loss for epoch in again]
        assert list(recorded.steps) == list(range(1, EPOCHS + 1))
    least = min(children, key=lambda run: run.data.metrics["val_loss"])
    assert told["best_run_id"] == least.info.run_id
    assert store.experiments.views(told["experiment_id"]) == {"default": VIEW}
    charts = json.loads(VIEW["charts"])["set"]
    assert set(charts["best_val_loss"]["keys"]) <= set(least.data.metrics)
    with store.artifacts.open(told["run_id"], "model/confusion.txt") as file:
        assert sum(int(word) for word in file.read().split() if word.isdigit()) == 60
    store.close()


def test_the_demo_shows_the_record_and_what_to_try_next(
    process: Subprocess, tmp_path: Path
) -> None:
    answer = process("demo", "--store", str(tmp_path / "elsewhere"))
    assert answer.exit_code == 0, answer
    assert "7 runs, 721 metric points" in answer.stdout
    assert "┤" in answer.stdout
    suggested = [line for line in answer.stdout.splitlines() if line.startswith("  eventtrack ")]
    assert len(suggested) == 9
    assert all(f"--store {tmp_path / 'elsewhere'}" in line for line in suggested)
    run = CommandLine(tmp_path / "elsewhere")
    best = run("runs", "search", "", "-o", "metrics.val_loss ASC", "-n", "1", "--json").json
    assert math.isclose(
        run("runs", "show", "sweep", "--json").json["data"]["metrics"]["best_val_loss"],
        best[0]["data"]["metrics"]["val_loss"],
    )
