"""Questions that every decision about a run asks first."""

from collections.abc import Callable

from eventtrack.errors import InvalidValueError, NotFoundError
from eventtrack.projections.state import RunState
from eventtrack.projections.tables import Reader
from eventtrack.store import validate
from eventtrack.store.context import StoreContext
from eventtrack.tags import RUN_NAME_TAG
from eventtrack.views.records import LifecycleStage


def existing_run(reader: Reader, run_id: str) -> RunState:
    """The state of a run.

    Raises:
        NotFoundError: There is none, or it is known by hearsay only.
    """
    state = reader.run(run_id) if validate.may_be_run_id(run_id) else None
    if state is None or not state.experiment_id:
        raise NotFoundError(
            f"Run with id={run_id} not found",
            hint="`eventtrack runs list` shows the ids of this store; is it the right store?",
        )
    return state


def active_run(context: StoreContext, reader: Reader, run_id: str) -> RunState:
    """The state of a run that may be written to.

    Raises:
        NotFoundError: There is none.
        InvalidValueError: It is deleted, or its experiment is.
    """
    state = existing_run(reader, run_id)
    stage = context.over(reader).lifecycle(state)
    if stage != LifecycleStage.ACTIVE:
        raise InvalidValueError(
            f"The run {run_id} must be in the 'active' state. Current state is {stage}.",
            hint=f"restore it first: `eventtrack runs restore {run_id}`",
        )
    return state


def points_allowed(context: StoreContext) -> Callable[[Reader, str], None]:
    """The check that `Recorder.record` makes of a run's stream: the run may be written to."""

    def allow(reader: Reader, stream: str) -> None:
        active_run(context, reader, stream.partition("/")[2])

    return allow


def new_params(state: RunState, params: dict[str, str]) -> dict[str, str]:
    """The params that were not logged yet; one with another value is refused."""
    known = state.live_params()
    for key, value in params.items():
        if known.get(key, value) != value:
            raise InvalidValueError(
                "Changing param values is not allowed. "
                f"Param with key='{key}' was already logged with value='{known[key]}' for run "
                f"ID='{state.run_id}'. Attempted logging new value '{value}'.",
                hint="log it under another name, start a new run, or take the first one back with "
                "`eventtrack undo`",
            )
    return {key: value for key, value in params.items() if key not in known}


def new_tags(state: RunState, tags: dict[str, str]) -> dict[str, str]:
    """The tags that change something; as in MLflow, no run loses its name to an empty one."""
    known = state.live_tags()
    new = {key: value for key, value in tags.items() if known.get(key) != value}
    if not new.get(RUN_NAME_TAG, "-"):
        del new[RUN_NAME_TAG]
    return new
