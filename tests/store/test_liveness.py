"""Who still runs is seen by processes, here, and by silence, of elsewhere."""

import os
import subprocess
import sys
import time
from pathlib import Path

from eventtrack.clock import ManualClock
from eventtrack.store import Store, open_store
from eventtrack.views.queries.liveness import QUIET_MS, judge
from eventtrack.views.queries.sessions import Session
from tests.crash import workers

NOW = 1_790_000_000_000
HERE = os.uname().nodename


def session(pid: int, *, host: str = HERE, opened_ms: int = 1 << 61) -> Session:
    """A session that opened later than any process started, unless told otherwise."""
    return Session(
        session_id="00",
        user="ada",
        host=host,
        pid=pid,
        program="train.py",
        cwd="/",
        git_commit=None,
        source="python",
        version="1",
        opened_ms=opened_ms,
        position=1,
    )


def dead_pid() -> int:
    """The id of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        return process.pid


def state(*writers: Session, silent_ms: int = 60_000) -> str:
    """The verdict after a silence."""
    return judge(list(writers), NOW - silent_ms, NOW).state


def test_a_process_of_this_machine_is_looked_up() -> None:
    assert state(session(os.getpid())) == "alive"
    assert state(session(dead_pid())) == "gone"
    assert state(session(os.getpid()), silent_ms=10 * QUIET_MS) == "alive"


def test_an_id_that_another_process_has_now_is_not_taken_for_it() -> None:
    assert state(session(os.getpid(), opened_ms=1000)) == "gone"


def test_a_process_that_nobody_waited_for_is_dead() -> None:
    with subprocess.Popen([sys.executable, "-c", ""], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read()  # it has ended, or is about to
        workers.until(lambda: state(session(process.pid)) == "gone")


def test_one_living_writer_is_enough() -> None:
    assert state(session(dead_pid()), session(os.getpid())) == "alive"


def test_of_other_machines_only_silence_tells() -> None:
    elsewhere = session(1, host="elsewhere")
    assert state(elsewhere) == "alive"
    assert state(elsewhere, silent_ms=QUIET_MS) == "quiet"
    assert state(session(dead_pid()), elsewhere) == "alive"
    assert state(silent_ms=QUIET_MS) == "quiet"


def test_what_was_just_recorded_is_a_sign_of_life() -> None:
    assert state(session(dead_pid()), silent_ms=1000) == "alive"


def test_a_killed_training_is_gone_and_nothing_is_recorded_of_it(tmp_path: Path) -> None:
    """What a server or the command line did to the run later says nothing of its training."""
    path = tmp_path / "killed"
    script = (
        "import sys, eventtrack, os, signal\n"
        "eventtrack.set_tracking_uri(sys.argv[1])\n"
        "eventtrack.start_run()\n"
        "eventtrack.log_metric('loss', 1.0)\n"
        "print(eventtrack.active_run().info.run_id, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=False
    )
    run_id = done.stdout.strip()
    cli = open_store(path, source="cli")
    cli.runs.set_tags(run_id, {"seen": "yes"})
    cli.close()
    later = ManualClock(time.time_ns() // 1_000_000 + QUIET_MS)
    store = Store(path, source="cli", clock=later)
    try:
        head = store.events.head()
        life = store.liveness.of(run_id)
        assert life is not None
        assert (life.state, life.host) == ("gone", HERE)
        assert store.runs.get(run_id).info.status == "RUNNING"
        assert store.events.head() == head
        assert store.liveness.of("0" * 32) is None
    finally:
        store.close()
