"""`eventtrack run -- CMD`: one run, recorded from outside and from inside."""

import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eventtrack.running.frames import FrameReader
from eventtrack.running.recording import Recorder, Request, begin
from eventtrack.running.supervision import RecorderSide
from eventtrack.store import open_store
from eventtrack.views.queries.liveness import judge
from tests.cli.harness import read_all
from tests.running.conftest import Runner

JOIN = """
import sys
import eventtrack
with eventtrack.start_run():
    eventtrack.log_metric("loss", 0.5)
print("to standard output")
print("to standard error", file=sys.stderr)
"""
WAIT = "import time; print('ready', flush=True); time.sleep(60)"


def test_a_program_joins_the_run_that_its_parent_began(runner: Runner) -> None:
    words = ("-e", "digits", "--name", "first", "--param", "lr=0.1", "--tag", "note=a=b")
    answer = runner.python(*words, program=JOIN)
    assert answer.stdout == "to standard output\n"
    assert answer.stderr == "to standard error\n"
    run = runner.last()
    assert runner.store.experiments.get(run.info.experiment_id).name == "digits"
    assert (run.info.run_name, run.info.status) == ("first", "FINISHED")
    assert run.data.params == {"lr": "0.1"}
    assert run.data.metrics == {"loss": 0.5}
    tags = run.data.tags
    assert (tags["note"], tags["eventtrack.end"]) == ("a=b", "exit code 0")
    assert float(tags["eventtrack.wall_seconds"]) > 0


def test_mlflow_s_own_package_joins_it_too(runner: Runner) -> None:
    runner.python(program=JOIN.replace("eventtrack", "mlflow"))
    run = runner.last()
    assert run.data.metrics == {"loss": 0.5}
    assert run.info.status == "FINISHED"


SERVE = """
import os
from mlflow.server import BACKEND_STORE_URI_ENV_VAR, app
# As `mlflow server` tells its workers.
os.environ[BACKEND_STORE_URI_ENV_VAR] = os.environ["MLFLOW_TRACKING_URI"]
answer = app.test_client().post("/api/2.0/mlflow/runs/create", json={"experiment_id": "0"})
print(answer.json["run"]["info"]["run_id"] != os.environ["EVENTTRACK_RUN_ID"])
"""


def test_the_clients_of_a_server_in_the_command_do_not_join_it(runner: Runner) -> None:
    answer = runner.python(program=SERVE, MLFLOW_DISABLE_TELEMETRY="true")
    assert answer.stdout.endswith("True\n")
    assert len(runner.store.runs.search(["0"])) == 2


CHOOSE = """
import PACKAGE
PACKAGE.set_experiment("chosen")
with PACKAGE.start_run(run_name="named", tags={"stage": "draft"}):
    PACKAGE.log_metric("loss", 0.5)
with PACKAGE.start_run(run_name="second"):
    pass
"""


@pytest.mark.parametrize("package", ["eventtrack", "mlflow"])
@pytest.mark.parametrize("given", ["", "given"])
def test_the_experiment_is_the_command_line_s_or_else_the_program_s(
    runner: Runner, package: str, given: str
) -> None:
    words = ("--experiment", given) if given else ()
    runner.python(*words, program=CHOOSE.replace("PACKAGE", package))
    store = runner.store
    names = {each.experiment_id: each.name for each in store.experiments.search()}
    second, first = store.runs.search(list(names))
    assert (first.info.run_name, first.info.status) == ("named", "FINISHED")
    assert (first.data.metrics, first.data.tags["stage"]) == ({"loss": 0.5}, "draft")
    assert first.data.tags["eventtrack.end"] == "exit code 0"
    assert first.data.tags["mlflow.source.name"] == sys.executable
    assert names[first.info.experiment_id] == (given or "chosen")
    assert names[second.info.experiment_id] == "chosen"


@pytest.mark.parametrize("package", ["eventtrack", "mlflow"])
def test_a_program_that_logs_to_another_store_is_left_alone(runner: Runner, package: str) -> None:
    place = runner.folder / "other"
    program = f"import {package}; {package}.set_tracking_uri('eventtrack:{place}')\n"
    runner.python("-e", "given", program=program + CHOOSE.replace("PACKAGE", package))
    assert runner.last().data.metrics == {}
    assert runner.last().info.status == "FINISHED"
    other = open_store(place)
    experiment = other.experiments.get_by_name("chosen")
    assert experiment is not None
    assert len(other.runs.search([experiment.experiment_id])) == 2
    other.close()


