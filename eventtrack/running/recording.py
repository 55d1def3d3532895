"""The recorder: starts the run, records what the launcher sends, and ends the run."""

import os
import select
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from eventtrack.errors import EventtrackError, InvalidStateError, InvalidValueError
from eventtrack.folders import uri_of
from eventtrack.machine import monitor as machine
from eventtrack.machine.sampler import is_available
from eventtrack.running import frames, packages
from eventtrack.running.ending import Ending, OutOfMemory, preemption_tags
from eventtrack.running.frames import Frame, FrameReader
from eventtrack.running.lines import LineFolder
from eventtrack.running.secrets import hide
from eventtrack.store import Store, joining
from eventtrack.store.items import CONSOLE
from eventtrack.store.session import current_user, git_commit
from eventtrack.tags import (
    END_TAGS,
    GIT_COMMIT_TAG,
    PARENT_TAG,
    SOURCE_NAME_TAG,
    SOURCE_TYPE_TAG,
    USER_TAG,
)
from eventtrack.views.records import LifecycleStage, RunStatus

if TYPE_CHECKING:
    # Only a run on a server needs it, and it takes a while to load.
    from eventtrack.outbox.store import RemoteStore
    from eventtrack.running.tracing import Tracer

AnyStore: TypeAlias = "Store | RemoteStore"

SAMPLING_SECONDS = 5.0
# Lines of output that are searched for a traceback at the end.
_LAST_LINES = 400
_SOURCES = {frames.STDOUT: "stdout", frames.STDERR: "stderr"}
_SCRIPTS = (".py", ".sh", ".ipynb", ".R", ".jl")


class Request(NamedTuple):
    """The arguments of `eventtrack run`.

    `experiment_id` is None for a resumed run; `parent` and `resume` are ids of runs. The program
    may choose another experiment for the run unless `keeps_experiment`. Without a `tracer` no
    origin is kept.
    """

    argv: Sequence[str]
    experiment_id: str | None = None
    keeps_experiment: bool = False
    name: str | None = None
    params: Mapping[str, str] = {}
    tags: Mapping[str, str] = {}
    parent: str | None = None
    resume: str | None = None
    samples: bool = True
    tracer: "Tracer | None" = None


def begin(store: AnyStore, request: Request) -> str:
    """Start the run, or resume it; returns its id.

    Raises:
        NotFoundError: There is no such experiment, parent or run.
        InvalidStateError: The run to resume is deleted.
    """
    if request.resume is not None:
        return _resume(store, request.resume, request)
    assert request.experiment_id is not None
    tags = {**source_tags(request.argv), **request.tags}
    if request.parent is not None:
        tags[PARENT_TAG] = request.parent
    with store.batch():
        run = store.runs.create(
            request.experiment_id, user_id=tags[USER_TAG], tags=tags, run_name=request.name
        )
        if request.params:
            store.runs.log_params(run.info.run_id, request.params)
    return run.info.run_id


def source_tags(argv: Sequence[str]) -> dict[str, str]:
    """MLflow's tags of where a run comes from: its user, its script, and the commit."""
    shown = hide(argv)
    script = next((word for word in shown if word.endswith(_SCRIPTS)), shown[0])
    tags = {USER_TAG: current_user(), SOURCE_NAME_TAG: script, SOURCE_TYPE_TAG: "LOCAL"}
    if commit := git_commit(Path()):
        tags[GIT_COMMIT_TAG] = commit
    return tags


def child_environment(
    store: AnyStore, uri: str, run_id: str, request: Request
) -> dict[str, str | None]:
    """The variables that let a program join the run; None removes a variable.

    Args:
        uri: The address of the store, as its user gave it.

    MLflow's address is set only if the program's interpreter has our plugin, or if a server keeps
    the run: MLflow's client refuses to start with an address that it cannot read. The plugin joins
    the run by itself. On a server the run's id does it, which MLflow looks for at the program's own
    address, should that be another.
    """
    experiment_id = store.runs.at_hand(run_id).info.experiment_id
    changes = joining.environment(run_id, None if request.keeps_experiment else experiment_id)
    changes["EVENTTRACK_URI"] = str(store.path) if isinstance(store, Store) else uri
    changes["MLFLOW_RUN_ID"] = None if isinstance(store, Store) else run_id
    if request.keeps_experiment:
        # The experiment of further runs of the program, unless it chooses another for them.
        changes |= {"MLFLOW_EXPERIMENT_ID": experiment_id, "MLFLOW_EXPERIMENT_NAME": None}
    interpreter = packages.interpreter_of(request.argv, os.environ)
    if not isinstance(store, Store):
        changes["MLFLOW_TRACKING_URI"] = uri
    elif interpreter is not None and packages.has_eventtrack(interpreter):
        changes["MLFLOW_TRACKING_URI"] = uri_of(store.path)
    return changes


def sampling(request: Request, complain: Callable[[str], None]) -> machine.Settings | None:
    """The settings of samples; None if they are not wanted, or cannot be taken.

    Raises:
        InvalidValueError: A variable of the environment cannot be read.
    """
    if not request.samples:
        return None
    if not is_available():
        complain("the machine's load is not recorded: `pip install psutil`, or pass --no-sampling")
        return None
    return machine.settings(SAMPLING_SECONDS)


