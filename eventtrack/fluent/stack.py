"""The open runs of each thread and of each task.

A `ContextVar` names the innermost run; each run names the run below it. So every thread has a stack
of its own. A task of asyncio, and a function that `asyncio.to_thread` calls, begin with the stack
of the code that started them: without a run of their own they log to that run, and `nested=True`
starts a run below it. They cannot end such an inherited run, and the runs that they start are
visible in no other code.

A forked child starts with no run: its parent's runs stay with the parent. Runs that are open at the
end of the program are ended then.
"""

import atexit
import importlib
import os
import sys
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

from eventtrack.errors import EventtrackError
from eventtrack.fluent.client import EventtrackClient
from eventtrack.views.records import Run, RunStatus

if TYPE_CHECKING:
    from eventtrack.machine.monitor import Monitor

RUN_ID_VARIABLE = "MLFLOW_RUN_ID"


class MetricSink(Protocol):
    """The methods of the store's sink that an open run needs."""

    def log(self, key: str, value: float, step: int, timestamp: int | None) -> None:
        """Journal one point."""
        ...

    def log_many(self, metrics: Mapping[str, float], step: int, timestamp: int | None) -> None:
        """Journal one point of each metric."""
        ...


class ActiveRun(Run):
    """A run as it was at its start; as a context manager it ends the run.

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
        leave(self, RunStatus.FINISHED if exception_type is None else RunStatus.FAILED)


class Frame:
    """An open run, with the client of its store.

    `log` and `log_many` are methods of the run's sink, kept here because `log_metric` is called in
    inner loops.
    """

    __slots__ = ("below", "client", "is_open", "log", "log_many", "monitor", "owner", "run")

    def __init__(self, run: ActiveRun, client: EventtrackClient, monitor: "Monitor | None") -> None:
        self.run = run
        self.client = client
        self.monitor = monitor
        sink: MetricSink = client.store.metrics.sink(run.info.run_id)
        self.log, self.log_many = sink.log, sink.log_many
        self.owner = _owner()
        self.below = innermost()
        self.is_open = True

    @property
    def run_id(self) -> str:
        """The run's id."""
        return self.run.info.run_id


# The last frame that was pushed in this context. Other code may have closed it since: `innermost`
# then looks further down the stack.
top: ContextVar[Frame | None] = ContextVar("eventtrack_run", default=None)
_last_run_id: ContextVar[str | None] = ContextVar("eventtrack_last_run", default=None)
# For code that starts tasks and asks after their end: it does not see their context variables.
_of_thread = threading.local()

# Every open run of this process, oldest first, for the end of the program. Single operations of a
# dictionary are atomic, so there is no lock.
_open: dict[Frame, None] = {}


def innermost() -> Frame | None:
    """The innermost open run that this code sees: its own run, or an inherited run."""
    frame = top.get()
    while frame is not None and not frame.is_open:
        frame = frame.below
    return frame


def own_innermost() -> Frame | None:
    """The innermost open run that was started in this thread or task itself."""
    frame = innermost()
    return frame if frame is not None and frame.owner == _owner() else None


def frames() -> Iterator[Frame]:
    """The open runs that this code sees, innermost first."""
    frame = innermost()
    while frame is not None:
        if frame.is_open:
            yield frame
        frame = frame.below


def frame_of(run_id: str) -> Frame | None:
    """The innermost frame of a run that is open here; None if there is none."""
    return next((frame for frame in frames() if frame.run_id == run_id), None)


def last_run_id() -> str | None:
    """The last run that ended in this task, else in this thread."""
    return _last_run_id.get() or getattr(_of_thread, "last_run_id", None)


def push(frame: Frame) -> None:
    """Make `frame` the innermost run."""
    top.set(frame)
    _open[frame] = None
    # Handlers run last in, first out. Registered anew, this handler runs before the handlers of all
    # stores opened so far, which would otherwise be closed before their runs are ended.
    atexit.unregister(_end_open_runs)
    atexit.register(_end_open_runs)


def pop(status: str) -> None:
    """End the innermost run that was started here; if there is none, do nothing.

    An inherited run stays open, with a message in the log: other tasks may work in it.
    """
    frame = own_innermost()
    if frame is not None:
        _take_off(frame, status)
        return
    inherited = innermost()
    if inherited is not None:
        importlib.import_module("logging").getLogger("eventtrack").warning(
            "eventtrack: run %s goes on: it is ended by the task or thread that started it",
            inherited.run_id,
        )


def leave(run: ActiveRun, status: str) -> None:
    """End a run at the end of its block, and all open runs that this code started above it.

    Nothing happens if the run has ended already, or belongs to the parent of a forked child.
    """
    frame = frame_of(run.info.run_id)
    if frame is None:
        # The task that closes a generator or tears down a fixture may be another than began it.
        for elsewhere in [frame for frame in _open if frame.run is run]:
            _take_off(elsewhere, status)
        return
    owner = _owner()
    for above in list(frames()):
        if above is frame:
            break
        if above.owner == owner:
            _take_off(above, status)
    _take_off(frame, status)


def forget() -> None:
    """Drop every run without ending it: in a forked child, and between tests."""
    for frame in _open:
        frame.is_open = False
    _open.clear()
    top.set(None)
    _last_run_id.set(None)
    _of_thread.__dict__.clear()


def _take_off(frame: Frame, status: str) -> None:
    """Take a run off the stack and end it.

    The run leaves the stack even if the store refuses the new status (say, because the run was
    deleted meanwhile): a run that cannot be ended must not block the next run.
    """
    # The variable named this run for a process that resumes it; the next run is another run.
    os.environ.pop(RUN_ID_VARIABLE, None)
    frame.is_open = False
    # Closed frames are dropped; otherwise a program of many runs would keep all of them.
    top.set(innermost())
    _last_run_id.set(frame.run_id)
    _of_thread.last_run_id = frame.run_id
    _end(frame, status)


def _owner() -> object:
    """The task of asyncio that runs this code, else the thread; equal for the same runner."""
    asyncio = sys.modules.get("asyncio")
    if asyncio is not None:
        try:
            task = asyncio.current_task()
        except RuntimeError:
            task = None
        if task is not None:
            return task
    return threading.get_ident()


def _end(frame: Frame, status: str) -> None:
    _open.pop(frame, None)
    if frame.monitor is not None:
        frame.monitor.finish()
    frame.client.set_terminated(frame.run_id, status)


def _end_open_runs() -> None:
    # The interpreter keeps the last exception that it reported; at a prompt that may be an old
    # exception, which says nothing about the runs.
    failed = getattr(sys, "last_value", None) is not None and not hasattr(sys, "ps1")
    for frame in reversed(list(_open)):
        try:
            _end(frame, RunStatus.FAILED if failed else RunStatus.FINISHED)
        except EventtrackError as error:
            # Nobody is left to catch the error, and the other runs have to be ended too.
            warnings.warn(
                f"run {frame.run_id} was not ended: {error}", RuntimeWarning, stacklevel=1
            )
    forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=forget)
