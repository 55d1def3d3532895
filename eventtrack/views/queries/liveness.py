"""Judges whether a run with the status RUNNING still runs. The verdict is never recorded.

If its writers ran on this machine, their processes decide. For other machines, only the silence of
the log tells something. A verdict is no event: when a run's machine comes back to the network, the
run's end may still arrive.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from eventtrack.clock import Clock, recorded_ms
from eventtrack.log.protocol import EventLog
from eventtrack.projections.tables import Reader
from eventtrack.views.context import ReadContext
from eventtrack.views.queries.sessions import Session, session_record
from eventtrack.views.records import Record

# Surfaces that write for a training elsewhere, or about it. Their processes say nothing about it.
_NOT_THE_TRAINING = ("server", "cli", "sync", "import", "outbox")
# After this short a time a run counts as alive, even if its process id means nothing here, as in a
# container.
_FRESH_MS = 15_000
# Most trainings are silent for less than this between two points.
QUIET_MS = 10 * 60_000
# A session opens after its process has started, and the two clocks are read in different places.
_SLACK_MS = 2_000

State = Literal["alive", "gone", "quiet"]


class Life(Record):
    """The verdict on a running run.

    `alive`: its process runs, or something was recorded lately. `gone`: every process that wrote
    to it ran on this machine, and none of them runs any more. `quiet`: nothing was recorded for ten
    minutes, and this machine cannot see whether the process runs. `last_ms` is the recorded time of
    the last event; `host`, `pid` and `program` are those of the last process that wrote, if known.
    """

    state: State
    last_ms: int
    host: str | None = None
    pid: int | None = None
    program: str | None = None


class Liveness:
    """Judges runs of a store by their events and by this machine's processes."""

    def __init__(self, context: ReadContext, clock: Clock) -> None:
        self._source = context.source
        self._clock = clock

    def of(self, run_id: str) -> Life | None:
        """The verdict on a run with the status RUNNING; None if nothing of it is recorded.

        Costs a look at two envelopes and two processes. A process that wrote only in between is
        missed.
        """
        return self.of_all([run_id])[0]

    def of_all(self, run_ids: Sequence[str]) -> list[Life | None]:
        """The verdict on each of these runs, as `of`; a session that wrote to many is read once."""
        sessions: dict[bytes, Session | None] = {}
        with self._source.read() as reader:
            return [self._judged(reader, run_id, sessions) for run_id in run_ids]

    def _judged(
        self, reader: Reader, run_id: str, sessions: dict[bytes, Session | None]
    ) -> Life | None:
        positions = reader.timeline(f"run/{run_id}")
        if not positions:
            return None
        last_ms, last = _header(self._source.log, positions[-1])
        _, first = _header(self._source.log, positions[0])
        for name in {last, first} - sessions.keys():
            state = reader.session(name)
            sessions[name] = None if state is None else session_record(state)
        writers = [sessions[name] for name in dict.fromkeys((last, first))]
        own = [
            session
            for session in writers
            if session is not None and session.source not in _NOT_THE_TRAINING
        ]
        return judge(own, last_ms, self._clock.now_ms())


def judge(writers: list[Session], last_ms: int, now_ms: int) -> Life:
    """The verdict on a run.

    Args:
        writers: The sessions of its training, the latest first.
        last_ms: The recorded time of its last event.
    """
    here = os.uname().nodename
    local = [session for session in writers if session.host == here]
    state: State
    if now_ms - last_ms < _FRESH_MS or any(map(_runs, local)):
        state = "alive"
    elif local and len(local) == len(writers):
        state = "gone"
    else:
        state = "quiet" if now_ms - last_ms >= QUIET_MS else "alive"
    if not writers:
        return Life(state=state, last_ms=last_ms)
    latest = writers[0]
    return Life(
        state=state, last_ms=last_ms, host=latest.host, pid=latest.pid, program=latest.program
    )


def _header(log: EventLog, position: int) -> tuple[int, bytes]:
    envelope = log.get(position)
    assert envelope is not None
    return recorded_ms(envelope.header.recorded), envelope.header.session


def _runs(session: Session) -> bool:
    """Whether a session's process still runs on this machine, and not a later one with its id."""
    try:
        os.kill(session.pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # it runs, for another user
    started_ms = _started_ms(session.pid)
    return started_ms is None or started_ms <= session.opened_ms + _SLACK_MS


def _started_ms(pid: int) -> int | None:
    """The start time of a process; None if the system does not say; far ahead if it is dead."""
    try:
        # The name in brackets may itself have spaces and brackets.
        fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        boot = _pairs(Path("/proc/stat").read_text("ascii"))["btime"]
        if fields[0] in ("Z", "X"):
            return 1 << 62
        return int(boot) * 1000 + int(fields[19]) * 1000 // os.sysconf("SC_CLK_TCK")
    except (OSError, KeyError, ValueError, IndexError):
        return None


def _pairs(text: str) -> Mapping[str, str]:
    return {name: rest for name, _, rest in (line.partition(" ") for line in text.splitlines())}