def test_the_first_choice_decides(runner: Runner) -> None:
    """Of two programs of one command, and between a person and a program."""
    choose = "import eventtrack; eventtrack.set_experiment('{}'); eventtrack.start_run()"
    words = [f'{sys.executable} -c "{choose.format(name)}"' for name in ("first", "later")]
    runner("--no-sampling", "--no-files", "--", "sh", "-c", " && ".join(words))
    run = runner.last()
    assert runner.store.experiments.get(run.info.experiment_id).name == "first"


def test_a_program_that_fails_fails_the_run_with_its_traceback(runner: Runner) -> None:
    answer = runner.python(program="raise ValueError('too large')", code=1)
    assert "ValueError: too large" in answer.stderr
    run = runner.last()
    assert run.info.status == "FAILED"
    assert run.data.tags["eventtrack.exit_code"] == "1"
    assert run.data.tags["eventtrack.traceback"].endswith("\nValueError: too large")


def test_a_program_that_is_killed_leaves_a_killed_run(runner: Runner) -> None:
    program = JOIN + "import os; os.kill(os.getpid(), 9)"
    runner.python(program=program, code=-signal.SIGKILL)
    run = runner.last()
    assert run.info.status == "KILLED"
    assert run.data.tags["eventtrack.signal"] == "SIGKILL"
    assert run.info.end_time is not None


def test_a_program_that_is_not_there_starts_no_run(runner: Runner) -> None:
    answer = runner("--", "no-such-program", code=3)
    assert "there is no such program" in answer.stderr
    assert not runner.place.exists()


def test_a_program_that_cannot_be_started_fails_the_run(runner: Runner) -> None:
    script = runner.folder / "broken"
    script.write_text("#!/no/such/interpreter\n")
    script.chmod(0o755)
    answer = runner("--no-files", "--", "./broken", code=3)
    assert "cannot run ./broken" in answer.stderr
    assert runner.last().info.status == "FAILED"


def test_a_mistake_in_the_call_is_shown_before_the_program_starts(runner: Runner) -> None:
    answer = runner.python("--resume", "0" * 32, program="print('started')", code=3)
    assert "not found" in answer.stderr
    assert answer.stdout == ""


def test_a_launcher_that_dies_before_the_start_leaves_a_killed_run(runner: Runner) -> None:
    """As by Ctrl-C in the first moment. The program must not start then."""
    store = runner.store
    request = Request(["true"], experiment_id="0")
    run_id = begin(store, request)
    frames_out, frames_in = os.pipe()
    answer_out, answer_in = os.pipe()
    os.close(frames_in)
    os.close(answer_out)
    side = RecorderSide(FrameReader(frames_out), answer_in)
    assert not side.ready({})
    Recorder(store, run_id, request, side.reader, None, print).abandon()
    os.close(frames_out)
    assert store.runs.get(run_id).info.status == "KILLED"


