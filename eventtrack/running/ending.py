"""The end of a command: its status, its reason, and the tags that keep them."""

import re
import signal
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from eventtrack import limits
from eventtrack.tags import (
    END_TAG,
    EXIT_CODE_TAG,
    PREEMPTED_TAG,
    SIGNAL_TAG,
    TRACEBACK_TAG,
    WALL_TAG,
)
from eventtrack.views.records import RunStatus

# A scheduler that takes a machine back sends one of these first.
_PREEMPTING = (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)
_STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)
_TRACEBACK = "Traceback (most recent call last)"
_TRACEBACK_LINES_MAX = 200


class Ending(NamedTuple):
    """The end of a command.

    Args:
        code: The exit code; negative for the signal that killed it.
        signals: The signals that were sent to it through us, in order.
        wall_s: Seconds from its start to its end.
        out_of_memory: Whether the kernel killed a process of its control group meanwhile.
    """

    code: int
    signals: list[int]
    wall_s: float
    out_of_memory: bool

    @property
    def status(self) -> str:
        """FINISHED, FAILED, or KILLED: by a signal, or because someone asked it to stop."""
        if self.code < 0 or self.stopped_by is not None:
            return RunStatus.KILLED
        return RunStatus.FINISHED if self.code == 0 else RunStatus.FAILED

    @property
    def stopped_by(self) -> int | None:
        """The first signal that asked it to stop; None if it ended by itself."""
        return next((number for number in self.signals if number in _STOPPING), None)

    @property
    def reason(self) -> str:
        """One phrase for people."""
        if self.out_of_memory and self.code != 0:
            return "out of memory: the kernel killed a process"
        if self.code < 0:
            return f"killed by {_name(-self.code)}"
        if self.stopped_by is not None:
            return f"stopped by {_name(self.stopped_by)}, exit code {self.code}"
        return f"exit code {self.code}"

    def tags(self, last_lines: Iterable[str]) -> dict[str, str]:
        """The tags of the run that keep the end.

        Args:
            last_lines: The last lines of output, among them perhaps a traceback.
        """
        tags = {END_TAG: self.reason, WALL_TAG: f"{self.wall_s:.3f}"}
        if self.code >= 0:
            tags[EXIT_CODE_TAG] = str(self.code)
        else:
            tags[SIGNAL_TAG] = _name(-self.code)
        if self.code != 0 and (text := last_traceback(list(last_lines))):
            tags[TRACEBACK_TAG] = text
        return tags


def preemption_tags(number: int, moment: str) -> Mapping[str, str]:
    """The tags that mark a run as asked to stop; empty for other signals.

    They are set when the signal arrives: the scheduler may kill everything soon after.
    """
    return {PREEMPTED_TAG: f"{_name(number)} at {moment}"} if number == signal.SIGTERM else {}


def last_traceback(lines: list[str]) -> str:
    """The last traceback of Python among lines of output, with the error below it; "" if none."""
    starts = [at for at, line in enumerate(lines) if _TRACEBACK in line]
    if not starts:
        return ""
    begin = starts[-1]
    # Ranks of a launcher stand before each line: `[rank0]: Traceback ...`.
    prefix = lines[begin].partition(_TRACEBACK)[0]
    end = begin + 1
    while end < len(lines) and lines[end].startswith(f"{prefix} "):
        end += 1
    # The line of the error, and what belongs to its message until the next empty line.
    while end < len(lines) and lines[end].strip() and end - begin < _TRACEBACK_LINES_MAX:
        end += 1
    text = "\n".join(line.removeprefix(prefix) for line in lines[begin:end])
    return text[-limits.TAG_VALUE_LENGTH_MAX :]


class OutOfMemory:
    """Counts the processes that the kernel killed in this process's control group for memory.

    Args:
        root: The root of the file system.
    """

    def __init__(self, root: Path = Path("/")) -> None:
        self._files = list(_event_files(root))
        self._before = self._count()

    def happened(self) -> bool:
        """Whether a process was killed since this object was made."""
        return self._count() > self._before

    def _count(self) -> int:
        return max(map(_killed, self._files), default=0)


def _event_files(root: Path) -> Iterable[Path]:
    """The files with the counts, of version 2 or 1 of control groups."""
    try:
        listed = (root / "proc/self/cgroup").read_text("ascii", "replace").splitlines()
    except OSError:
        return
    mounted = root / "sys/fs/cgroup"
    for line in listed:
        _, controllers, path = line.split(":", 2)
        below = path.lstrip("/")
        if not controllers:
            yield mounted / below / "memory.events"
            yield mounted / "memory.events"  # in a container, the root is the group itself
        elif "memory" in controllers.split(","):
            yield mounted / "memory" / below / "memory.oom_control"
            yield mounted / "memory" / "memory.oom_control"


def _killed(file: Path) -> int:
    try:
        count = re.search(r"^oom_kill (\d+)", file.read_text("ascii", "replace"), re.MULTILINE)
    except OSError:
        return 0
    return int(count[1]) if count else 0


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
