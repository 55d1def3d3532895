"""The open runs of each thread.

A thread sees only the runs that it started itself. A forked child starts with none: its parent's
runs stay its parent's, and the child must not end them. What is still open when the program ends
is ended then.
"""

import atexit
import os
import sys
import threading
import warnings
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Protocol, Self

from eventtrack.errors import EventtrackError
from eventtrack.fluent.client import EventtrackClient
from eventtrack.fluent.system_metrics import SystemMetricsMonitor
from eventtrack.views.records import Run, RunStatus

RUN_ID_VARIABLE = "MLFLOW_RUN_ID"


class MetricSink(Protocol):
    """The part of the store's sink that an open run needs."""

    def log(self, key: str, value: float, step: int, timestamp: int | None) -> None:
        """Journal one point."""
        ...

    def log_many(self, metrics: Mapping[str, float], step: int, timestamp: int | None) -> None:
        """Journal one point of each metric."""
        ...


class ActiveRun(Run):
    """A run as it was when it was started; as a context manager it ends the run.

    Leaving the block ends the run as FINISHED, or as FAILED if an exception passes through.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        depth = depth_of(self.info.run_id)
        if depth is None:
            return  # ended within the block, or this is a forked child
        status = RunStatus.FINISHED if exception_type is None else RunStatus.FAILED
        # Runs that were started within the block and never ended go with it.
        while len(thread.frames) > depth:
            pop(status)


class Frame:
    """One open run, with the client of the store that it was started in."""

    __slots__ = ("client", "monitor", "run", "run_id", "sink")

    def __init__(
        self, run: ActiveRun, client: EventtrackClient, monitor: SystemMetricsMonitor | None
    ) -> None:
        self.run = run
        self.run_id = run.info.run_id
        self.client = client
        self.sink: MetricSink = client.store.metrics.sink(self.run_id)
        self.monitor = monitor


class _ThreadState(threading.local):
    """What one thread knows. `log` and `log_many` are those of the innermost run's sink.

    They are kept here, bound, because `log_metric` is called in inner loops: one attribute of the
    thread's state is all that it looks up.
    """

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.log: Callable[[str, float, int, int | None], None] | None = None
        self.log_many: Callable[[Mapping[str, float], int, int | None], None] | None = None
        self.last_run_id: str | None = None


thread = _ThreadState()

# Every open run of this process by its id, oldest first, for the end of the program.
# A dictionary's single operations are atomic, so it needs no lock.
_open: dict[str, Frame] = {}


def push(frame: Frame) -> None:
    """Make `frame` this thread's innermost run."""
    thread.frames.append(frame)
    _aim()
    _open[frame.run_id] = frame
    # Handlers run last in, first out: registered anew, this one comes before that of any store
    # opened so far, which would otherwise be closed when the run is to be ended.
    atexit.unregister(_end_open_runs)
    atexit.register(_end_open_runs)


def pop(status: str) -> Run | None:
    """End this thread's innermost run; returns it as it was started, None if there is none.

    It is off the stack even if the store refuses the new status (say, because the run was
    deleted meanwhile): a run that cannot be ended must not stand in the way of the next.
    """
    if not thread.frames:
        return None
    # It named this run to a process that was to resume it; the next run is another one.
    os.environ.pop(RUN_ID_VARIABLE, None)
    frame = thread.frames.pop()
    _aim()
    thread.last_run_id = frame.run_id
    _end(frame, status)
    return frame.run


def depth_of(run_id: str) -> int | None:
    """How many runs of this thread lie below `run_id`; None if it is not open in this thread."""
    for depth, frame in enumerate(thread.frames):
        if frame.run_id == run_id:
            return depth
    return None


def forget() -> None:
    """Drop every run without ending it: in a forked child, and between tests."""
    thread.__init__()  # type: ignore[misc]
    _open.clear()


def _aim() -> None:
    if thread.frames:
        sink = thread.frames[-1].sink
        thread.log, thread.log_many = sink.log, sink.log_many
    else:
        thread.log = thread.log_many = None


def _end(frame: Frame, status: str) -> None:
    _open.pop(frame.run_id, None)
    if frame.monitor is not None:
        frame.monitor.finish()
    frame.client.set_terminated(frame.run_id, status)


def _end_open_runs() -> None:
    # The interpreter keeps the exception that it reported before it ended; at a prompt that may
    # be any old one, which says nothing about the runs.
    failed = getattr(sys, "last_value", None) is not None and not hasattr(sys, "ps1")
    for frame in reversed(list(_open.values())):
        try:
            _end(frame, RunStatus.FAILED if failed else RunStatus.FINISHED)
        except EventtrackError as error:
            # Nobody is left to catch it, and the other runs want to be ended too.
            warnings.warn(
                f"run {frame.run_id} was not ended: {error}", RuntimeWarning, stacklevel=1
            )
    forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget)
