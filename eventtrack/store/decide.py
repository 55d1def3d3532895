"""The questions that every decision about a run asks first."""

from collections.abc import Callable

from eventtrack.clock import recorded_ms
from eventtrack.errors import InvalidValueError
from eventtrack.projections import index, raised
from eventtrack.projections.rows import end_of
from eventtrack.projections.state import RunState
from eventtrack.projections.tables import Reader
from eventtrack.store.context import StoreContext
from eventtrack.tags import RUN_NAME_TAG
from eventtrack.views.queries.runs import existing_run
from eventtrack.views.records import LifecycleStage


def active_run(context: StoreContext, reader: Reader, run_id: str) -> RunState:
    """The state of a run that may be written to.

    Raises:
        NotFoundError: There is no such run.
        InvalidValueError: The run or its experiment is deleted.
    """
    state = existing_run(reader, run_id)
    stage = context.over(reader).lifecycle(state)
    if stage != LifecycleStage.ACTIVE:
        raise InvalidValueError(
            f"The run {run_id} must be in the 'active' state. Current state is {stage}.",
            hint=f"restore it first: `eventtrack runs restore {run_id}`",
        )
    return state


def beside(reader: Reader, stream: str, now_ms: int) -> list[str]:
    """The other streams whose stages count together with a run's or an experiment's.

    A run shows the later of its own stage and its experiment's. So a decision about an experiment
    must also come after the decisions about its runs. Only runs whose times lie ahead of the clock
    matter here.
    """
    kind, _, name = stream.partition("/")
    if kind == "run":
        run = reader.run(name)
        return [f"experiment/{run.experiment}"] if run is not None and run.experiment else []
    experiment = reader.experiment(name) if kind == "experiment" else None
    field = reader.field((index.ATTRIBUTE, "lifecycle_stage"))
    if experiment is None or field is None:
        return []
    prefix = index.prefix(experiment.number, field)
    numbers = [index.run_of(row) for row in reader.rows.keys(index.CROWDS, prefix, end_of(prefix))]
    ahead = [number for number in numbers if recorded_ms(raised.latest(reader, number)) > now_ms]
    runs = (reader.run_by_number(number) for number in ahead)
    return [f"run/{run.run_id}" for run in runs if run is not None]


def points_allowed(context: StoreContext) -> Callable[[Reader, str], None]:
    """The check by which `Recorder.record` refuses a run that may not be written to."""

    def allow(reader: Reader, stream: str) -> None:
        active_run(context, reader, stream.partition("/")[2])

    return allow


def new_params(state: RunState, params: dict[str, str]) -> dict[str, str]:
    """The params that were not logged yet. A param with another value is refused."""
    known = state.live_params()
    for key, value in params.items():
        if known.get(key, value) != value:
            raise InvalidValueError(
                "Changing param values is not allowed. "
                f"Param with key='{key}' was already logged with value='{known[key]}' for run "
                f"ID='{state.run_id}'. Attempted logging new value '{value}'.",
                hint="log it under another name, start a new run, or correct the first one with "
                "`eventtrack runs correct`",
            )
    return {key: value for key, value in params.items() if key not in known}


def new_tags(state: RunState, tags: dict[str, str]) -> dict[str, str]:
    """The tags that change something. As in MLflow, an empty name does not replace a run's name."""
    known = state.live_tags()
    new = {key: value for key, value in tags.items() if known.get(key) != value}
    if not new.get(RUN_NAME_TAG, "-"):
        del new[RUN_NAME_TAG]
    return new
