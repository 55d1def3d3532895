"""Fixtures: the sample store, and the command line in this process, another one, and a terminal."""

import os
import pty
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.store import open_store
from tests.cli.harness import (
    Answer,
    CommandLine,
    Sample,
    Subprocess,
    Terminal,
    command,
    environment,
    fill,
    read_all,
)


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """One sample for all tests that only read."""
    sample = fill(open_store(tmp_path_factory.mktemp("shared") / "store"))
    yield sample
    sample.store.close()


@pytest.fixture
def read(shared: Sample) -> CommandLine:
    """The command line on the shared sample: only for commands that change nothing."""
    return CommandLine(shared.store.path)


@pytest.fixture
def sample(tmp_path: Path) -> Iterator[Sample]:
    """A sample of the test's own, to change."""
    sample = fill(open_store(tmp_path / "store"))
    yield sample
    sample.store.close()


@pytest.fixture
def run(sample: Sample) -> CommandLine:
    """The command line on the test's own sample."""
    return CommandLine(sample.store.path)


@pytest.fixture
def process(shared: Sample, tmp_path: Path) -> Subprocess:
    """The command line in a process of its own, with standard output and error piped."""

    def call(*words: str, cwd: Path = tmp_path, **changes: str) -> Answer:
        ended = subprocess.run(
            command(*words),
            cwd=cwd,
            env=environment(PYTHONPATH=str(Path(__file__).parents[2]), **changes),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Answer(ended.returncode, ended.stdout, ended.stderr)

    return call


@pytest.fixture
def terminal() -> Terminal:
    """The command line with a terminal of some width; gives all that a person would see."""

    def call(*words: str, columns: int = 80, **changes: str) -> str:
        controller, terminal = pty.openpty()
        settings = environment(
            COLUMNS=str(columns), LINES="50", PYTHONPATH=str(Path(__file__).parents[2]), **changes
        )
        with subprocess.Popen(
            command(*words), stdin=terminal, stdout=terminal, stderr=terminal, env=settings
        ) as process:
            os.close(terminal)
            seen = read_all(controller)
            process.wait(timeout=60)
        os.close(controller)
        return seen.decode().replace("\r\n", "\n")

    return call
