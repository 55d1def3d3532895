"""Programs in an environment as `eventtrack run` makes it, as processes of their own."""

import os
import subprocess
import sys
from pathlib import Path

import eventtrack
from eventtrack.startup import environment
from tests.tidy.tree import ROOT


def python(text: str, variables: dict[str, str], folder: Path) -> str:
    """What a program prints that runs with these variables."""
    inherited = {"PATH": os.environ["PATH"], "HOME": str(folder), **variables}
    return subprocess.check_output(
        [sys.executable, "-W", "error", "-c", text], env=inherited, cwd=folder, text=True
    )


def test_a_program_with_a_fixed_name_gets_the_stand_in(tmp_path: Path) -> None:
    eventtrack.set_tracking_uri(tmp_path / "store")
    with eventtrack.start_run() as run:
        run_id = run.info.run_id
    variables = environment({}, run_id, [], ["wandb"])
    variables |= {"EVENTTRACK_URI": str(tmp_path / "store"), "MLFLOW_RUN_ID": run_id}
    text = (
        "import wandb, eventtrack.wandb; assert wandb is eventtrack.wandb\n"
        "from wandb import Table\n"
        "wandb.init(config={'lr': 0.5}); wandb.log({'loss': 0.25}); print(wandb.run.run_id)\n"
    )
    assert python(text, variables, tmp_path).strip() == run_id
    kept = eventtrack.get_run(run_id)
    assert (kept.data.params, kept.data.metrics) == ({"lr": "0.5"}, {"loss": 0.25})


def test_other_programs_notice_nothing(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "sitecustomize.py").write_text("kept = 1\n", "utf-8")
    inherited = {"PYTHONPATH": str(tmp_path / "theirs")}
    variables = environment(inherited, "0" * 32, ["wandb", "mlflow", "tensorboard"], [])
    text = (
        "import sys, sitecustomize; assert sitecustomize.kept == 1\n"
        "assert not [name for name in sys.modules if name.startswith('eventtrack')]\n"
        "assert not [folder for folder in sys.path if folder.endswith('startup')]\n"
    )
    python(text, variables, tmp_path)


def test_nothing_is_set_where_nothing_was_asked_for() -> None:
    assert environment({"PYTHONPATH": "x"}, "0" * 32, [], []) == {}


def test_an_error_of_ours_is_a_warning_and_no_error(tmp_path: Path) -> None:
    package = tmp_path / "tensorboardX"
    package.mkdir()
    (package / "__init__.py").write_text("from tensorboardX.writer import SummaryWriter\n", "utf-8")
    (package / "writer.py").write_text(
        "class SummaryWriter:\n"
        "    def add_scalar(self, tag, value, step): return 7\n"
        "    add_scalars = add_text = add_histogram = add_image = add_hparams = add_scalar\n",
        "utf-8",
    )
    variables = environment({"PYTHONPATH": str(ROOT)}, "0" * 32, ["tensorboard"], [])
    variables["EVENTTRACK_URI"] = str(tmp_path / "store")
    text = (
        "import warnings; warnings.simplefilter('always')\n"
        "import tensorboardX\n"
        "with warnings.catch_warnings(record=True) as said:\n"
        "    answers = [tensorboardX.SummaryWriter().add_scalar('a', 1, 2) for _ in range(3)]\n"
        "print(answers, len(said), said[0].message)\n"
    )
    printed = python(text, variables, tmp_path)
    assert printed.startswith("[7, 7, 7] 1 eventtrack does not mirror add_scalar: ")
