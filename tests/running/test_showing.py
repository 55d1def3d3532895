"""A recorded run where people look at it: shown, and compared with another."""

import subprocess
import sys

import pytest

from eventtrack.running import origin
from eventtrack.running.differing import flat_origin
from eventtrack.running.origin import Code, Command, Computer, Origin, Python
from eventtrack.store import Store
from eventtrack.views.items import TextItem
from eventtrack.web.origins import origin as answer
from tests.cli.harness import CommandLine
from tests.running.conftest import Runner


def record(store: Store, *, lr: str, commit: str, requirements: bytes) -> str:
    """A run with an origin."""
    run_id = store.runs.create("0").info.run_id
    trace = Origin(
        command=Command(["python", "train.py", "--lr", lr], "/home/ada"),
        computer=Computer("tower", "ada", "Linux", gpus=["H100"], scheduler={"SLURM_JOB_ID": "7"}),
        code=Code(commit=commit, root="/home/ada/lab", branch="work", changed=["train.py"]),
        python=Python(version="3.12.1", executable="/bin/python", implementation="CPython"),
    )
    store.artifacts.log_bytes(run_id, origin.encode(trace), origin.FILE)
    store.artifacts.log_bytes(run_id, requirements, origin.REQUIREMENTS_FILE)
    return run_id


def test_compare_shows_code_packages_and_command(runner: Runner) -> None:
    first = record(runner.store, lr="1", commit="a" * 40, requirements=b"numpy==1.0\nold==2\n")
    second = record(runner.store, lr="2", commit="b" * 40, requirements=b"numpy==2.0\n# own==1\n")
    plain = runner.store.runs.create("0").info.run_id
    command = CommandLine(runner.place)
    rows = {
        (row["kind"], row["key"]): row["values"]
        for row in command("--json", "runs", "compare", first, second, plain).json["rows"]
        if row["differs"]
    }
    assert rows["package", "numpy"] == ["1.0", "2.0", None]
    assert rows["package", "old"] == ["2", None, None]
    assert rows["command", "arguments"][:2] == [
        "python train.py --lr 1",
        "python train.py --lr 2",
    ]
    assert rows["code", "commit"] == ["a" * 40, "b" * 40, None]
    shown = command("runs", "compare", first, second).stdout
    assert "numpy" in shown
    assert "tower" not in shown  # the machine was the same


def test_a_forged_or_missing_origin_is_none(runner: Runner) -> None:
    run_id = runner.store.runs.create("0").info.run_id
    assert flat_origin(runner.store, run_id) == {}
    runner.store.artifacts.log_bytes(run_id, b'{"command": 1}', origin.FILE)
    assert flat_origin(runner.store, run_id) == {}
    assert answer(runner.store, run_id) == {"groups": {}, "last_lines": []}


@pytest.mark.parametrize(
    ("program", "shown"),
    [
        ("print('one'); print('two')", ["last lines of output", "one", "two"]),
        ("raise ValueError('too large')", ["traceback", "ValueError: too large", "exit code 1"]),
    ],
)
def test_show_has_the_end_and_the_last_output(
    runner: Runner, program: str, shown: list[str]
) -> None:
    runner.python(program=program, code=int("raise" in program))
    page = CommandLine(runner.place)("runs", "show", runner.last().info.run_id).stdout
    for words in shown:
        assert words in page
    assert "eventtrack.exit_code" not in page


def test_output_is_a_series_of_text_with_its_streams(runner: Runner) -> None:
    program = (
        "import sys; print('out'); print('err', file=sys.stderr); "
        "[print(f'\\r{n}%', end='') for n in range(1001)]; print()"
    )
    runner.python(program=program)
    run_id = runner.last().info.run_id
    items = runner.store.items.read(run_id, "console", "text")
    assert sorted((item.source, item.text) for item in items if isinstance(item, TextItem)) == [
        ("stderr", "err"),
        ("stdout", "1000%"),
        ("stdout", "out"),
    ]
    assert "1000%" in answer(runner.store, run_id)["last_lines"]


def test_output_is_recorded_while_the_program_runs(runner: Runner) -> None:
    """The program waits until it reads its own line in the store."""
    program = """
import os, sys, time
print("live", flush=True)
from eventtrack.store import open_store
store = open_store()
for _ in range(2000):
    items = [series.key for series in store.items.list(os.environ["EVENTTRACK_RUN_ID"])]
    if items == ["console"]:
        sys.exit(7)
    time.sleep(0.01)
"""
    runner.python(program=program, code=7)


def test_a_pipe_that_is_closed_early_ends_the_program(runner: Runner) -> None:
    program = "import sys\nwhile True: print('x' * 1000)"
    words = runner.words("--no-sampling", "--no-files", "--", sys.executable, "-c", program)
    with subprocess.Popen(
        words,
        cwd=runner.folder,
        env=runner.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as process:
        assert process.stdout is not None
        process.stdout.read(10_000)
        process.stdout.close()
        assert process.wait(timeout=60) != 0
    assert runner.last().info.status in ("FAILED", "KILLED")