def start(runner: Runner, *words: str) -> "subprocess.Popen[str]":
    """Start a program that waits, within a run; returns once it waits."""
    process = subprocess.Popen(
        runner.words("--no-sampling", "--no-files", *words, "--", sys.executable, "-c", WAIT),
        cwd=runner.folder,
        env=runner.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_preempted_job_is_marked_and_can_be_resumed(runner: Runner) -> None:
    with start(runner, "--name", "long") as process:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == -signal.SIGTERM
    run = runner.last()
    assert run.info.status == "KILLED"
    assert run.data.tags["eventtrack.preempted"].startswith("SIGTERM at 2")
    assert run.data.tags["eventtrack.end"] == "killed by SIGTERM"
    runner.python("--resume", "long", program=JOIN)
    resumed = runner.last()
    assert resumed.info.run_id == run.info.run_id
    assert resumed.info.status == "FINISHED"
    assert "eventtrack.preempted" not in resumed.data.tags
    assert resumed.data.tags["eventtrack.end"] == "exit code 0"


def test_a_program_goes_on_without_its_recorder(runner: Runner) -> None:
    program = """
import os, pathlib, time
parent = os.getppid()
listed = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
[recorder] = [int(child) for child in listed if int(child) != os.getpid()]
os.kill(recorder, 9)
time.sleep(0.1)
for _ in range(100):
    print("x" * 100_000)
"""
    answer = runner.python(program=program)
    assert len(answer.stdout) == 100 * 100_001
    assert "record is not whole: its recorder was killed by signal 9" in answer.stderr


def test_samples_of_the_machine_and_the_program_are_recorded(runner: Runner) -> None:
    program = "import time; time.sleep(1.5)"
    words = ("--no-files", "--", sys.executable, "-c", program)
    runner(*words, MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL="0.2")
    metrics = runner.last().data.metrics
    assert metrics["system/process_memory_megabytes"] > 1
    assert "system/cpu_utilization_percentage" in metrics
    answer = runner(*words, code=2, MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL="soon")
    assert "MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL" in answer.stderr
    assert runner.last().info.status == "FINISHED"  # the refused call began no run


def test_a_run_whose_parent_was_killed_is_seen_to_have_died(runner: Runner) -> None:
    with start(runner) as process:
        command_ids = children(process.pid)
        process.kill()
        process.wait(timeout=30)
    for command_id in command_ids:  # the program outlives its parent
        os.kill(command_id, signal.SIGKILL)
    run = runner.last()
    assert run.info.status == "RUNNING"
    session = runner.store.sessions.list()[-1]
    wait_for_end(session.pid)
    assert session.source == "run"
    life = runner.store.liveness.of(run.info.run_id)
    assert life is not None
    assert judge([session], life.last_ms, life.last_ms + 60_000).state == "gone"


def children(process: int) -> list[int]:
    """The ids of a process's children, but for the recorder, which is a fork of it."""
    listed = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    own = Path(f"/proc/{process}/cmdline").read_bytes()
    return [int(child) for child in listed if Path(f"/proc/{child}/cmdline").read_bytes() != own]


def wait_for_end(process: int) -> None:
    """Wait until a process that is no child of ours has ended."""
    for _ in range(1000):
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return
        time.sleep(0.01)
    pytest.fail("the recorder outlives its launcher")


@contextmanager
def on_terminal(runner: Runner, program: str) -> Iterator[tuple["subprocess.Popen[bytes]", int]]:
    """A recorded program on a terminal of its own, and the other end of the terminal."""
    controller, terminal = pty.openpty()
    words = runner.words("--no-sampling", "--no-files", "--", sys.executable, "-c", program)
    with subprocess.Popen(
        words,
        cwd=runner.folder,
        env=runner.environment(),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    ) as process:
        os.close(terminal)
        yield process, controller
    os.close(controller)


def test_on_a_terminal_the_program_has_a_terminal(runner: Runner) -> None:
    program = (
        "import os, sys; print(sys.stdout.isatty(), sys.stdin.isatty(), os.get_terminal_size()); "
        "print('typed', input())"
    )
    with on_terminal(runner, program) as (process, controller):
        os.write(controller, b"words\n")
        seen = read_all(controller).decode()
        assert process.wait(timeout=60) == 0
    assert "True True os.terminal_size" in seen
    assert "typed words\r\n" in seen
    assert runner.last().info.status == "FINISHED"


def test_keys_and_colours_pass_through_the_terminal(runner: Runner) -> None:
    """Ctrl-C is a key that the program's own terminal turns into a signal."""
    program = """
import sys, time
try:
    print("\\x1b[31mred\\x1b[0m", flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print("interrupted")
    sys.exit(5)
"""
    with on_terminal(runner, program) as (process, controller):
        seen = b""
        while b"red" not in seen:
            seen += os.read(controller, 1000)
        os.write(controller, b"\x03")
        seen += read_all(controller)
        assert process.wait(timeout=60) == 5
    assert b"\x1b[31mred\x1b[0m" in seen
    assert b"interrupted" in seen
    run_id = runner.last().info.run_id
    lines = [getattr(item, "text", "") for item in runner.store.items.read(run_id, "console")]
    assert lines[0].startswith("red")
    assert lines[-1].endswith("interrupted")
