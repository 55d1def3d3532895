"""`eventtrack run` as a process, on a store of the test's own."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventtrack.store import Store, open_store
from eventtrack.views.records import Run
from tests.cli.harness import Answer, command, environment

ROOT = Path(__file__).parents[2]


class Runner:
    """Starts `eventtrack run` in a folder; the store is beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir()
        self.place = folder / "store"
        self.address: str | None = str(self.place)  # None leaves it to the environment

    @property
    def store(self) -> Store:
        """The store, as another process sees it."""
        return open_store(self.place)

    def words(self, *words: str) -> list[str]:
        """The command line of `eventtrack run`."""
        place = [] if self.address is None else ["--store", self.address]
        return command(*place, "run", *words)

    def environment(self, **changes: str) -> dict[str, str]:
        """The environment of `eventtrack run`, where eventtrack is on the path."""
        return environment(PYTHONPATH=str(ROOT), **changes)

    def __call__(self, *words: str, code: int = 0, **changes: str) -> Answer:
        """Run to the end, with output in pipes; checks the exit code."""
        ended = subprocess.run(
            self.words(*words),
            cwd=self.folder,
            env=self.environment(**changes),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        answer = Answer(ended.returncode, ended.stdout, ended.stderr)
        assert answer.exit_code == code, answer
        return answer

    def python(self, *words: str, program: str, code: int = 0, **changes: str) -> Answer:
        """Run a program of Python within a run, quickly: nothing else is recorded."""
        quick = ("--no-sampling", "--no-files")
        return self(*quick, *words, "--", sys.executable, "-c", program, code=code, **changes)

    def last(self) -> Run:
        """The newest run of the store."""
        experiments = [record.experiment_id for record in self.store.experiments.search()]
        return self.store.runs.search(experiments)[0]


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    """A folder to run commands in."""
    runner = Runner(tmp_path)
    yield runner
    if runner.place.exists():
        runner.store.close()
