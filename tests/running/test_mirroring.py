"""`eventtrack run --as` and `--mirror`, with programs that import other trackers."""

from pathlib import Path

from eventtrack.views.items import MediaItem
from tests.running.conftest import ROOT, Runner


def test_a_program_that_imports_wandb_gets_the_stand_in(runner: Runner) -> None:
    program = "import wandb; wandb.init(config={'lr': 0.5}); wandb.log({'loss': 0.25})"
    runner.python("--as", "wandb", program=program)
    run = runner.last()
    assert (run.data.params, run.data.metrics) == ({"lr": "0.5"}, {"loss": 0.25})
    assert run.info.status == "FINISHED"


def test_calls_of_a_writer_are_mirrored_also_in_what_the_command_starts(
    runner: Runner, tmp_path: Path
) -> None:
    package = tmp_path / "packages" / "tensorboardX"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from tensorboardX.writer import SummaryWriter\n", "utf-8")
    calls = ("scalar", "video", "audio")
    methods = [f"    def add_{call}(self, *arguments, **named): return 7\n" for call in calls]
    (package / "writer.py").write_text(f"class SummaryWriter:\n{''.join(methods)}", "utf-8")
    program = (
        f"import sys; sys.path.insert(0, {str(package.parent)!r})\n"
        "import os, tensorboardX\n"
        f"assert os.environ['PYTHONPATH'].split(os.pathsep)[1:] == [{str(ROOT)!r}]\n"
        "import numpy as np; writer = tensorboardX.SummaryWriter()\n"
        "assert writer.add_scalar('loss', 0.5, 3) == 7\n"
        "assert writer.add_video('play', np.zeros((1, 2, 3, 4, 4)), 3, fps=2) == 7\n"
        "assert writer.add_audio('sound', np.zeros((1, 80)), 3, sample_rate=8000) == 7\n"
    )
    starter = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {program!r}])"
    runner.python("--mirror", "wandb,tensorboard", program=starter)
    run = runner.last()
    assert run.data.metrics == {"loss": 0.5}
    for key, media_type in (("play", "image/gif"), ("sound", "audio/wav")):
        [item] = runner.store.items.read(run.info.run_id, key)
        assert isinstance(item, MediaItem)
        assert (item.step, item.media_type) == (3, media_type)


def test_a_name_that_is_not_known_is_refused(runner: Runner) -> None:
    answer = runner("--mirror", "wandb,comet", "--", "true", code=2)
    assert "'comet' is none of mlflow, tensorboard, wandb" in answer.stderr
