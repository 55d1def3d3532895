"""What README shows is what happens: its code runs, its commands exist and work."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """The code blocks of one language."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with arguments in a folder, as a newcomer's shell would."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which README's first Python block has run."""
    folder = tmp_path_factory.mktemp("readme")
    done = run(["-c", blocks("python")[0]], folder)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("lr=0.1 "), done.stdout
    return folder


def test_the_second_block_of_python_finds_what_the_first_logged(digits: Path) -> None:
    search = blocks("python")[1].replace("mlflow.search_runs(", "found = mlflow.search_runs(")
    search = search.replace(")\n", ", output_format='list')\n").replace("OR tags.kept", "OR tags.x")
    lines = (
        "import eventtrack as mlflow",
        "mlflow.set_tracking_uri('./runs')",
        "mlflow.set_experiment('digits')",
        search,
        "print([run.data.params['lr'] for run in found])",
    )
    done = run(["-c", "\n".join(lines)], digits)
    assert (done.returncode, done.stdout) == (0, "['0.1']\n"), done.stderr


def commands() -> list[str]:
    """The lines of README's block of shell commands."""
    (block,) = [block for block in blocks("sh") if "eventtrack runs" in block]
    return [line.partition("  #")[0].strip() for line in block.splitlines()]


@pytest.mark.parametrize("line", commands())
def test_every_command_shown_works_on_that_store(line: str, digits: Path) -> None:
    module = ["-m", "eventtrack", "--store", "runs"]
    found = run([*module, "runs", "search", "metrics.loss < 2", "-e", "digits", "--json"], digits)
    run_id, other_id = re.findall(r'"run_id": ?"([0-9a-f]{32})"', found.stdout)[:2]
    # The sample times and addresses are of somebody else's store.
    line = line.replace("RUN", run_id).replace("OTHER", other_id)
    line = line.replace("diff 120", "diff 3").replace("2026-05-03T14:00", "now")
    program, *arguments = shlex.split(line)
    assert program == "eventtrack"
    if "--follow" in arguments:
        arguments = ["log", "--help"]  # it does not end; tests/cli has its test
    if arguments[0] == "undo":
        log = run([*module, "log", "--type", "run.params_logged", "--json"], digits)
        address = re.findall(r'"address": ?"([\d.]+)"', log.stdout)[-1]
        arguments = ["undo", address, "--yes"]
    done = run([*module, *arguments], digits)
    assert done.returncode == 0, (line, done.stdout, done.stderr)
    assert done.stdout or "--output" in arguments


def test_what_it_shows_of_proofs_and_redaction_works(tmp_path: Path) -> None:
    folder = tmp_path
    assert run(["-c", blocks("python")[0]], folder).returncode == 0
    (block,) = [block for block in blocks("sh") if "audit prove" in block]
    module = ["-m", "eventtrack", "--store", "runs"]
    run_id = re.findall(
        r'"run_id": ?"([0-9a-f]{32})"', run([*module, "runs", "list", "--json"], folder).stdout
    )[-1]
    [key] = re.findall(
        r'"(eventtrack/[^"]+)"', run([*module, "audit", "key", "--json"], folder).stdout
    )
    for line in block.splitlines():
        shown = line.partition(" #")[0].replace("RUN", run_id).replace("KEY", key)
        program, *arguments = shlex.split(shown)
        assert program == "eventtrack"
        arguments += ["--yes"] if arguments[0] in {"redact", "gc"} else []
        done = run([*module, *arguments], folder)
        assert done.returncode == 0, (line, done.stdout, done.stderr)