class Recorder:
    """Records one command.

    Args:
        settings: Those of samples, as `sampling` gives them.
        complain: Shows a person one line about what could not be recorded.
    """

    def __init__(
        self,
        store: AnyStore,
        run_id: str,
        request: Request,
        reader: FrameReader,
        settings: machine.Settings | None,
        complain: Callable[[str], None],
    ) -> None:
        self._store = store
        self._run_id = run_id
        self._request = request
        self._reader = reader
        self._complain = complain
        self._folders = {frames.STDOUT: LineFolder(), frames.STDERR: LineFolder()}
        self._last: deque[str] = deque(maxlen=_LAST_LINES)
        self._signals: list[int] = []
        self._console = store.items.sink(run_id) if store.items.are_taken else None
        if self._console is None:
            complain("output is not recorded: the server takes no text; eventtrack's own does")
        self._memory = OutOfMemory()
        self._settings = settings
        self._monitor: machine.Monitor | None = None
        self._started_s = time.time()
        self._ending: Ending | None = None

    def record(self) -> None:
        """Record everything until the launcher says that the command has ended, or dies.

        Without the command's end the run stays RUNNING: `liveness` says that it died.
        """
        keeping = threading.Thread(target=self._keep, name="eventtrack-origin")
        keeping.start()
        while not self._reader.closed:
            select.select([self._reader.descriptor], [], [])
            for frame in self._reader.read():
                self._take(frame)
        if self._monitor is not None:
            self._monitor.finish()
        for kind, folder in self._folders.items():
            self._print(kind, folder.finish(), time.time())
        keeping.join()
        if self._ending is not None:
            self._end(self._ending)

    def abandon(self) -> None:
        """End the run of a command that was never started: the launcher was interrupted."""
        self._store.runs.update(
            self._run_id, status=RunStatus.KILLED, end_time=int(time.time() * 1000)
        )

    def _take(self, frame: Frame) -> None:
        if frame.kind in self._folders:
            self._print(frame.kind, self._folders[frame.kind].feed(frame.data), frame.time_s)
        elif frame.kind == frames.STARTED:
            self._started_s = frame.time_s
            if self._settings is not None:
                self._monitor = machine.Monitor(
                    self._store.metrics, self._run_id, self._settings, int(frame.data)
                )
                self._monitor.start()
        elif frame.kind == frames.SIGNAL:
            number = int(frame.data)
            self._signals.append(number)
            if tags := preemption_tags(number, _moment(frame.time_s)):
                self._store.runs.set_tags(self._run_id, tags)
        elif frame.kind == frames.ENDED:
            self._ending = Ending(
                code=int(frame.data),
                signals=self._signals,
                wall_s=frame.time_s - self._started_s,
                out_of_memory=self._memory.happened(),
            )

    def _print(self, kind: bytes, lines: list[str], time_s: float) -> None:
        """Record lines of output, all at the time of their end."""
        if lines:
            self._last += lines
            if self._console is not None:
                at_ms = int(time_s * 1000)
                self._console.texts(CONSOLE, lines, timestamps=at_ms, source=_SOURCES[kind])

    def _keep(self) -> None:
        """Keep the origin; in a thread of its own: git may take seconds in a large repository."""
        if self._request.tracer is None:
            return
        try:
            self._request.tracer.keep(self._store, self._run_id)
        except (EventtrackError, OSError) as error:
            self._complain(f"the origin of the run was not kept: {error}")

    def _end(self, ending: Ending) -> None:
        run = self._store.runs.get(self._run_id)
        with self._store.batch():
            self._store.runs.set_tags(self._run_id, ending.tags(self._last))
            # A program that ended its run itself knows best, unless it then failed.
            if run.info.status == RunStatus.RUNNING or ending.status != RunStatus.FINISHED:
                end_ms = int((self._started_s + ending.wall_s) * 1000)
                self._store.runs.update(self._run_id, status=ending.status, end_time=end_ms)


def _resume(store: AnyStore, run_id: str, request: Request) -> str:
    run = store.runs.get(run_id)
    if run.info.lifecycle_stage == LifecycleStage.DELETED:
        raise InvalidStateError(
            f"cannot resume run {run_id}: it is deleted",
            hint=f"run `eventtrack runs restore {run_id}` first",
        )
    for key, value in request.params.items():
        if run.data.params.get(key, value) != value:
            raise InvalidValueError(
                f"cannot resume run {run_id}: its param {key} is {run.data.params[key]!r}, "
                f"not {value!r}",
                hint="leave --param out, or start a new run",
            )
    for tag in END_TAGS:
        if tag in run.data.tags:
            store.runs.delete_tag(run_id, tag)
    with store.batch():
        store.runs.update(run_id, status=RunStatus.RUNNING, name=request.name)
        if request.params:
            store.runs.log_params(run_id, request.params)
        if request.tags:
            store.runs.set_tags(run_id, request.tags)
    return run_id


def _moment(time_s: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time_s))
