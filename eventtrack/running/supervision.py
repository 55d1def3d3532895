"""Splits `eventtrack run` into its two processes, and lets them meet.

The recorder is a fork: it inherits the call of the command line, so its errors are shown as those
of any command, before the program starts. The launcher waits for its word.
"""

import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from eventtrack.running.frames import FrameReader, FrameSender
from eventtrack.running.launching import Launcher, leave

# The recorder outlives these: it has to record the end that they bring.
_IGNORED = (signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP, signal.SIGTSTP)


class RecorderSide(NamedTuple):
    """The recorder's ends of the pipes."""

    reader: FrameReader
    answer: int

    def ready(self, environment: Mapping[str, str | None]) -> bool:
        """Let the command start, with these changes of its environment.

        Returns False if the launcher was interrupted meanwhile: there will be no command.
        """
        try:
            os.write(self.answer, msgspec.json.encode(environment) + b"\n")
        except BrokenPipeError:
            return False
        finally:
            os.close(self.answer)
        return True


def split(argv: Sequence[str], complain: Callable[[str], None]) -> RecorderSide:
    """Fork. The recorder returns; the launcher runs the command, and exits as it ended.

    Args:
        complain: Shows a person one line about what went wrong with the record.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    frames_out, frames_in = os.pipe()
    answer_out, answer_in = os.pipe()
    gc.freeze()  # collections in the recorder then copy no page of existing objects
    recorder = os.fork()
    if not recorder:
        os.close(frames_in)
        os.close(answer_out)
        for number in _IGNORED:
            signal.signal(number, signal.SIG_IGN)
        return RecorderSide(FrameReader(frames_out), answer_in)
    os.close(frames_out)
    os.close(answer_in)
    answer = _read_line(answer_out)
    os.close(answer_out)
    if not answer:  # it has said why
        os._exit(leave(_wait(recorder) or 1))
    code = _launch(argv, FrameSender(frames_in), msgspec.json.decode(answer, type=Changes))
    if broken := _wait(recorder):
        how = f"ended with {broken}" if broken > 0 else f"was killed by signal {-broken}"
        complain(f"the run's record is not whole: its recorder {how}")
    os._exit(leave(code))


Changes = dict[str, str | None]


def _launch(argv: Sequence[str], sender: FrameSender, changes: Changes) -> int:
    environment = dict(os.environ)
    for name, value in changes.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    return Launcher(argv, sender).run(environment)


def _read_line(descriptor: int) -> bytes:
    """One line; empty if the other end is closed before."""
    line = b""
    while not line.endswith(b"\n"):
        part = os.read(descriptor, 65536)
        if not part:
            return b""
        line += part
    return line


def _wait(process: int) -> int:
    with contextlib.suppress(ChildProcessError):
        return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    return 0
