"""Jobs of a shell: a command that is suspended and continued on a terminal."""

import fcntl
import os
import pty
import select
import shlex
import subprocess
import termios
import time

import pytest

from tests.running.conftest import Runner

PROGRAM = "import time\nfor n in range(10000): print(f'tick {n}', flush=True); time.sleep(0.05)"


def read_until(controller: int, words: bytes) -> bytes:
    """All that comes out of a terminal until these words have."""
    seen = b""
    deadline = time.monotonic() + 60
    while words not in seen:
        if time.monotonic() > deadline:
            pytest.fail(f"{words!r} is not in {seen!r}")
        if select.select([controller], [], [], 0.1)[0]:
            seen += os.read(controller, 4096)
    return seen


def test_a_command_is_suspended_and_continued_by_the_shell(runner: Runner) -> None:
    controller, terminal = pty.openpty()
    words = runner.words("--no-sampling", "--no-files", "--", "python3", "-c", PROGRAM)
    with subprocess.Popen(
        ["bash", "--norc", "--noprofile", "-i"],
        cwd=runner.folder,
        env=runner.environment(PS1="READY> "),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - a test's own shell
    ) as shell:
        os.close(terminal)
        read_until(controller, b"READY> ")
        os.write(controller, shlex.join(words).encode() + b"\n")
        read_until(controller, b"tick 3")
        os.write(controller, b"\x1a")
        assert b"Stopped" in read_until(controller, b"READY> ")
        os.write(controller, b"fg\n")
        read_until(controller, b"tick 12")
        os.write(controller, b"\x03")
        assert b"KeyboardInterrupt" in read_until(controller, b"READY> ")
        os.write(controller, b"exit\n")
        shell.wait(timeout=60)
    os.close(controller)
    run = runner.last()
    assert run.info.status == "KILLED"
    assert run.data.tags["eventtrack.signal"] == "SIGINT"
