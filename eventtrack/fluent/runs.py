"""Starting, ending and finding runs."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from eventtrack.errors import InvalidStateError, InvalidValueError
from eventtrack.fluent import stack
from eventtrack.fluent.client import EventtrackClient
from eventtrack.fluent.context import source_tags, user_tags
from eventtrack.fluent.experiments import (
    chosen_experiment_id,
    current_client,
    current_experiment_id,
)
from eventtrack.fluent.stack import RUN_ID_VARIABLE, ActiveRun, Frame, MetricSink
from eventtrack.lazy import lazy
from eventtrack.machine import is_wanted
from eventtrack.store.joining import RUN_VARIABLE, join_begun_run
from eventtrack.tags import PARENT_TAG, RUN_NAME_TAG
from eventtrack.views.records import LifecycleStage, Run, RunStatus

if TYPE_CHECKING:
    from eventtrack.machine import monitor as machine_monitor
else:
    machine_monitor = lazy("eventtrack.machine.monitor")


def start_run(
    run_id: str | None = None,
    experiment_id: str | None = None,
    run_name: str | None = None,
    nested: bool = False,
    parent_run_id: str | None = None,
    tags: Mapping[str, Any] | None = None,
    description: str | None = None,
    log_system_metrics: bool | None = None,
    rewind_to: int | None = None,
    fork_from: str | None = None,
    fork_step: int | None = None,
) -> ActiveRun:
    """Start a run, or resume one, and make it the active run of this thread, or of this task.

    Args:
        run_id: A run to resume; None reads the variables EVENTTRACK_RUN_ID and MLFLOW_RUN_ID, once.
        experiment_id: The experiment of a new run; None means the experiment that was set.
        run_name: The name; None draws a random name for a new run.
        nested: Start the run below the active run.
        parent_run_id: Start the run below this one, which may belong to another thread or process.
        tags: Tags to set; the values are stored as text.
        description: A text for people, kept as the tag `mlflow.note.content`.
        log_system_metrics: Record the machine's load beside the run (needs psutil).
        rewind_to: With `run_id`: the step of the checkpoint to go on from. Points with a greater
            step no longer count; the record keeps them.
        fork_from: A run whose points the new run begins with, up to `fork_step`. The new run gets
            its params and tags, and its experiment if none is given.
        fork_step: The last step of the fork's beginning; None for all steps.

    Raises:
        InvalidStateError: A run is active and `nested` was not asked for.
        NotFoundError: There is no such run, parent or experiment.
        InvalidValueError: The run, its parent or its experiment is deleted, or arguments clash.
    """
    own = stack.own_innermost()
    if own is not None and not nested:
        raise InvalidStateError(
            f"Run with UUID {own.run_id} is already active. To start a new run, first "
            "end the current run with mlflow.end_run(). To start a nested run, call start_run with "
            "nested=True"
        )
    monitoring = machine_monitor.settings() if is_wanted(log_system_metrics) else None
    own_tags = user_tags(tags, description)
    client = current_client()
    _refuse_clash(run_id, rewind_to, fork_from, fork_step)
    begun_id = None
    if own is None and not (fork_from or parent_run_id):
        begun_id = _join(client, run_id, experiment_id)
    resumed_id = None if fork_from else run_id or os.environ.pop(RUN_ID_VARIABLE, None)
    if begun_id is not None:
        run = _resumed(client, begun_id, run_name, own_tags, rewind_to)
    elif fork_from:
        run = _fork(client, fork_from, fork_step, run_name, experiment_id, own_tags)
    elif resumed_id:
        run = _resume(client, resumed_id, run_name, own_tags, rewind_to)
    else:
        parent_id = _parent_id(client, parent_run_id, nested=nested)
        run = _create(client, experiment_id, run_name, parent_id, own_tags)
    active = ActiveRun(info=run.info, data=run.data, inputs=run.inputs, outputs=run.outputs)
    monitor = None
    if monitoring is not None:
        monitor = machine_monitor.Monitor(client.store.metrics, run.info.run_id, monitoring)
    stack.push(Frame(active, client, monitor))
    if monitor is not None:
        monitor.start()
    return active


def end_run(status: str = RunStatus.FINISHED) -> None:
    """End the active run of this thread or task with `status`; without an active run, do nothing.

    Raises:
        InvalidValueError: There is no such status; the run stays active.
    """
    if status not in RunStatus.ALL:
        raise InvalidValueError(
            f"Could not get run status corresponding to string {status}. "
            f"Valid run status strings: {list(RunStatus.ALL)}"
        )
    stack.pop(status)


def active_run() -> ActiveRun | None:
    """The innermost open run as it was at its start, or None. `get_run` gives its state now.

    A task of asyncio sees the run of the code that created the task, until it starts its own run.
    """
    frame = stack.innermost()
    return None if frame is None else frame.run


def last_active_run() -> Run | None:
    """The present state of the active run, else of the last run of this task or thread, or None."""
    active = active_run()
    if active is not None:
        return active
    last_id = stack.last_run_id()
    return None if last_id is None else get_run(last_id)


def active_frame() -> Frame:
    """The frame of the active run; a run is started if there is none."""
    frame = stack.innermost()
    if frame is None:
        start_run()
        frame = stack.innermost()
        assert frame is not None
    return frame


def target(run_id: str | None) -> tuple[EventtrackClient, str]:
    """The run that a call means, with the client of its store.

    Without `run_id` that is the active run; a run is started if there is none.
    """
    if run_id is None:
        frame = active_frame()
        return frame.client, frame.run_id
    return client_of(run_id), run_id


def sink_of(run_id: str | None) -> MetricSink:
    """The sink for points of the run that a call means; arguments as `target`."""
    if run_id is None:
        return active_frame()
    frame = stack.frame_of(run_id)
    return current_client().store.metrics.sink(run_id) if frame is None else frame


def client_of(run_id: str) -> EventtrackClient:
    """The client for a run: the client of its store if it is open here, else the current client."""
    frame = stack.frame_of(run_id)
    return current_client() if frame is None else frame.client


def get_run(run_id: str) -> Run:
    """The run as it is now: the latest value of each metric, params, tags, inputs.

    Raises:
        NotFoundError: There is no such run.
    """
    return client_of(run_id).get_run(run_id)


def get_parent_run(run_id: str) -> Run | None:
    """The parent of a run; None for a run without a parent."""
    return client_of(run_id).get_parent_run(run_id)


def delete_run(run_id: str) -> None:
    """Mark a run deleted; `restore_run` brings it back."""
    client_of(run_id).delete_run(run_id)


def restore_run(run_id: str) -> None:
    """Bring a deleted run back."""
    client_of(run_id).restore_run(run_id)


def _join(client: EventtrackClient, run_id: str | None, experiment_id: object) -> str | None:
    """The run that `eventtrack run` began for this program, at its first run; else None."""
    if run_id and run_id != os.environ.get(RUN_VARIABLE):
        return None
    chosen = chosen_experiment_id() if experiment_id is None else _experiment_text(experiment_id)
    begun_id = join_begun_run(client.store, chosen)
    if begun_id is not None and os.environ.get(RUN_ID_VARIABLE) == begun_id:
        del os.environ[RUN_ID_VARIABLE]  # the same run, for MLflow's own client
    return begun_id


def _create(
    client: EventtrackClient,
    experiment_id: str | None,
    run_name: str | None,
    parent_id: str | None,
    tags: dict[str, str],
) -> Run:
    if parent_id is not None:
        tags[PARENT_TAG] = parent_id
    if run_name:
        tags[RUN_NAME_TAG] = run_name
    if experiment_id is None:
        experiment_id = current_experiment_id(client)
    return client.create_run(_experiment_text(experiment_id), None, source_tags() | tags, run_name)


def _refuse_clash(
    run_id: str | None, rewind_to: int | None, fork_from: str | None, fork_step: int | None
) -> None:
    resumed = run_id or os.environ.get(RUN_VARIABLE) or os.environ.get(RUN_ID_VARIABLE)
    if rewind_to is not None and (fork_from or not resumed):
        raise InvalidValueError(
            "rewind_to needs the run that is to be rewound", hint="give its run_id too"
        )
    if fork_step is not None and not fork_from:
        raise InvalidValueError(
            "fork_step needs the run that is to be forked", hint="give it as fork_from"
        )
    if fork_from and run_id:
        raise InvalidValueError(
            "fork_from starts a run, run_id resumes one: they cannot both be given",
            hint="leave run_id out",
        )


def _fork(
    client: EventtrackClient,
    run_id: str,
    step: int | None,
    run_name: str | None,
    experiment_id: str | None,
    tags: dict[str, str],
) -> Run:
    target = None if experiment_id is None else _experiment_text(experiment_id)
    forked = client.fork_run(run_id, step, run_name=run_name, experiment_id=target).info.run_id
    client.store.runs.set_tags(forked, source_tags() | tags)
    return client.get_run(forked)


def _parent_id(client: EventtrackClient, parent_run_id: str | None, *, nested: bool) -> str | None:
    if not parent_run_id:
        frame = stack.innermost() if nested else None
        return None if frame is None else frame.run_id
    own = stack.own_innermost()
    if own is not None and parent_run_id != own.run_id:
        current_id = own.run_id
        raise InvalidStateError(
            f"Current run with UUID {current_id} does not match the specified parent_run_id "
            f"{parent_run_id}. To start a new nested run under the parent run with UUID "
            f"{current_id}, first end the current run with mlflow.end_run()."
        )
    if client.get_run(parent_run_id).info.lifecycle_stage == LifecycleStage.DELETED:
        raise InvalidValueError(
            f"Cannot start run under parent run with ID {parent_run_id} because it is in the "
            "deleted state.",
            hint=f'call restore_run("{parent_run_id}") first',
        )
    return parent_run_id


def _resume(
    client: EventtrackClient,
    run_id: str,
    run_name: str | None,
    tags: dict[str, str],
    rewind_to: int | None,
) -> Run:
    if stack.frame_of(run_id) is not None:
        raise InvalidStateError(f"Run with UUID {run_id} is already active.")
    info = client.get_run(run_id).info
    chosen = chosen_experiment_id()
    if chosen is not None and chosen != info.experiment_id:
        raise InvalidValueError(
            f"Cannot start run with ID {run_id} because active experiment ID does not match "
            "environment run ID. Make sure --experiment-name or --experiment-id matches experiment "
            "set with set_experiment(), or just use command-line arguments",
            hint=f'call set_experiment(experiment_id="{info.experiment_id}") first',
        )
    if info.lifecycle_stage == LifecycleStage.DELETED:
        raise InvalidValueError(
            f"Cannot start run with ID {run_id} because it is in the deleted state.",
            hint=f'call restore_run("{run_id}") first',
        )
    return _resumed(client, run_id, run_name, tags, rewind_to)


def _resumed(
    client: EventtrackClient,
    run_id: str,
    run_name: str | None,
    tags: dict[str, str],
    rewind_to: int | None,
) -> Run:
    if rewind_to is not None:
        client.rewind_run(run_id, rewind_to)
    with client.store.batch():
        client.store.runs.update(run_id, status=RunStatus.RUNNING, name=run_name)
        if tags:
            client.store.runs.set_tags(run_id, tags)
    return client.get_run(run_id)


def _experiment_text(experiment_id: object) -> str:
    if isinstance(experiment_id, str):
        return experiment_id
    if isinstance(experiment_id, int):
        return str(experiment_id)
    raise InvalidValueError(
        f"Invalid experiment id: {experiment_id} of type {type(experiment_id)}. "
        "Must be one of str, int, or None."
    )
