"""A store with a little of everything, and three ways to call the command line on it."""

import gc
import json
import os
import select
import sys
import tracemalloc
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from eventtrack.cli import cli
from eventtrack.store import Store
from eventtrack.views.records import Metric, RunStatus

START_MS = 1_790_000_000_000


@dataclass
class Answer:
    """What one call of the command line said."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON document."""
        return json.loads(self.stdout)

    @property
    def json_lines(self) -> list[Any]:
        """Standard output as JSON lines."""
        return [json.loads(line) for line in self.stdout.splitlines()]


class CommandLine:
    """The command line on one store, called in this process."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __call__(self, *words: str, code: int = 0, stdin: str | None = None) -> Answer:
        """Run the command and check its exit code; errors of ours never show as tracebacks."""
        result = CliRunner().invoke(cli, ["--store", str(self.path), *words], input=stdin)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        answer = Answer(result.exit_code, result.stdout, result.stderr)
        assert answer.exit_code == code, answer
        return answer


def peak_bytes(store: Path, *words: str) -> int:
    """The most memory that the objects of a command take; its output goes nowhere."""
    gc.collect()
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        tracemalloc.start()
        try:
            cli.main(["--store", str(store), *words], standalone_mode=False)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


@dataclass
class Sample:
    """A store and what was put into it."""

    store: Store
    experiment_id: str
    parent: str
    first: str
    second: str
    deleted: str


def fill(store: Store) -> Sample:
    """An experiment with a parent, two children and a deleted run, and an empty experiment."""
    identifier = store.experiments.create("flowers", tags={"owner": "ada"})
    store.experiments.create("empty")
    parent = store.runs.create(
        identifier, run_name="sweep", user_id="ada", start_time=START_MS
    ).info.run_id
    children = []
    for number, rate in enumerate(("0.1", "0.01")):
        tags = {"mlflow.parentRunId": parent, "stage": f"s{number}"}
        run_id = store.runs.create(
            identifier,
            run_name=f"child-{number}",
            user_id="ada",
            tags=tags,
            start_time=START_MS + 1000 * (number + 1),
        ).info.run_id
        store.runs.log_params(run_id, {"lr": rate, "hidden": "8"})
        points = [
            Metric(
                key="loss",
                value=1 / (1 + step + number),
                timestamp=START_MS + 100 * step,
                step=step,
            )
            for step in range(20)
        ]
        store.runs.log_batch(run_id, metrics=points)
        store.runs.update(run_id, status=RunStatus.FINISHED, end_time=START_MS + 61_000)
        children.append(run_id)
    store.artifacts.log_bytes(children[0], b"weights\n", "model/weights.txt")
    store.artifacts.log_bytes(children[0], b"\x00\x01", "raw.bin")
    deleted = store.runs.create(identifier, run_name="mistake", start_time=START_MS).info.run_id
    store.runs.delete(deleted)
    store.flush()
    return Sample(store, identifier, parent, children[0], children[1], deleted)


def environment(**changes: str) -> dict[str, str]:
    """This process's environment without settings that the tests are about."""
    ours = ("EVENTTRACK_", "MLFLOW_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "TERM": "xterm-256color", "TZ": "UTC", **changes}


def command(*words: str) -> list[str]:
    """The command line as a command of its own process."""
    return [sys.executable, "-m", "eventtrack", *words]


Subprocess = Callable[..., Answer]
Terminal = Callable[..., str]


def read_all(descriptor: int) -> bytes:
    """All that comes out of a terminal until its last writer has gone."""
    seen = b""
    while select.select([descriptor], [], [], 60)[0]:
        try:
            part = os.read(descriptor, 65536)
        except OSError:  # how Linux says that the last writer has gone
            break
        if not part:
            break
        seen += part
    return seen
